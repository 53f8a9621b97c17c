import type { Clock } from '../../core/clock.ts';
import { isoTime } from '../../core/clock.ts';
import type { Principal, TaskService, TaskView } from '../../tasks/task.ts';
import type { ServerEvent } from '../route.ts';
import { taskBody } from '../views.ts';

/** How often the newest tasks are looked at, for those that other processes run on the same data. */
const LOOK_MS = 5_000;
const PAGE = 200;
/** A reader that has so many to read is sent away: it comes back with its cursor. */
const MOST_WAITING = 10_000;
/**
 * Changes are dated before they are durable, by clocks of several processes: so much before the cursor is told again.
 */
const MARGIN_MS = 60_000;

interface Told {
  readonly tasks: TaskService;
  readonly clock: Clock;
  readonly principal: Principal;
  readonly workflow?: string;
}

/**
 * The tasks of a principal as they change: `ready` when it listens, then `task` with the newest state of every task
 * that changed. With `since` (the id of an earlier stream's last event) every task that changed from then on is told
 * first, read from the store, so a client that comes back, also to another process, misses no state; one that it knows
 * may come again. Ends on abort.
 */
export async function* listEvents(
  told: Told,
  since: number | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerEvent> {
  const changes = new Changes(told);
  try {
    // First it listens, then it looks.
    await changes.look();
    const now = told.clock.now();
    let cursor = since ?? now;
    yield { event: 'ready', id: String(cursor), data: { now: isoTime(now) } };
    // Until all of them have been told the cursor stays: a client that breaks off is told again.
    if (since !== undefined) {
      for await (const view of changedSince(told, since - MARGIN_MS, signal)) {
        changes.tell(view);
        yield { event: 'task', id: String(cursor), data: taskBody(view) };
      }
    }
    for (;;) {
      const view = await changes.next(signal);
      if (view === undefined) return;
      cursor = Math.max(cursor, view.lastUpdatedAt);
      yield { event: 'task', id: String(cursor), data: taskBody(view) };
    }
  } finally {
    changes.close();
  }
}

async function* changedSince(told: Told, since: number, signal: AbortSignal): AsyncGenerator<TaskView> {
  const { tasks, principal, workflow } = told;
  for (let cursor: string | undefined; ;) {
    signal.throwIfAborted();
    const page = await tasks.list({
      principal,
      limit: PAGE,
      ...(workflow !== undefined && { workflow }),
      ...(cursor !== undefined && { cursor }),
    });
    yield* page.tasks.filter(({ lastUpdatedAt }) => lastUpdatedAt >= since);
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

/** Tasks that have changed and were not told yet, each once, in its newest state. */
class Changes {
  readonly #told: Told;
  readonly #waiting = new Map<string, TaskView>();
  /** The revision that was told last, of the newest tasks. */
  #known: Map<string, number> | undefined;
  readonly #unsubscribe: () => void;
  #wake: () => void = () => undefined;
  #looked: number;

  constructor(told: Told) {
    this.#told = told;
    this.#looked = told.clock.monotonic();
    this.#unsubscribe = told.tasks.subscribe((event) => {
      if (event.type === 'changed') this.#changed(event.view);
    });
  }

  #changed(view: TaskView): void {
    const { principal, workflow } = this.#told;
    if (view.principal !== principal || (workflow !== undefined && view.workflow !== workflow)) return;
    // To the end: ids of events only grow.
    this.#waiting.delete(view.taskId);
    if (this.#waiting.size <= MOST_WAITING) this.#waiting.set(view.taskId, view);
    this.#wake();
  }

  /** Notes that a state was told. */
  tell(view: TaskView): void {
    this.#known?.set(view.taskId, view.rev);
  }

  /** The next change; `undefined` on abort. */
  async next(signal: AbortSignal): Promise<TaskView | undefined> {
    for (;;) {
      if (signal.aborted || this.#waiting.size > MOST_WAITING) return undefined;
      for (const [id, view] of this.#waiting) {
        this.#waiting.delete(id);
        this.tell(view);
        return view;
      }
      await this.#untilNews(signal);
      if (this.#waiting.size === 0 && this.#told.clock.monotonic() - this.#looked >= LOOK_MS) await this.look();
    }
  }

  async #untilNews(signal: AbortSignal): Promise<void> {
    const woken = new AbortController();
    this.#wake = () => woken.abort(new Error('news'));
    try {
      await this.#told.clock.sleep(LOOK_MS, AbortSignal.any([signal, woken.signal]));
    } catch {
      // Woken: by news or by the end.
    } finally {
      this.#wake = () => undefined;
    }
  }

  /**
   * Finds what other processes have changed among the newest tasks. The first time everything is known that is there.
   */
  async look(): Promise<void> {
    const { tasks, principal, workflow, clock } = this.#told;
    const page = await tasks.list({ principal, limit: PAGE, ...(workflow !== undefined && { workflow }) });
    const known = new Map(page.tasks.map(({ taskId, rev }) => [taskId, rev]));
    for (const view of page.tasks.toReversed()) {
      const isNews = this.#known !== undefined && (this.#known.get(view.taskId) ?? 0) < view.rev;
      if (isNews && !this.#waiting.has(view.taskId)) this.#waiting.set(view.taskId, view);
    }
    this.#known = known;
    this.#looked = clock.monotonic();
  }

  close(): void {
    this.#unsubscribe();
  }
}
