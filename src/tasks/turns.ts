import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import type { Definition } from '../definition/model.ts';
import type { ChangeFeed } from './change-feed.ts';
import { keys, lastPart, under } from './keys.ts';
import { loadRecords } from './record.ts';
import type { TaskRecord } from './record.ts';
import type { StoreHealth } from './store-health.ts';
import type { TaskStore } from '../store/task-store.ts';
import { scanPages } from '../store/scan.ts';

const PAGE = 500;
/** How often those far behind are told how many stand before them. */
const TELL_MS = 5000;

/** What cancels a task that gives way to a newer one. */
export type GiveWay = (id: string, principal: string) => Promise<void>;

/** What it needs of what the parts of the room share. */
export interface TurnsContext {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly health: StoreHealth;
  readonly feed: ChangeFeed;
  readonly reportDamage: (key: string, message: string) => void;
}

interface Waiter {
  readonly key: string;
  readonly record: TaskRecord;
  readonly concurrency: NonNullable<Definition['concurrency']>;
  readonly tell: (before: number) => void;
  readonly begin: () => void;
  told: boolean;
}

interface Line {
  readonly waiters: Set<Waiter>;
  looking: Promise<void> | undefined;
  again: boolean;
  lastTold: number;
  clearing: boolean;
}

/**
 * The runs of this process that wait for their turn (L1–L3 of turn-tickets.ts). They are looked after when one joins,
 * when a task of the workflow ends here, and when another process has committed. Those that say `cancel_previous`
 * cancel older tasks of their own principal; places of others they wait for.
 */
export class Turns {
  readonly #context: TurnsContext;
  readonly #giveWay: GiveWay;
  readonly #lines = new Map<string, Line>();
  #unsubscribe: (() => void) | undefined;

  constructor(context: TurnsContext, giveWay: GiveWay) {
    this.#context = context;
    this.#giveWay = giveWay;
  }

  /**
   * Resolves when it is the task's turn; `tell` hears how many are before it. Rejects with the signal's reason on
   * abort.
   */
  async wait(
    record: TaskRecord,
    turn: number,
    concurrency: NonNullable<Definition['concurrency']>,
    tell: (before: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    signal.throwIfAborted();
    const { workflow, id } = record;
    const line = this.#lineOf(workflow);
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        line.waiters.delete(waiter);
        signal.removeEventListener('abort', onAbort);
        if (line.waiters.size === 0) this.#close(workflow, line);
      };
      const onAbort = (): void => {
        leave();
        reject(signal.reason as Error);
      };
      const begin = (): void => {
        leave();
        resolve();
      };
      const waiter: Waiter = { key: keys.turn(workflow, turn, id), record, concurrency, tell, begin, told: false };
      line.waiters.add(waiter);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#look(workflow, line);
    });
  }

  /** Somebody else has changed the store. */
  look(): void {
    for (const [workflow, line] of this.#lines) this.#look(workflow, line);
  }

  #lineOf(workflow: string): Line {
    const known = this.#lines.get(workflow);
    if (known !== undefined) return known;
    const line: Line = {
      waiters: new Set(),
      looking: undefined,
      again: false,
      lastTold: Number.NEGATIVE_INFINITY,
      clearing: false,
    };
    this.#lines.set(workflow, line);
    this.#unsubscribe ??= this.#context.feed.subscribe((event) => {
      const of = event.type === 'changed' && event.view.endedAt !== undefined ? event.view.workflow : undefined;
      const touched = of === undefined ? undefined : this.#lines.get(of);
      if (of !== undefined && touched !== undefined) this.#look(of, touched);
    });
    return line;
  }

  #close(workflow: string, line: Line): void {
    if (this.#lines.get(workflow) === line) this.#lines.delete(workflow);
    if (this.#lines.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
  }

  #look(workflow: string, line: Line): void {
    line.again = true;
    line.looking ??= this.#looks(workflow, line)
      .catch((error: unknown) => {
        // Only a shutdown ends it: the waiters are told by their own signals.
        this.#context.logger.debug({ workflow, error: messageOf(error) }, 'a line is not looked after any more');
      })
      .finally(() => {
        line.looking = undefined;
      });
  }

  async #looks(workflow: string, line: Line): Promise<void> {
    while (line.again && line.waiters.size > 0) {
      line.again = false;
      await this.#context.health.patiently(() => this.#once(workflow, line));
    }
  }

  /** Those at the head every time; all the others when one has not been told yet, or their number is old. */
  async #once(workflow: string, line: Line): Promise<void> {
    const { store, clock } = this.#context;
    const all = [...line.waiters];
    const due = clock.monotonic() - line.lastTold >= TELL_MS;
    const far = due || all.some(({ told }) => !told);
    const head = Math.max(...all.map(({ concurrency }) => concurrency.limit)) + 10;
    const byKey = new Map(all.map((waiter) => [waiter.key, waiter]));
    const rows: string[] = [];
    let whole = true;
    for await (const page of scanPages(store, under(keys.turns(workflow)), PAGE)) {
      for (const { key } of page) this.#place(byKey.get(key), rows.push(key) - 1, far || rows.length <= head);
      whole = far || rows.length < head || page.length < PAGE;
      if (!whole) break;
    }
    // Without a place there is nothing to wait for; whoever was cancelled meanwhile does not get far.
    if (whole) for (const waiter of all) if (!rows.includes(waiter.key)) waiter.begin();
    if (far) line.lastTold = clock.monotonic();
    this.#clear(line, rows);
  }

  #place(waiter: Waiter | undefined, before: number, tells: boolean): void {
    if (waiter === undefined) return;
    if (before < waiter.concurrency.limit) {
      waiter.begin();
    } else if (tells) {
      waiter.told = true;
      waiter.tell(before);
    }
  }

  /** `cancel_previous`: as many older tasks as are in the way end, the oldest first. */
  #clear(line: Line, rows: readonly string[]): void {
    if (line.clearing) return;
    const waiters = [...line.waiters].filter(({ concurrency }) => concurrency.on_conflict === 'cancel_previous');
    if (waiters.length === 0) return;
    line.clearing = true;
    void this.#cancelBefore(waiters, rows)
      .catch((error: unknown) => {
        this.#context.logger.warn({ error: messageOf(error) }, 'older tasks could not be cancelled');
      })
      .finally(() => {
        line.clearing = false;
      });
  }

  async #cancelBefore(waiters: readonly Waiter[], rows: readonly string[]): Promise<void> {
    const { store, reportDamage } = this.#context;
    for (const { key, record, concurrency } of waiters) {
      const before = rows.slice(0, Math.max(0, rows.indexOf(key)));
      let tooMany = before.length - concurrency.limit + 1;
      const found = await loadRecords(store, before.map(lastPart), reportDamage);
      for (const older of found) {
        if (tooMany <= 0) break;
        if (older === undefined) continue;
        // One that has ended and is being cleaned up makes room by itself.
        const ended = older.record.state.kind === 'ended';
        if (!ended && older.record.principal !== record.principal) continue;
        tooMany -= 1;
        if (!ended) await this.#giveWay(older.record.id, older.record.principal);
      }
    }
  }
}
