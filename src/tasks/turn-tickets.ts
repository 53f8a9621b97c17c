import type { Definition } from '../definition/model.ts';
import type { TaskContext } from './context.ts';
import { keys, lastPart, turnIn, under } from './keys.ts';
import { loadRecord } from './record.ts';
import type { TaskRecord } from './record.ts';
import { refusing } from './refusal.ts';
import { TaskError } from './task.ts';
import { DamagedValueError } from '../store/task-store.ts';
import type { Batch, TaskStore } from '../store/task-store.ts';
import { scanPages } from '../store/scan.ts';

/*
 * L1 The line of a workflow is its rows in order of their numbers. A number is drawn in the very commit that puts the
 *    row, guarded by the counter: every row comes behind all that were there, in whatever process, and whatever the
 *    clocks say.
 * L2 A row goes with the commit that ends its task, or, where there is something to clean up, with the end of the
 *    clean-up.
 * L3  A task runs while fewer rows than `concurrency.limit` stand before its own. By L1 that number only falls.
 */

/** A place in the line: what the commit that opens the task has to carry. A conflict of the guard means: draw again. */
export interface Ticket {
  readonly number: number;
  readonly guards: Batch['guards'];
  readonly puts: Batch['puts'];
}

/** Hands out places in the lines of workflows with `concurrency`. */
export class TurnTickets {
  readonly #context: TaskContext;
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(context: TaskContext) {
    this.#context = context;
  }

  /**
   * Runs `act` after all that were given before for this workflow: those who draw a number do not make each other fail.
   */
  async exclusive<T>(workflow: string, act: () => Promise<T>): Promise<T> {
    const done = (this.#last.get(workflow) ?? Promise.resolve()).then(act);
    const settled = done.catch(() => undefined);
    this.#last.set(workflow, settled);
    try {
      return await done;
    } finally {
      if (this.#last.get(workflow) === settled) this.#last.delete(workflow);
    }
  }

  /**
   * A place for a task; `undefined` when its workflow has no `concurrency`, and for a child inside a task of the same
   * workflow, which would wait for itself. Rejects with `TaskError('conflict')` when the definition says `reject` and
   * all places are taken.
   */
  async draw(
    task: Pick<TaskRecord, 'id' | 'workflow' | 'parent'>,
    { concurrency }: Definition,
  ): Promise<Ticket | undefined> {
    const { workflow, id, parent } = task;
    const { store } = this.#context;
    if (concurrency === undefined || (await this.#isInside(workflow, parent?.taskId))) return undefined;
    const { limit } = concurrency;
    return refusing(async () => {
      const counter = await this.#counter(workflow);
      if (concurrency.on_conflict === 'reject') {
        const { items, damaged } = await store.range({ ...under(keys.turns(workflow)), limit });
        if (items.length + damaged.length >= limit) {
          const times = limit === 1 ? 'once' : `${limit} times`;
          throw new TaskError('conflict', `'${workflow}' may run ${times} at a time and does so already`);
        }
      }
      const number = counter.last + 1;
      return {
        number,
        guards: [{ key: keys.turnCount(workflow), mark: counter.mark }],
        puts: [
          { key: keys.turnCount(workflow), value: number },
          { key: keys.turn(workflow, number, id), value: null },
        ],
      };
    });
  }

  /**
   * The last number, with what a guard has to say about it. Where it is damaged, that of the last in line is as good:
   * L1 asks for no more (D14).
   */
  async #counter(workflow: string): Promise<{ readonly last: number; readonly mark: string | null }> {
    const { store, reportDamage } = this.#context;
    try {
      const stored = await store.get(keys.turnCount(workflow));
      return { last: typeof stored?.value === 'number' ? stored.value : 0, mark: stored?.mark ?? null };
    } catch (error) {
      if (!(error instanceof DamagedValueError) || error.mark === undefined) throw error;
      reportDamage(error.key, error.message);
      const { items, damaged } = await store.range({ ...under(keys.turns(workflow)), limit: 1, reverse: true });
      const [row] = [...items.map(({ key }) => key), ...damaged].sort().reverse();
      return { last: row === undefined ? 0 : turnIn(row), mark: error.mark };
    }
  }

  async #isInside(workflow: string, parent: string | undefined): Promise<boolean> {
    for (let id = parent; id !== undefined;) {
      const found = await refusing(() => loadRecord(this.#context.store, id ?? ''));
      if (found?.record.workflow === workflow) return true;
      id = found?.record.parent?.taskId;
    }
    return false;
  }
}

/**
 * Takes a task out of every line: nobody runs it, and as its record is damaged nobody can ever end it, so its place
 * would hold up the others for good (D14).
 */
export async function leaveLines(store: TaskStore, id: string): Promise<void> {
  for await (const page of scanPages(store, under(keys.allTurns))) {
    const own = page.map(({ key }) => key).filter((key) => lastPart(key) === id);
    if (own.length > 0) await store.commit({ guards: [], puts: [], deletes: own });
  }
}
