/**
 * Published bounds (D16). Reaching one refuses that request or fails that task with `limit_exceeded`, and nothing else.
 */
export interface TaskLimits {
  /** Open tasks of one process, all principals together. */
  readonly openTasks: number;
  /**
   * Open tasks of one principal on one data folder. Those of other processes are counted with a delay of up to two
   * seconds.
   */
  readonly openTasksPerPrincipal: number;
  /** Bytes of the arguments as JSON. */
  readonly argumentBytes: number;
  /** Nesting depth of the arguments. */
  readonly argumentDepth: number;
  /** Bytes of one journal entry as JSON. */
  readonly entryBytes: number;
  /** Entries of one journal. */
  readonly entries: number;
  /** Bytes of an outcome as JSON. */
  readonly outcomeBytes: number;
  /** Milliseconds a task is kept when the caller names no ttl; `null` = for ever. */
  readonly ttlDefault: number | null;
  /** Longest ttl in milliseconds a caller gets; `null` = no bound, and a caller may ask for ever. */
  readonly ttlMax: number | null;
  /**
   * Crashes in a row, each soon after the task was taken and without progress, after which it is given up: it probably
   * kills whoever runs it.
   */
  readonly crashes: number;
  /** Nesting of child workflows. */
  readonly depth: number;
  /**
   * Tasks below one root task, at any depth, for as long as they are kept. Those of other processes are counted with a
   * delay of up to two seconds.
   */
  readonly descendants: number;
  /** Milliseconds a poller is told to wait. */
  readonly pollInterval: number;
}

const DAY = 86_400_000;

/**
 * What holds unless the operator says otherwise. A week, so that an approval can wait over a weekend; at most thirty
 * days.
 */
export const DEFAULT_LIMITS: TaskLimits = {
  openTasks: 20_000,
  openTasksPerPrincipal: 10_000,
  argumentBytes: 4 * 1024 * 1024,
  argumentDepth: 100,
  entryBytes: 16 * 1024 * 1024,
  entries: 500_000,
  outcomeBytes: 16 * 1024 * 1024,
  ttlDefault: 7 * DAY,
  ttlMax: 30 * DAY,
  crashes: 10,
  depth: 16,
  descendants: 1000,
  pollInterval: 1000,
};

/** The ttl a task gets for the one that was asked for: clamped to the maximum, never negative. */
export function grantedTtl(asked: number | null | undefined, limits: TaskLimits): number | null {
  const wanted = asked === undefined ? limits.ttlDefault : asked;
  if (limits.ttlMax === null) return wanted === null ? null : Math.max(0, Math.trunc(wanted));
  return Math.max(0, Math.trunc(Math.min(wanted ?? limits.ttlMax, limits.ttlMax)));
}
