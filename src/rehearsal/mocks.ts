import { FAILURE_CODES } from '../core/failure.ts';
import { isJsonObject, objectOrEmpty, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Answer } from './answer.ts';

const SAYS = 'the mock says so';
const CODES: ReadonlySet<string> = new Set(FAILURE_CODES);

/**
 * The mocks of one test. Each attempt of a step and each iteration takes the next of its `sequence`; the last one
 * stays. A mock without `sequence` is the same every time. `items` has answers for single items of a `foreach`, each
 * with a sequence of its own.
 */
export class Mocks {
  readonly #answers: ReadonlyMap<string, readonly Answer[]>;
  /** Answers for single items of a `foreach`, by step and item as text. */
  readonly #ofItems: ReadonlyMap<string, ReadonlyMap<string, readonly Answer[]>>;
  readonly #taken = new Map<string, number>();

  constructor(mocks: { readonly [stepId: string]: JsonObject }) {
    this.#answers = new Map(Object.entries(mocks).map(([id, mock]) => [id, answersOf(mock)]));
    this.#ofItems = new Map(
      Object.entries(mocks).map(([id, { items }]) => [
        id,
        new Map(Object.entries(objectOrEmpty(items)).map(([item, mock]) => [item, answersOf(objectOrEmpty(mock))])),
      ]),
    );
  }

  /**
   * The answer for the next attempt of this step; `undefined` when it has no mock. `items`: those that it runs for, the
   * innermost last.
   */
  next(step: string, items: readonly JsonValue[] = []): Answer | undefined {
    const own = this.#ofItems.get(step);
    const item = items.map(textOf).findLast((text) => own?.has(text) === true);
    const answers = item === undefined ? this.#answers.get(step) : own?.get(item);
    if (answers === undefined) return undefined;
    const counter = item === undefined ? step : `${step} ${item}`;
    const index = this.#taken.get(counter) ?? 0;
    this.#taken.set(counter, index + 1);
    this.#taken.set(step, this.#taken.get(step) ?? 0);
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
  // A word that is an error code of the language is the code; any other text is a message.
  if (typeof error === 'string' && CODES.has(error)) return { error: { code: error, message: SAYS } };
  if (!isJsonObject(error)) return { error: { code: undefined, message: textOf(error) } };
  const { code, message, data } = error;
  return {
    error: {
      code: code === undefined ? undefined : textOf(code),
      message: message === undefined ? SAYS : textOf(message),
      ...(data === undefined ? {} : { data }),
    },
  };
}

function textOf(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
