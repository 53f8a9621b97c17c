import { messageOf } from '../core/failure.ts';
import type { TaskContext } from './context.ts';
import { openHandles } from '../engine/remotes.ts';
import { cleanUpRowOf } from './clean-up.ts';
import { cancel, failFromOutside, ttlOver } from './ending.ts';
import { JournalState } from './journal-state.ts';
import { ANY_RUNNER, bellRunner, keys, lastPart, under } from './keys.ts';
import { eachOf } from './loop.ts';
import { openRow } from './open-rows.ts';
import type { OpenRun } from './open-run.ts';
import { loadRecord, missingRecord, objectOf, runnerOf } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { decide } from './recovery.ts';
import { loadEntries } from './run-journal.ts';
import type { RunnerRegistry, RunnerState } from './runner-registry.ts';
import { DamagedValueError, StoreError } from '../store/task-store.ts';
import type { TaskRuns } from './task-runs.ts';
import { leaveLines } from './turn-tickets.ts';
import type { Change } from './task-writer.ts';
import { transition } from './transition.ts';
import { scan, scanPages } from '../store/scan.ts';
import type { ScannedRow } from '../store/scan.ts';

const PAGE = 500;
const AT_ONCE = 64;
/** Without any sign, look through the open tasks this often all the same. */
const FULL_SWEEP_MS = 60_000;

/**
 * Finds open tasks that nobody runs and takes them (R1): at the start, when a runner has died or left, and once a
 * minute.
 */
export class RecoverySweep {
  readonly #context: TaskContext;
  readonly #registry: RunnerRegistry;
  readonly #runs: TaskRuns;
  #known: ReadonlySet<string> = new Set();
  #lastFull = Number.NEGATIVE_INFINITY;
  /** Tasks with a damaged record that have been taken out of the line of their workflow. */
  readonly #outOfLine = new Set<string>();

  constructor(context: TaskContext, registry: RunnerRegistry, runs: TaskRuns) {
    this.#context = context;
    this.#registry = registry;
    this.#runs = runs;
  }

  /** Looks at the runners; sweeps when one of them is dead or has left, or when the last sweep is long ago. */
  async check(): Promise<void> {
    const states = await this.#registry.states();
    const left = [...this.#known].some((id) => !states.has(id));
    const dead = [...states.values()].includes('dead');
    const due = this.#context.clock.monotonic() - this.#lastFull >= FULL_SWEEP_MS;
    if (left || dead || due) await this.sweep(states);
    else this.#known = aliveIn(states);
  }

  /**
   * Takes every open task and every clean-up that nobody alive has. Resolves when all are taken; they run in the
   * background.
   */
  async sweep(known?: ReadonlyMap<string, RunnerState>): Promise<void> {
    const states = known ?? (await this.#registry.states());
    let complete = true;
    const act = (of: (row: Row) => Promise<boolean>) => async (row: Row) => {
      complete = (await of(row)) && complete;
    };
    await this.#eachRow(
      keys.allOpen,
      act((row) => this.#open(row, states)),
    );
    await this.#eachRow(
      keys.allClean,
      act((row) => this.#clean(row, states)),
    );
    if (complete) {
      for (const [id, state] of states) if (state === 'dead') await this.#registry.forget(id);
    }
    await this.#silence(states);
    this.#known = aliveIn(states);
    this.#lastFull = this.#context.clock.monotonic();
  }

  /** Removes bells that were rung for runners that are gone: their tasks were looked at just now. */
  async #silence(states: ReadonlyMap<string, RunnerState>): Promise<void> {
    const { store, runnerId } = this.#context;
    const { items } = await store.range({ ...under(keys.allBells), limit: PAGE });
    for (const { key, mark } of items) {
      const runner = bellRunner(key);
      if (runner === ANY_RUNNER || runner === runnerId || states.has(runner)) continue;
      await store.commit({ guards: [{ key, mark }], puts: [], deletes: [key] });
    }
  }

  /** Takes one task that may have nobody: somebody rang. */
  async takeUp(id: string): Promise<void> {
    await this.#recover(id, await this.#registry.states());
    const row = await this.#context.store.get(keys.clean(id));
    if (row !== undefined && cleanUpRowOf(row.value).runner === null) await this.#runs.cleanUps.take(id, null);
  }

  async #eachRow(prefix: string, act: (row: Row) => Promise<void>): Promise<void> {
    const { store, reportDamage } = this.#context;
    for await (const page of scanPages(store, under(prefix))) {
      for (const { key, damaged } of page) if (damaged) reportDamage(key, 'an index row is damaged');
      await eachOf(page.map(rowOf), AT_ONCE, act);
    }
  }

  /** A task that is open. False when it has to be looked at again. */
  async #open({ id, runner }: Row, states: ReadonlyMap<string, RunnerState>): Promise<boolean> {
    const here = this.#runs.get(id);
    if (runner === this.#context.runnerId) return here !== undefined || (await this.#begunByNobody(id));
    // Somebody took it over while we were paused, and our run has not noticed, because it waits. It would be in the way
    // of every recovery.
    if (here !== undefined) return this.#isStillOurs(here);
    // Whose a damaged row is stands in the record too.
    if (runner !== undefined && runner !== null && states.get(runner) === 'alive') return true;
    return this.#recover(id, states);
  }

  /** Ours, and not running here: one that is about to begin, or a child whose parent ended while it was made. */
  async #begunByNobody(id: string): Promise<boolean> {
    const marked = await loadRecord(this.#context.store, id);
    if (marked?.record.state.kind === 'open' && (await this.#parentEnded(marked)))
      await this.#change(marked, (current, now) => cancel(current, 'its parent has ended', now));
    return true;
  }

  /** Lets a run look at its record; false when it finds that the task is another's, or over, and so stops. */
  async #isStillOurs(run: OpenRun): Promise<boolean> {
    try {
      await run.writer.refresh();
    } catch (error) {
      if (error instanceof StoreError) throw error;
      this.#context.logger.debug({ taskId: run.id, error: messageOf(error) }, 'a run looked at its task');
    }
    return !run.signal.aborted;
  }

  /** A clean-up that is to be done. False when it has to be looked at again. */
  async #clean({ id, runner }: Row, states: ReadonlyMap<string, RunnerState>): Promise<boolean> {
    if (runner === undefined) return false;
    const here = this.#runs.get(id);
    if (here !== undefined) {
      await this.#isStillOurs(here);
      return false;
    }
    // Our own too: one that could not be begun, or that stopped because the store failed, waits for nobody else.
    const ours = runner === null || runner === this.#context.runnerId;
    if (ours || states.get(runner) !== 'alive') await this.#runs.cleanUps.take(id, runner);
    return true;
  }

  /** False when the task could not be looked at. */
  async #recover(id: string, states: ReadonlyMap<string, RunnerState>): Promise<boolean> {
    if (this.#runs.get(id) !== undefined) return true;
    try {
      const marked = await loadRecord(this.#context.store, id);
      if (marked !== undefined) await this.#decided(marked, states);
      const damage = marked === undefined ? await missingRecord(this.#context.store, keys.open(id), id) : undefined;
      if (damage !== undefined) throw damage;
      return true;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      if (error instanceof DamagedValueError) await this.#damaged(id, error);
      else this.#context.logger.error({ taskId: id, error: messageOf(error) }, 'a task could not be recovered');
      return false;
    }
  }

  /** Nobody runs it, and nobody can. */
  async #damaged(id: string, error: DamagedValueError): Promise<void> {
    const { store, turns, reportDamage } = this.#context;
    reportDamage(error.key, error.message);
    if (error.key !== keys.task(id) || this.#outOfLine.has(id)) return;
    await leaveLines(store, id);
    this.#outOfLine.add(id);
    turns.look();
  }

  async #decided(marked: MarkedRecord, states: ReadonlyMap<string, RunnerState>): Promise<void> {
    const { record } = marked;
    const runner = runnerOf(record);
    const alive = runner !== null && states.get(runner) === 'alive';
    if (record.state.kind === 'ended' || alive) return;
    const decision = decide(
      record,
      await this.#isKnown(marked),
      alive,
      this.#context.retention.now(),
      this.#context.limits.crashes,
    );
    switch (decision.action) {
      case 'leave':
        return;
      case 'expire':
        return this.#change(marked, (current, now) => failFromOutside(current, ttlOver(current), now));
      case 'fail':
        return this.#change(marked, (current, now) => failFromOutside(current, decision.failure, now));
      case 'resume':
        if (await this.#parentEnded(marked))
          return this.#change(marked, (current, now) => cancel(current, 'its parent has ended', now));
        return this.#claim(
          marked,
          runner !== null && states.get(runner) === 'dead' && !(await this.#waitedForAnother(record)),
        );
    }
  }

  /** Whether the task was waiting for a child or for the task of another server: then it did not kill its process. */
  async #waitedForAnother({ id }: TaskRecord): Promise<boolean> {
    const { store } = this.#context;
    const { entries } = await loadEntries(store, id);
    if (openHandles(new JournalState(entries)).length > 0) return true;
    for await (const { key } of scan(store, under(keys.children(id)))) {
      const child = await loadRecord(store, lastPart(key));
      if (child?.record.state.kind === 'open') return true;
    }
    return false;
  }

  async #isKnown({ record }: MarkedRecord): Promise<boolean> {
    try {
      const isThere = (await this.#context.snapshots.load(record.workflow, record.digest)) !== undefined;
      const key = keys.definition(record.digest);
      if (!isThere) this.#context.reportDamage(key, `${key}: missing, though ${keys.task(record.id)} needs it`);
      return isThere;
    } catch (error) {
      if (error instanceof StoreError) throw error;
      this.#context.reportDamage(keys.definition(record.digest), messageOf(error));
      return false;
    }
  }

  async #parentEnded({ record }: MarkedRecord): Promise<boolean> {
    if (record.parent === undefined) return false;
    const parent = await loadRecord(this.#context.store, record.parent.taskId);
    return parent === undefined || parent.record.state.kind === 'ended';
  }

  async #claim(marked: MarkedRecord, crashed: boolean): Promise<void> {
    const { runnerId, logger } = this.#context;
    const { record } = marked;
    let claimed = false;
    const writer = this.#runs.writerFor(marked);
    await writer.change({
      patient: false,
      apply: (current, now) => {
        // Somebody was faster: theirs.
        claimed = current.epoch === record.epoch && current.state.kind === 'open';
        if (!claimed) return { record: current };
        return {
          record: transition(current, { type: 'claimed', runner: runnerId, crashed }, now),
          puts: [openRow(record, runnerId)],
        };
      },
    });
    if (!claimed) return;
    logger.info({ taskId: record.id, workflow: record.workflow, from: runnerOf(record), crashed }, 'a task goes on');
    await this.#runs.startClaimed(writer.marked, runnerOf(record) !== null);
  }

  /** Ends a task that is still as it was found; one that somebody has taken since is left to them. */
  async #change(marked: MarkedRecord, apply: Change['apply']): Promise<void> {
    const { epoch } = marked.record;
    await this.#runs.writerFor(marked).change({
      patient: false,
      apply: (current, now) =>
        current.epoch === epoch && current.state.kind === 'open' ? apply(current, now) : { record: current },
    });
  }
}

function aliveIn(states: ReadonlyMap<string, RunnerState>): ReadonlySet<string> {
  return new Set([...states].filter(([, state]) => state === 'alive').map(([id]) => id));
}

/** An index row; `runner` is `undefined` where the row is damaged. */
interface Row {
  readonly id: string;
  readonly runner: string | null | undefined;
}

function rowOf({ key, stored }: ScannedRow): Row {
  if (stored === undefined) return { id: lastPart(key), runner: undefined };
  const { runner } = objectOf(stored);
  return { id: lastPart(key), runner: typeof runner === 'string' ? runner : null };
}
