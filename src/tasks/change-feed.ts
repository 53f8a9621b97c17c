import type { Logger } from '../core/logger.ts';
import { messageOf } from '../core/failure.ts';
import { TaskError } from './task.ts';
import type { TaskEvent, TaskView } from './task.ts';

interface Waiter {
  readonly afterRev: number;
  readonly resolve: (view: TaskView) => void;
  readonly reject: (error: unknown) => void;
}

/** Whether a view is what a waiter waits for. */
export function isNews(view: TaskView, afterRev: number): boolean {
  return view.rev > afterRev || view.endedAt !== undefined;
}

/** Tells subscribers and waiters what is already durable (T2). A listener that throws is logged and harms nobody. */
export class ChangeFeed {
  readonly #logger: Logger;
  readonly #all = new Set<(event: TaskEvent) => void>();
  readonly #byTask = new Map<string, Set<(event: TaskEvent) => void>>();
  readonly #waiters = new Map<string, Set<Waiter>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Ids that somebody waits for or listens to. */
  watched(): readonly string[] {
    return [...new Set([...this.#waiters.keys(), ...this.#byTask.keys()])];
  }

  publish(event: TaskEvent): void {
    const taskId = event.type === 'changed' ? event.view.taskId : event.taskId;
    for (const listener of [...this.#all, ...(this.#byTask.get(taskId) ?? [])]) {
      try {
        listener(event);
      } catch (error) {
        this.#logger.error({ taskId, error: messageOf(error) }, 'a listener failed');
      }
    }
    if (event.type !== 'changed') return;
    for (const waiter of this.#waiters.get(taskId) ?? []) {
      if (isNews(event.view, waiter.afterRev)) waiter.resolve(event.view);
    }
  }

  /** A task is no more: whoever waits for it is told so. */
  gone(taskId: string): void {
    for (const waiter of this.#waiters.get(taskId) ?? []) waiter.reject(new TaskError('not_found', 'task not found'));
  }

  subscribe(listener: (event: TaskEvent) => void, taskId?: string): () => void {
    const set = taskId === undefined ? this.#all : entryOf(this.#byTask, taskId);
    set.add(listener);
    return () => {
      set.delete(listener);
      if (taskId !== undefined && set.size === 0 && this.#byTask.get(taskId) === set) this.#byTask.delete(taskId);
    };
  }

  /**
   * `news` resolves with the first view published from now on that is news, and rejects with the signal's reason on
   * abort. After
   * `leave` it may never settle.
   */
  wait(
    taskId: string,
    afterRev: number,
    signal: AbortSignal,
  ): { readonly news: Promise<TaskView>; readonly leave: () => void } {
    let leave = (): void => undefined;
    const news = new Promise<TaskView>((resolve, reject) => {
      const set = entryOf(this.#waiters, taskId);
      const onAbort = (): void => settle(() => reject(signal.reason));
      const waiter: Waiter = {
        afterRev,
        resolve: (view) => settle(() => resolve(view)),
        reject: (error) => settle(() => reject(error)),
      };
      const settle = (act: () => void): void => {
        set.delete(waiter);
        if (set.size === 0 && this.#waiters.get(taskId) === set) this.#waiters.delete(taskId);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      leave = () => settle(() => undefined);
      set.add(waiter);
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
    return { news, leave };
  }
}

function entryOf<T>(map: Map<string, Set<T>>, key: string): Set<T> {
  let set = map.get(key);
  if (set === undefined) map.set(key, (set = new Set()));
  return set;
}
