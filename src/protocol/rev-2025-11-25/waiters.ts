/**
 * A client that lost its stream leaves a waiter behind that nobody can see; so many of one task on one connection are
 * kept.
 */
const MAX_WAITERS = 16;

/** A waiting request's place. `signal` aborts when a newer waiter needed it. */
export interface WaiterPlace {
  readonly signal: AbortSignal;
  leave(): void;
}

/** Bounds the requests that wait for one task on one connection: the oldest gives way. */
export class WaiterLimit {
  readonly #waiters = new Map<string, Set<AbortController>>();

  enter(taskId: string): WaiterPlace {
    const waiting = this.#waiters.get(taskId) ?? new Set();
    this.#waiters.set(taskId, waiting);
    const controller = new AbortController();
    waiting.add(controller);
    if (waiting.size > MAX_WAITERS) {
      for (const oldest of waiting) {
        waiting.delete(oldest);
        oldest.abort(new Error('superseded'));
        break;
      }
    }
    return {
      signal: controller.signal,
      leave: () => {
        waiting.delete(controller);
        if (waiting.size === 0) this.#waiters.delete(taskId);
      },
    };
  }
}
