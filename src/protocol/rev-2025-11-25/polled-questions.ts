import type { TaskView } from '../../tasks/task.ts';
import { startRelay } from '../calls.ts';
import type { InputRelay } from '../input-relay.ts';
import { isTerminal } from '../task-object.ts';
import { asker2025 } from './asker.ts';
import type { Session } from './session.ts';

/** So often a client may see that a task waits for input, until it is taken to be one that only polls. */
const POLLS = 2;

/** Tasks of one connection that are remembered; the one polled longest ago gives way. */
const MAX_TASKS = 100;

interface Polled {
  polls: number;
  relay?: InputRelay;
  readonly stop: () => void;
}

/**
 * Questions for clients that poll `tasks/get` to the end. The page wants a requestor to call `tasks/result` as soon as
 * input is required (SHOULD), and then its stream carries the question; the client of `@modelcontextprotocol/ext-tasks`
 * never does. Who polls on is asked on the connection's own stream, with the related-task metadata; a `tasks/result`
 * takes the question over.
 */
export class PolledQuestions {
  readonly #polled = new Map<string, Polled>();
  /** How many `tasks/result` wait, by task. */
  readonly #waiting = new Map<string, number>();

  /** `tasks/get` shows this state. */
  seen(view: TaskView, session: Session): void {
    if (this.#waiting.has(view.taskId)) return;
    if (view.inputs.length === 0) return;
    const polled = this.#polled.get(view.taskId) ?? this.#watch(view.taskId, session);
    polled.polls += 1;
    if (polled.polls < POLLS) return;
    polled.relay ??= startRelay(
      view.taskId,
      session.caller,
      { asker: asker2025(session, undefined, view.taskId), questions: session.questions },
      session.deps,
      () => undefined,
    );
    polled.relay.offer(view);
  }

  /** A `tasks/result` waits from now on, until the function that comes back is called. */
  waits(taskId: string): () => void {
    this.#forget(taskId);
    this.#waiting.set(taskId, (this.#waiting.get(taskId) ?? 0) + 1);
    return () => {
      const left = (this.#waiting.get(taskId) ?? 1) - 1;
      if (left > 0) this.#waiting.set(taskId, left);
      else this.#waiting.delete(taskId);
    };
  }

  /** The connection has ended; its questions stay open on their tasks. */
  close(): void {
    for (const taskId of this.#polled.keys()) this.#forget(taskId);
  }

  #watch(taskId: string, session: Session): Polled {
    const stop = session.deps.tasks.subscribe((event) => {
      if (event.type !== 'changed') return;
      if (isTerminal(event.view)) this.#forget(taskId);
      else this.#polled.get(taskId)?.relay?.offer(event.view);
    }, taskId);
    const polled: Polled = { polls: 0, stop };
    this.#polled.set(taskId, polled);
    const [oldest] = this.#polled.keys();
    if (this.#polled.size > MAX_TASKS && oldest !== undefined) this.#forget(oldest);
    return polled;
  }

  #forget(taskId: string): void {
    const polled = this.#polled.get(taskId);
    this.#polled.delete(taskId);
    polled?.stop();
    polled?.relay?.close();
  }
}
