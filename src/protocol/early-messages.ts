import type { TaskEvent, TaskService } from '../tasks/task.ts';

type MessageEvent = Extract<TaskEvent, { type: 'message' }>;

/** More than a run can say before its creator has its id. */
const MAX_HELD = 1_000;

/**
 * Messages of tasks that have no known id yet: a run may speak before the call that created it knows which one it is.
 * Begin before `create`, hand over after it, close in any case.
 */
export class EarlyMessages {
  readonly #held: MessageEvent[] = [];
  readonly #stop: () => void;

  constructor(tasks: Pick<TaskService, 'subscribe'>) {
    this.#stop = tasks.subscribe((event) => {
      if (event.type === 'message' && this.#held.length < MAX_HELD) this.#held.push(event);
    });
  }

  /** What this task has said so far, in order; nothing is held any more. Subscribe to the task in the same turn. */
  handOver(taskId: string): readonly MessageEvent[] {
    this.#stop();
    return this.#held.splice(0).filter((event) => event.taskId === taskId);
  }

  /** Lets go of everything. Harmless after `handOver`. */
  close(): void {
    this.#stop();
    this.#held.length = 0;
  }
}
