import { hash } from 'node:crypto';
import type { Principal } from './task.ts';

/** What the place of a task in a listing depends on; all of it is fixed when it is made. */
interface Listed {
  readonly principal: Principal;
  readonly createdAt: number;
  readonly nth?: number;
  readonly id: string;
}

/**
 * Where things lie in the store. Keys are ASCII and ordered, so that listing, recovery and sweeping read ranges and
 * cost what they return. Parts are task ids, hashes, numbers of fixed width, or percent-encoded names, none of which
 * holds a `:`.
 */
export const keys = {
  /** The record: small, rewritten with every change. */
  task: (id: string): string => `task:${id}`,
  allTasks: { from: 'task:', to: 'task;' },
  /** Arguments and saved variables as of the creation; written once. */
  args: (id: string): string => `args:${id}`,
  /** The outcome; exists exactly while the record is terminal. */
  outcome: (id: string): string => `out:${id}`,
  /** A definition snapshot, shared by every task of that digest. */
  definition: (digest: string): string => `def:${digest}`,
  /** One journal entry. */
  entry: (id: string, seq: number): string => `j:${id}:${fixed(seq, 12)}`,
  entries: (id: string): string => `j:${id}:`,
  /** Exists exactly while the task is not terminal; names the runner. */
  open: (id: string): string => `open:${id}`,
  allOpen: 'open:',
  /** Exists while a cancelled or expired task may still have to be cleaned up; names who does it. */
  clean: (id: string): string => `clean:${id}`,
  allClean: 'clean:',
  /** What was cleaned up, once it is done; a report beside the record, whose bytes stay as they are. */
  cleaned: (id: string): string => `cleaned:${id}`,
  /**
   * One row per task in the principal's listing, newest first; also of those that one process has made in the same
   * millisecond.
   */
  list: ({ principal, createdAt, nth = 0, id }: Listed): string => {
    const at = `list:${hashOf(principal)}:${inverted(createdAt)}`;
    // A `!` comes before all that an id can begin with.
    return nth === 0 ? `${at}:${id}` : `${at}:!${fixed(Math.max(0, 999 - nth), 3)}:${id}`;
  },
  listing: (principal: Principal): string => `list:${hashOf(principal)}:`,
  /** When a task's ttl is over, in order of time. */
  end: (expiresAt: number, id: string): string => `end:${fixed(expiresAt, 15)}:${id}`,
  endsUpTo: (now: number): { readonly from: string; readonly to: string } => ({
    from: 'end:',
    to: `end:${fixed(now + 1, 15)}`,
  }),
  idempotency: (principal: Principal, workflow: string, key: string): string =>
    `idem:${hashOf(`${principal}\0${workflow}\0${key}`)}`,
  /** The same for a key that the definition makes of the arguments; the two kinds never meet. */
  definitionKey: (principal: Principal, workflow: string, key: string): string =>
    `idem:${hashOf(JSON.stringify([principal, workflow, key]))}`,
  saved: (principal: Principal, workflow: string, name: string): string =>
    `saved:${hashOf(principal)}:${encodeURIComponent(workflow)}:${encodeURIComponent(name)}`,
  allSaved: (principal: Principal, workflow: string): string =>
    `saved:${hashOf(principal)}:${encodeURIComponent(workflow)}:`,
  runner: (id: string): string => `runner:${id}`,
  allRunners: 'runner:',
  /**
   * Rung by a process that changed a task which another one runs, or (runner `any`) that made one for anybody to run.
   */
  bell: (runner: string, id: string): string => `bell:${runner}:${id}`,
  bells: (runner: string): string => `bell:${runner}:`,
  allBells: 'bell:',
  child: (parent: string, id: string): string => `child:${parent}:${id}`,
  children: (parent: string): string => `child:${parent}:`,
  /** One row for each task below a root task, at any depth. */
  descendant: (root: string, id: string): string => `tree:${root}:${id}`,
  descendants: (root: string): string => `tree:${root}:`,
  /** The last number drawn for the line of a workflow. */
  turnCount: (workflow: string): string => `turns:${encodeURIComponent(workflow)}`,
  /** A task's place in the line of its workflow; exists while it holds or waits for it. */
  turn: (workflow: string, turn: number, id: string): string =>
    `turn:${encodeURIComponent(workflow)}:${fixed(turn, 12)}:${id}`,
  turns: (workflow: string): string => `turn:${encodeURIComponent(workflow)}:`,
  allTurns: 'turn:',
  /** A result that is used again (`cache_seconds`), in one of so many places of its workflow and principal. */
  kept: (principal: Principal, workflow: string, place: number): string =>
    `kept:${hashOf(principal)}:${encodeURIComponent(workflow)}:${fixed(place, 4)}`,
  /** When a kept result is over, in order of time. */
  keptEnd: (expiresAt: number, kept: string): string => `keptend:${fixed(expiresAt, 15)}:${kept}`,
  keptEndsUpTo: (now: number): { readonly from: string; readonly to: string } => ({
    from: 'keptend:',
    to: `keptend:${fixed(now + 1, 15)}`,
  }),
  placeOfKeptEnd: (row: string): string => row.slice('keptend:'.length + 16),
  /** How far a workflow's schedule has been decided. */
  schedule: (workflow: string): string => `sched:${encodeURIComponent(workflow)}`,
  allSchedules: 'sched:',
} as const;

/** The runner part of a bell that anybody who claims tasks may answer. */
export const ANY_RUNNER = 'any';

/** The runner part of a bell's key. */
export function bellRunner(key: string): string {
  return key.slice(keys.allBells.length, key.lastIndexOf(':'));
}

/** The range of all keys that begin with a prefix ending in `:`. */
export function under(prefix: string): { readonly from: string; readonly to: string } {
  return { from: prefix, to: `${prefix.slice(0, -1)};` };
}

/** Whether a key is of what clients ask for as soon as it has changed: records and outcomes. */
export function isAskedFor(key: string): boolean {
  return key.startsWith('task:') || key.startsWith('out:');
}

/** Whether a row only leads to a task: all that it says stands in the record too. */
export function isIndexRow(key: string): boolean {
  return /^(?:open|list|end|child|tree):/.test(key);
}

/** The last part of a key: a task id in every index. */
export function lastPart(key: string): string {
  return key.slice(key.lastIndexOf(':') + 1);
}

/** The number in the key of a place in a line. */
export function turnIn(key: string): number {
  return Number(key.split(':')[2]);
}

/** The name in a `saved:` key. */
export function savedName(key: string): string {
  return decodeURIComponent(lastPart(key));
}

/** Whether a text that came from outside can be a task id at all. */
export function isTaskId(text: string): boolean {
  return /^[A-Za-z0-9_-]{1,100}$/.test(text);
}

/** 132 bits of SHA-256 as base64url. */
export function hashOf(text: string): string {
  return hash('sha256', text, 'base64url').slice(0, 22);
}

const LATEST = 999_999_999_999_999;

function inverted(time: number): string {
  return fixed(LATEST - time, 15);
}

function fixed(value: number, width: number): string {
  return String(Math.max(0, Math.trunc(value))).padStart(width, '0');
}
