import type { Clock } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import type { Logger } from '../core/logger.ts';
import type { Definition, LoadedDefinition } from '../definition/model.ts';
import type { StepKindTable } from '../engine/kind.ts';
import type { Downstream, Models, Random, WorkflowRunner } from '../engine/ports.ts';
import type { ChangeFeed } from './change-feed.ts';
import type { TaskLimits } from './limits.ts';
import type { ProcessProbe } from './process-probe.ts';
import type { DefinitionSnapshots } from './definition-snapshots.ts';
import type { RetentionClock } from './retention-clock.ts';
import type { StoreHealth } from './store-health.ts';
import type { TaskStore } from '../store/task-store.ts';
import type { Turns } from './turns.ts';

/**
 * Which tasks this process runs. `all`: those it creates, those nobody runs, those of dead processes (serve). `own`:
 * those it creates (run). `none`: no task at all; what it creates is for others to run (tasks commands).
 */
export type Claims = 'all' | 'own' | 'none';

/** What the task manager is built from. */
export interface TaskManagerDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly random: Random;
  /** Unguessable ids of at least 128 bits, of `A–Z a–z 0–9 _ -` only. */
  readonly ids: () => string;
  readonly logger: Logger;
  readonly definitions: {
    get(name: string): LoadedDefinition | undefined;
    /** All of them, for error texts. */
    list?(): readonly LoadedDefinition[];
  };
  readonly parseSnapshot: (value: JsonValue) => Definition;
  readonly runner: WorkflowRunner;
  /** How the steps of a definition are read: what a resume runs again depends on it. */
  readonly kinds: StepKindTable;
  readonly downstream: Downstream;
  /** Absent = there is no models file. */
  readonly models?: Models;
  readonly claims: Claims;
  readonly limits?: Partial<TaskLimits>;
  /** Who this process is and whether others live; the machine's own unless a test says otherwise. */
  readonly processes?: ProcessProbe;
}

/** What the parts of the room share. */
export interface TaskContext {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly ids: () => string;
  readonly logger: Logger;
  readonly definitions: TaskManagerDeps['definitions'];
  readonly snapshots: DefinitionSnapshots;
  readonly runner: WorkflowRunner;
  readonly kinds: StepKindTable;
  readonly downstream: Downstream;
  readonly models?: Models;
  readonly claims: Claims;
  readonly limits: TaskLimits;
  /** When a ttl is over. */
  readonly retention: RetentionClock;
  readonly health: StoreHealth;
  readonly feed: ChangeFeed;
  readonly turns: Turns;
  /** The id of this process among runners. */
  readonly runnerId: string;
  /** A damaged value was met: it is set apart and reported (D14). */
  readonly reportDamage: (key: string, message: string) => void;
}
