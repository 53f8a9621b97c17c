import type { Clock } from '../core/clock.ts';
import type { ProcessProbe } from '../tasks/process-probe.ts';
import type { Row } from '../store/group-commit.ts';
import { encodeValue } from '../store/value-codec.ts';
import { contentsOf, isAfter, pagesOf } from './contents.ts';
import type { Contents } from './contents.ts';
import type { Endpoint, Entry } from './endpoint.ts';
import { beats, runningOn } from './running.ts';
import { UNFINISHED_KEY } from './unfinished.ts';

/** The migration was not begun, or did not end well. Nothing in the source has changed. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** What came of a migration: both stores hold this now. */
export interface Migrated extends Contents {
  /** Entries that had to be written; fewer than there are where an earlier run had written some. */
  readonly written: number;
}

/**
 * Makes the target hold what the source holds, and proves it by reading both again. It may be interrupted at any
 * moment: until it has ended, the target is refused by every server, and the same call goes on where it was. Nothing is
 * changed in the source, and nobody can write there meanwhile. Rejects with `MigrationError` when a process runs on the
 * source, the target holds something else, or the two are not equal in the end; with `StoreError` when one of them
 * fails.
 */
export async function migrateStore(
  from: Endpoint,
  to: Endpoint,
  deps: { readonly clock: Clock; readonly processes: ProcessProbe },
): Promise<Migrated> {
  if (from.shown === to.shown) throw new MigrationError('both ends are the same store');
  const running = await runningOn(from, deps.clock, deps.processes);
  if (running !== undefined) throw new MigrationError(`${from.shown} is in use by ${running}: stop it first`);
  const before = await beats(from);
  const hold = await from.hold();
  try {
    const now = await beats(from);
    // One that has just started, or shown that it lives.
    const isNew = now.size !== before.size || [...now].some(([key, value]) => before.get(key) !== value);
    if (isNew) throw new MigrationError(`${from.shown} is in use: stop what runs on it first`);
    if (await isUnfinished(from)) throw new MigrationError(`${from.shown} itself was not filled to its end`);
    await claim(to, from.shown);
    const written = await copy(from, to);
    const [source, target] = await Promise.all([contentsOf(from), contentsOf(to)]);
    if (source.entries !== target.entries || source.sha256 !== target.sha256) {
      throw new MigrationError(
        `the stores differ: ${source.entries} entries (${source.sha256}) there, ${target.entries} (${target.sha256}) here; something else writes to ${to.shown}`,
      );
    }
    if (!(await hold.stands())) throw new MigrationError(`the lock of ${from.shown} was lost: run the command again`);
    await to.write([[UNFINISHED_KEY, null]]);
    return { ...source, written };
  } finally {
    await hold.release();
  }
}

/** Only a store that is empty or was begun is filled. */
async function claim(to: Endpoint, source: string): Promise<void> {
  if (await isUnfinished(to)) return;
  if ((await to.page('')).length > 0) {
    throw new MigrationError(`${to.shown} holds something already: only an empty store is filled`);
  }
  await to.write([[UNFINISHED_KEY, encodeValue(UNFINISHED_KEY, { from: source }).text]]);
}

async function isUnfinished(store: Endpoint): Promise<boolean> {
  return (await store.page(UNFINISHED_KEY))[0]?.key === UNFINISHED_KEY;
}

/** Walks both in the order of keys and writes what differs. Resolves with the number of entries written or removed. */
async function copy(from: Endpoint, to: Endpoint): Promise<number> {
  let written = 0;
  let start = '';
  const make = async (rows: readonly Row[]): Promise<void> => {
    if (rows.length > 0) await to.write(rows);
    written += rows.length;
  };
  for await (const page of pagesOf(from)) {
    const last = page.at(-1);
    if (last === undefined) continue;
    const there = await upTo(to, start, last.key);
    const wanted = new Set(page.map(({ key }) => key));
    await make([
      ...page.filter(({ key, value }) => there.get(key) !== value).map(({ key, value }): Row => [key, value]),
      ...[...there.keys()].filter((key) => !wanted.has(key)).map((key): Row => [key, null]),
    ]);
    start = `${last.key}\0`;
  }
  for await (const page of pagesOf(to, start)) await make(page.map(({ key }): Row => [key, null]));
  return written;
}

/** What stands from one key to another, both included. */
async function upTo(store: Endpoint, first: string, last: string): Promise<ReadonlyMap<string, string>> {
  const found: Entry[] = [];
  for await (const page of pagesOf(store, first)) {
    found.push(...page.filter(({ key }) => !isAfter(key, last)));
    if (page.some(({ key }) => isAfter(key, last))) break;
  }
  return new Map(found.map(({ key, value }) => [key, value]));
}
