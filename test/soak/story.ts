import type { StoredEntry } from '../../src/engine/journal.ts';
import type { LedgerEntry } from '../support/workspace.ts';
import type { Caller } from './caller.ts';
import type { Fired } from './faults.ts';
import { grouped } from './grouped.ts';
import type { Left } from './left.ts';

/** What happened in a round. */
export interface Story {
  readonly caller: Caller;
  readonly fired: Fired;
  readonly left: readonly Left[];
  readonly ledger: readonly LedgerEntry[];
}

/** What was too little, a line each: then nothing is proven. */
export function tooLittle({ caller, fired, left, ledger }: Story, canLimitFiles: boolean): readonly string[] {
  const ended = (status: string): number => left.filter((one) => one.status === status).length;
  const least: readonly (readonly [what: string, is: number, least: number])[] = [
    ['kills', fired.kills, 5],
    ['kills of a server that ran a task', fired.killsOfWork, 3],
    ['tasks taken over from a server that was stopped', fired.takenOver, 1],
    ['jumps of the clock forward, over open tasks', fired.clockForward, 1],
    ['jumps of the clock back, over open tasks', fired.clockBack, 1],
    ['short stops', fired.dozes, 1],
    ['kills of a downstream server', fired.ledgers, 1],
    ['full disks', fired.disks, canLimitFiles ? 1 : 0],
    ['completed tasks', ended('completed'), 10],
    ['failed tasks', ended('failed'), 1],
    ['cancelled tasks', ended('cancelled'), 1],
    ['answers', answered(caller), 10],
    ['calls', ledger.length, 150],
    ['calls made again', again(ledger), 3],
    ['steps undone', undone(left), 1],
  ];
  return least.flatMap(([what, is, at]) => (is < at ? [`${what}: ${is}, and ${at} are the least`] : []));
}

/** One line for a person. */
export function summary({ caller, fired, left, ledger }: Story): string {
  const ends = [...grouped(left, ({ status }) => status)].map(([status, of]) => `${of.length} ${status}`);
  return [
    `faults: ${Object.entries(fired)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}`,
    `tasks: ${caller.told.size}, with children ${ends.join(', ')}`,
    `calls: ${ledger.length}, ${again(ledger)} of them again`,
    `answers: ${answered(caller)}`,
    `requests refused: ${caller.refused}`,
    `steps undone: ${undone(left)}`,
  ].join('; ');
}

/** Kinds of steps that ran. */
export function kindsIn({ left }: Story): readonly string[] {
  return finished(left).flatMap(({ kind, result }) => (result.status === 'skipped' ? [] : [kind]));
}

function answered({ told }: Caller): number {
  const sent = [...told.values()].flatMap(({ answers }) => [...answers.values()].flat());
  return sent.filter(({ ackedAt }) => ackedAt !== undefined).length;
}

function again(ledger: readonly LedgerEntry[]): number {
  return ledger.length - new Set(ledger.map(({ key }) => key)).size;
}

function undone(left: readonly Left[]): number {
  return finished(left).filter(({ step }) => step.endsWith('_undo')).length;
}

function finished(left: readonly Left[]): readonly Extract<StoredEntry, { type: 'finished' }>[] {
  return left.flatMap(({ journal }) => journal.flatMap((entry) => (entry.type === 'finished' ? [entry] : [])));
}
