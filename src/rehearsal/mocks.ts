import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Answer } from './answer.ts';

/**
 * The mocks of one test. Each attempt of a step and each iteration takes the next of its `sequence`; the last one stays.
 * A mock without `sequence` is the same every time.
 */
export class Mocks {
  readonly #answers: ReadonlyMap<string, readonly Answer[]>;
  readonly #taken = new Map<string, number>();

  constructor(mocks: { readonly [stepId: string]: JsonObject }) {
    this.#answers = new Map(Object.entries(mocks).map(([id, mock]) => [id, answersOf(mock)]));
  }

  /** The answer for the next attempt of this step; `undefined` when it has no mock. */
  next(step: string): Answer | undefined {
    const answers = this.#answers.get(step);
    if (answers === undefined) return undefined;
    const index = this.#taken.get(step) ?? 0;
    this.#taken.set(step, index + 1);
    return answers[Math.min(index, answers.length - 1)];
  }

  /** Steps with a mock that nothing asked for. */
  unused(): readonly string[] {
    return [...this.#answers.keys()].filter((id) => !this.#taken.has(id));
  }
}

function answersOf(mock: JsonObject): readonly Answer[] {
  const { sequence } = mock;
  if (!Array.isArray(sequence)) return [answerOf(mock)];
  return sequence.length === 0 ? [{ output: null }] : sequence.filter(isJsonObject).map(answerOf);
}

function answerOf({ output, error }: JsonObject): Answer {
  if (error === undefined || error === null) return { output: output ?? null };
  if (!isJsonObject(error)) return { error: { code: undefined, message: textOf(error) } };
  const { code, message, data } = error;
  return {
    error: {
      code: code === undefined ? undefined : textOf(code),
      message: message === undefined ? 'the mock says so' : textOf(message),
      ...(data === undefined ? {} : { data }),
    },
  };
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
