import type { Principal } from '../tasks/task.ts';

/** Ids remembered per connection; the oldest is forgotten first. */
const MAX_KNOWN_TASKS = 10_000;

/** Task ids a connection has created or named: those it may be told about without asking again. Bounded. */
export class KnownTasks {
  readonly #ids = new Set<string>();

  add(taskId: string): void {
    // Naming it again does not move it: cursors of the list stay where they are.
    this.#ids.add(taskId);
    if (this.#ids.size <= MAX_KNOWN_TASKS) return;
    for (const oldest of this.#ids) {
      this.#ids.delete(oldest);
      return;
    }
  }

  has(taskId: string): boolean {
    return this.#ids.has(taskId);
  }

  /** Newest first. */
  list(): readonly string[] {
    return [...this.#ids].reverse();
  }
}

/**
 * Who asks. `identified`: the transport tells callers apart (stdio: one process, one caller; HTTP with a token).
 * Without it the capability `tasks.list` is not declared. `listsAll`: the server's own lists (`tasks_list`,
 * `resources/list`, completions) show every task of the principal, because everybody behind it is the same person or
 * may see them; otherwise a task id is the only secret, and they show what the connection has named itself.
 */
export interface Caller {
  readonly principal: Principal;
  readonly identified: boolean;
  readonly listsAll: boolean;
  readonly known: KnownTasks;
}
