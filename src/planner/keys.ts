import { hash } from 'node:crypto';
import { canonicalJson, type JsonObject } from '../core/json.ts';
import { hashOf, under } from '../tasks/keys.ts';

/** A range of keys, as `TaskStore.range` takes it. */
export interface KeyRange {
  readonly from: string;
  readonly to: string;
}

/** Where the plans of one principal lie in the store. */
export interface PlanKeys {
  /** The last numbers that were given out; every new request and task goes by it. */
  readonly head: string;
  /** A request with its tasks: the truth. All other rows are written in the commit that writes it. */
  request(number: number): string;
  readonly allRequests: KeyRange;
  /** What the inventory shows of a request. */
  row(number: number): string;
  readonly allRows: KeyRange;
  /** Which request a task belongs to. */
  task(number: number): string;
  readonly allTasks: KeyRange;
  /** What was done for an idempotency key. */
  key(hashed: string): string;
}

/** All keys begin with `plan:`; parts are hashes and numbers of fixed width. */
export function planKeys(principal: string): PlanKeys {
  const at = `plan:${hashOf(principal)}:`;
  return {
    head: `${at}head`,
    request: (number) => `${at}req:${fixed(number)}`,
    allRequests: under(`${at}req:`),
    row: (number) => `${at}row:${fixed(number)}`,
    allRows: under(`${at}row:`),
    task: (number) => `${at}task:${fixed(number)}`,
    allTasks: under(`${at}task:`),
    key: (hashed) => `${at}key:${hashed}`,
  };
}

/** The number in the key of a request, a row or a task. */
export function numberOf(key: string): number {
  return Number(key.slice(key.lastIndexOf(':') + 1));
}

/** An idempotency key with the call it came with. */
export interface Intent {
  readonly hashed: string;
  readonly digest: string;
}

/** Two calls are the same when tool and key are; `digest` tells whether their arguments are too. */
export function intentOf(tool: string, key: string, args: JsonObject): Intent {
  return {
    hashed: hashOf(JSON.stringify([tool, key])),
    digest: hash('sha256', canonicalJson(args), 'base64url'),
  };
}

function fixed(number: number): string {
  return String(number).padStart(12, '0');
}
