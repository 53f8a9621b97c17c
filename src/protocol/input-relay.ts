import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { InputRequest } from '../engine/journal.ts';
import { TaskError, type PendingInput, type TaskView } from '../tasks/task.ts';
import { wasNotShown } from './not-shown.ts';
import type { SharedQuestions, Verdict } from './shared-questions.ts';

/** How often an answer that does not fit the requested schema is asked for again on one connection. */
const MAX_ASKS = 3;

/** A connection that can put questions to a person or a model. */
export interface Asker {
  /** Whether the client declared that it can answer this kind of request. Never ask it otherwise. */
  can(request: InputRequest): boolean;
  /**
   * Resolves with the client's answer in MCP's shape; rejects on a JSON-RPC error, on a lost connection and on abort.
   */
  ask(input: PendingInput, signal: AbortSignal): Promise<JsonValue>;
}

export interface RelayPorts {
  readonly asker: Asker;
  readonly respond: (key: string, response: JsonValue) => Promise<'accepted' | 'ignored'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly instantDeclineMs: number;
  /** The questions that the connection is being asked, so that each is shown once however many requests wait. */
  readonly questions: SharedQuestions;
  readonly taskId: string;
  /** Called when every open question was tried and none can be answered on this connection. */
  readonly onStuck: () => void;
}

/**
 * Puts the open questions of one task to one client. The questions belong to the task, not to the relay: an answer from
 * anywhere withdraws the question here, and closing the relay leaves it open for the next connection.
 *
 * I1 each question is asked at most once per relay, and by one relay of a connection at a time, again only after an
 *    answer that did not fit. I2 an instant no is a host that showed nothing: it is not passed on.
 */
export class InputRelay {
  readonly #ports: RelayPorts;
  readonly #asked = new Map<string, AbortController>();
  readonly #unanswerable = new Set<string>();
  #open: readonly PendingInput[] = [];
  #closed = false;

  constructor(ports: RelayPorts) {
    this.#ports = ports;
  }

  /** Asks what is new in `view` and withdraws what is no longer open. */
  offer(view: TaskView): void {
    if (this.#closed) return;
    this.#open = view.inputs;
    const openKeys = new Set(view.inputs.map((input) => input.key));
    for (const [key, controller] of this.#asked) if (!openKeys.has(key)) controller.abort(new Error('answered'));
    for (const input of view.inputs) {
      if (this.#asked.has(input.key)) continue;
      const controller = new AbortController();
      this.#asked.set(input.key, controller);
      if (this.#ports.asker.can(input.request)) void this.#ask(input, controller.signal);
      else this.#unanswerable.add(input.key);
    }
    this.#reportStuck();
  }

  /** Withdraws every question that is being asked. They stay open on the task. */
  close(): void {
    this.#closed = true;
    for (const controller of this.#asked.values()) controller.abort(new Error('the request ended'));
  }

  async #ask(input: PendingInput, signal: AbortSignal): Promise<void> {
    const id = `${this.#ports.taskId} ${input.key}`;
    const verdict = await this.#ports.questions.ask(id, signal, () => this.#put(input, signal));
    if (verdict !== 'unanswerable') return;
    this.#unanswerable.add(input.key);
    this.#reportStuck();
  }

  /** Never rejects. */
  async #put(input: PendingInput, signal: AbortSignal): Promise<Verdict> {
    try {
      let refused: string | undefined;
      for (let attempt = 1; attempt <= MAX_ASKS; attempt += 1) {
        const shownAt = this.#ports.clock.monotonic();
        const response = await this.#ports.asker.ask(
          refused === undefined ? input : withReason(input, refused),
          signal,
        );
        if (wasNotShown(response, this.#ports.clock.monotonic() - shownAt, this.#ports.instantDeclineMs)) {
          this.#ports.logger.info(
            { key: input.key },
            'the host answered at once for the person: the question was not shown and stays open',
          );
          break;
        }
        refused = await this.#passOn(input, response);
        if (refused === undefined) return 'answered';
      }
    } catch (error) {
      if (signal.aborted) return 'withdrawn';
      this.#ports.logger.info({ key: input.key, cause: messageOf(error) }, 'the client could not be asked');
    }
    return 'unanswerable';
  }

  /** Why the answer does not fit, when it may be asked for again. */
  async #passOn(input: PendingInput, response: JsonValue): Promise<string | undefined> {
    try {
      await this.#ports.respond(input.key, response);
      return undefined;
    } catch (error) {
      if (error instanceof TaskError && error.code === 'invalid_input_response') {
        this.#ports.logger.info({ key: input.key, cause: error.message }, 'an answer did not fit the question');
        return error.message;
      }
      throw error;
    }
  }

  #reportStuck(): void {
    if (this.#closed || this.#open.length === 0) return;
    if (this.#open.every((input) => this.#unanswerable.has(input.key))) this.#ports.onStuck();
  }
}

/**
 * The question with the reason why the last answer to it was not taken, so that whoever is asked again knows what to
 * change.
 */
function withReason(input: PendingInput, reason: string): PendingInput {
  const { message } = input.request.params;
  if (typeof message !== 'string') return input;
  const params = { ...input.request.params, message: `${message}\n\nThe last answer was not taken: ${reason}` };
  return { ...input, request: { ...input.request, params } };
}
