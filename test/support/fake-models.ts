import type { ModelAnswer, ModelBound, ModelCall, ModelRequest, Models } from '../../src/engine/ports.ts';

/** What a scripted model says: a text, a whole answer in part, or a failure. */
export type Said = string | Partial<ModelAnswer> | Error;

/**
 * Models that answer by a script, for tests of the engine. A turn takes 100 tokens and 0.01 dollars, and at most 200
 * and 0.02.
 */
export class FakeModels implements Models {
  readonly asked: { readonly name: string; readonly request: ModelRequest }[] = [];
  readonly #names: readonly string[];
  readonly #say: (turn: number, name: string, signal: AbortSignal) => Said | Promise<Said>;
  bound: ModelBound = { tokens: 200, usd: 0.02 };

  constructor(
    names: readonly string[],
    say: (turn: number, name: string, signal: AbortSignal) => Said | Promise<Said>,
  ) {
    this.#names = names;
    this.#say = say;
  }

  has(name: string): boolean {
    return this.#names.includes(name);
  }

  most(): ModelBound {
    return this.bound;
  }

  async ask(name: string, request: ModelRequest, { signal, onTurn }: ModelCall): Promise<ModelAnswer> {
    await onTurn?.();
    signal.throwIfAborted();
    this.asked.push({ name, request });
    const said = await this.#say(this.asked.length, name, signal);
    if (said instanceof Error) throw said;
    const usage = { input_tokens: 80, output_tokens: 20, total_tokens: 100, usd: 0.01 };
    const whole = { text: '', model: `${name}-1`, stop_reason: 'endTurn', usage };
    return typeof said === 'string' ? { ...whole, text: said } : { ...whole, ...said };
  }
}
