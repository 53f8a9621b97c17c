import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import type { InputRequest, StoredEntry } from '../engine/journal.ts';
import type { InputGate } from '../engine/ports.ts';
import type { JournalState } from './journal-state.ts';
import type { TaskRecord } from './record.ts';
import type { PendingInput } from './task.ts';
import { assertOwned } from './task-writer.ts';
import type { TaskWriter } from './task-writer.ts';
import { nextInputKey, transition } from './transition.ts';

export interface TaskInputsDeps {
  readonly writer: TaskWriter;
  readonly state: JournalState;
  readonly clock: Clock;
  readonly runner: string;
  readonly epoch: number;
  readonly signal: AbortSignal;
}

/**
 * The questions of one run. A question belongs to the record: it outlives this process, and the first valid answer to its key wins,
 * whoever takes it (D8). Asked, not answered and no longer pending means: timed out.
 */
export class TaskInputs implements InputGate {
  readonly #deps: TaskInputsDeps;
  readonly #waiting = new Map<string, (response: JsonValue) => void>();

  constructor(deps: TaskInputsDeps) {
    this.#deps = deps;
  }

  canAsk(): boolean {
    return true;
  }

  async ask(
    path: string,
    request: InputRequest,
    options: { readonly timeoutSeconds?: number } = {},
  ): Promise<JsonValue | undefined> {
    const { state, signal } = this.#deps;
    signal.throwIfAborted();
    if (state.input(path) === undefined) await this.#request(path, request, options.timeoutSeconds);
    const input = state.input(path);
    if (input === undefined || input.answer !== undefined) return input?.answer?.response;
    if (!isPending(this.#deps.writer.record, input.key)) return undefined;
    return this.#wait(path, input.key, input.expiresAt);
  }

  /** To be called after every commit of the task: wakes whoever waits for an answer in it. */
  committed(entries: readonly StoredEntry[]): void {
    for (const entry of entries) if (entry.type === 'input_answered') this.#waiting.get(entry.key)?.(entry.response);
  }

  async #request(path: string, request: InputRequest, timeoutSeconds: number | undefined): Promise<void> {
    const { writer, runner, epoch } = this.#deps;
    await writer.change({
      patient: true,
      apply: (record, now) => {
        assertOwned(record, runner, epoch);
        const key = nextInputKey(record);
        const expires = timeoutSeconds === undefined ? {} : { expiresAt: now + Math.ceil(timeoutSeconds * 1000) };
        const input: PendingInput = { key, path, request, requestedAt: now, ...expires };
        return {
          record: transition(record, { type: 'input_requested', input }, now),
          entries: [{ type: 'input_requested', path, key, request, ...expires }],
        };
      },
    });
  }

  async #wait(path: string, key: string, expiresAt: number | undefined): Promise<JsonValue | undefined> {
    const { clock, signal, state } = this.#deps;
    // The run may have been stopped while the request was written; an event that is over never comes again.
    signal.throwIfAborted();
    const timer = new AbortController();
    try {
      return await new Promise<JsonValue | undefined>((resolve, reject) => {
        this.#waiting.set(key, resolve);
        // Aborts the timer too, which rejects.
        const onAbort = (): void => reject(signal.reason);
        signal.addEventListener('abort', onAbort, { once: true });
        timer.signal.addEventListener('abort', () => signal.removeEventListener('abort', onAbort), { once: true });
        if (expiresAt === undefined) return;
        clock
          .sleep(Math.max(0, expiresAt - clock.now()), timer.signal)
          .then(() => this.#expire(key))
          .then(() => resolve(state.input(path)?.answer?.response))
          .catch(reject);
      });
    } finally {
      this.#waiting.delete(key);
      timer.abort();
    }
  }

  async #expire(key: string): Promise<void> {
    const { writer, runner, epoch } = this.#deps;
    await writer.change({
      patient: true,
      apply: (record, now) => {
        assertOwned(record, runner, epoch);
        if (!isPending(record, key)) return { record };
        return { record: transition(record, { type: 'input_closed', keys: [key] }, now) };
      },
    });
  }
}

function isPending({ state }: TaskRecord, key: string): boolean {
  return state.kind === 'open' && state.inputs.some((input) => input.key === key);
}
