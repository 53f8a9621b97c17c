import type { JsonValue } from '../core/json.ts';
import type { AskForChild } from '../engine/ports.ts';
import type { PendingInput } from './task.ts';

/**
 * The open questions of one child, put to its parent. The child's record stays the one that counts: an answer that
 * comes too late changes nothing, and after a restart the parent finds the question that it had put already.
 */
export class ChildQuestions {
  readonly #ask: AskForChild | undefined;
  readonly #respond: (key: string, response: JsonValue) => Promise<unknown>;
  readonly #asked = new Map<string, { readonly withdraw: AbortController; readonly done: Promise<void> }>();

  constructor(ask: AskForChild | undefined, respond: (key: string, response: JsonValue) => Promise<unknown>) {
    this.#ask = ask;
    this.#respond = respond;
  }

  /** Asks what is new among the open questions and withdraws what is no longer among them. */
  offer(open: readonly PendingInput[]): void {
    if (this.#ask === undefined) return;
    const keys = new Set(open.map(({ key }) => key));
    for (const [key, { withdraw }] of this.#asked)
      if (!keys.has(key)) withdraw.abort(new Error('withdrawn by the child'));
    for (const input of open) {
      if (this.#asked.has(input.key)) continue;
      const withdraw = new AbortController();
      this.#asked.set(input.key, { withdraw, done: this.#put(this.#ask, input, withdraw.signal) });
    }
  }

  /** Withdraws all; resolves when none is open with the parent any more. */
  async close(): Promise<void> {
    for (const { withdraw } of this.#asked.values()) withdraw.abort(new Error('the child has ended'));
    await Promise.all([...this.#asked.values()].map(({ done }) => done));
  }

  /** Never rejects: what stops the parent stops its waiting for the child too. */
  async #put(ask: AskForChild, { key, path, request }: PendingInput, withdrawn: AbortSignal): Promise<void> {
    try {
      const response = await ask({ path, request }, withdrawn);
      if (response !== undefined) await this.#respond(key, response);
    } catch {
      // Withdrawn, or the run is being stopped.
    }
  }
}
