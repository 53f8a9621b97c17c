import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import type { InputRequest, StoredEntry } from '../engine/journal.ts';
import type { InputGate } from '../engine/ports.ts';
import type { InputState, JournalState } from './journal-state.ts';
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
 * The questions of one run. A question belongs to the record: it outlives this process, and the first valid answer to
 * its key wins, whoever takes it (D8). One that nobody wants any more (the `signal` of `ask`: a deadline, a sibling
 * that failed) is withdrawn. Asked, not answered and no longer pending means: timed out when its time is over, else
 * withdrawn; who comes to it again asks anew, under a new key.
 */
export class TaskInputs implements InputGate {
  readonly #deps: TaskInputsDeps;
  /** By key. Made with the first: most runs ask nobody. */
  #waiting: Map<string, (response: JsonValue) => void> | undefined;

  constructor(deps: TaskInputsDeps) {
    this.#deps = deps;
  }

  canAsk(): boolean {
    return true;
  }

  samples(): boolean | undefined {
    return this.#deps.writer.record.samples;
  }

  async ask(
    path: string,
    request: InputRequest,
    options: { readonly timeoutSeconds?: number; readonly signal?: AbortSignal } = {},
  ): Promise<JsonValue | undefined> {
    const { state, signal } = this.#deps;
    signal.throwIfAborted();
    options.signal?.throwIfAborted();
    const known = state.input(path);
    if (known === undefined || this.#isWithdrawn(known)) await this.#request(path, request, options.timeoutSeconds);
    const input = state.input(path);
    if (input === undefined || input.answer !== undefined) return input?.answer?.response;
    if (!isPending(this.#deps.writer.record, input.key) && !this.#isWithdrawn(input)) return undefined;
    const unwanted = options.signal === undefined || options.signal === signal ? [] : [options.signal];
    try {
      return await this.#wait(path, input, [signal, ...unwanted]);
    } catch (error) {
      // The run goes on without this answer. When the run itself was stopped, the question stays for whoever goes on
      // with it.
      if (options.signal?.aborted === true && !signal.aborted) await this.#close(input.key).catch(() => undefined);
      throw error;
    }
  }

  /** To be called after every commit of the task: wakes whoever waits for an answer in it. */
  committed(entries: readonly StoredEntry[]): void {
    for (const entry of entries) if (entry.type === 'input_answered') this.#waiting?.get(entry.key)?.(entry.response);
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

  async #wait(
    path: string,
    { key, expiresAt, timeoutMs }: InputState,
    stops: readonly AbortSignal[],
  ): Promise<JsonValue | undefined> {
    const { clock, state } = this.#deps;
    // They may have aborted while the request was written; an event that is over never comes again.
    for (const stop of stops) stop.throwIfAborted();
    const timer = new AbortController();
    try {
      return await new Promise<JsonValue | undefined>((resolve, reject) => {
        (this.#waiting ??= new Map<string, (response: JsonValue) => void>()).set(key, resolve);
        for (const stop of stops) {
          const onAbort = (): void => reject(stop.reason);
          stop.addEventListener('abort', onAbort, { once: true });
          timer.signal.addEventListener('abort', () => stop.removeEventListener('abort', onAbort), { once: true });
        }
        if (expiresAt === undefined) return;
        // Never longer than it was to stand, also where the clock was set back.
        const left = Math.min(expiresAt - clock.now(), timeoutMs ?? Number.POSITIVE_INFINITY);
        clock
          .sleep(Math.max(0, left), timer.signal)
          .then(() => this.#close(key))
          .then(() => resolve(state.input(path)?.answer?.response))
          .catch(reject);
      });
    } finally {
      this.#waiting?.delete(key);
      timer.abort();
    }
  }

  /** Asked by an earlier run of this path, which did not want the answer any more. */
  #isWithdrawn({ key, expiresAt, answer }: InputState): boolean {
    const { writer, clock } = this.#deps;
    if (answer !== undefined || isPending(writer.record, key)) return false;
    return expiresAt === undefined || expiresAt > clock.now();
  }

  /** Takes the question off the record, whether it was timed out or withdrawn. */
  async #close(key: string): Promise<void> {
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
