import { isJsonObject } from '../../src/core/json.ts';
import type { StoredEntry } from '../../src/engine/journal.ts';
import { under } from '../../src/tasks/keys.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import type { LedgerEntry } from '../support/workspace.ts';
import type { Told } from './caller.ts';
import { grouped } from './grouped.ts';
import { idsIn } from './left.ts';
import type { Left } from './left.ts';
import { keysOf } from './watcher.ts';

/**
 * What a round has left behind: on the disk, at the downstream server, with the client, and what was seen meanwhile.
 */
export interface Evidence {
  readonly left: readonly Left[];
  readonly ledger: readonly LedgerEntry[];
  readonly told: ReadonlyMap<string, Told>;
  /** When the checkpoint of a key was seen on the disk, by the clock of the machine. */
  readonly committedAt: ReadonlyMap<string, number>;
  /** When processes that had been stopped were woken. */
  readonly woken: readonly { readonly pid: number | undefined; readonly at: number }[];
  /** What every run of a workflow with a `k` has to end like: by a run without faults. */
  readonly oracle: ReadonlyMap<string, Left>;
}

/**
 * A call that is under way when its step ends or its task is cancelled may take so long to arrive on a busy machine.
 */
const UNDER_WAY_MS = 150;
/** Within this time after it was woken a process sends what it was about to send when it was stopped. */
const AWAKE_MS = 100;

/** What contradicts the guarantees, a line each. */
export function violationsOf(evidence: Evidence): readonly string[] {
  const { left, ledger, told } = evidence;
  const byTask = grouped(ledger, ({ args }) => String(args['task']));
  const known = new Map(left.map((one) => [one.taskId, one]));
  const found: string[] = [];
  for (const taskId of byTask.keys()) if (!known.has(taskId)) found.push(`${taskId} has called and is not there (D1)`);
  for (const { taskId } of told.values())
    if (!known.has(taskId)) found.push(`${taskId} was acknowledged and is not there (D1)`);
  for (const one of left) {
    const calls = byTask.get(one.taskId) ?? [];
    const about = [
      ...journalViolations(one),
      ...callViolations(one, calls, evidence),
      ...cancelViolations(one, calls, evidence, known),
      ...undoViolations(one),
      ...outcomeViolations(one, evidence, known),
      ...sumViolations(one),
      ...answerViolations(one, told.get(one.taskId)),
    ];
    found.push(...about.map((text) => `${one.taskId} (${one.plan.name}, ${one.status}) ${text}`));
  }
  const runs = left.flatMap(({ plan, status, output }) =>
    plan.name === 'counts' && status === 'completed' && isJsonObject(output) ? [JSON.stringify(output['runs'])] : [],
  );
  for (const [number, same] of grouped(runs, (run) => run))
    if (same.length > 1) found.push(`${same.length} runs have counted to ${number} (G6)`);
  const children = left.flatMap(({ record }) => record.parent ?? []).map(({ taskId, path }) => `${taskId} ${path}`);
  for (const [at, same] of grouped(children, (child) => child))
    if (same.length > 1) found.push(`${at} has started ${same.length} children (D3)`);
  return found;
}

/** Rows that are there only while something is to be done. */
export async function leftOvers(store: TaskStore): Promise<readonly string[]> {
  const rows = await Promise.all(
    ['open:', 'clean:', 'bell:', 'turn:'].map((prefix) => store.range({ ...under(prefix), limit: 100 })),
  );
  return rows.flatMap(({ items }) => items.map(({ key }) => `${key} is left over`));
}

/** D2, D3, D9, D10: one outcome, one checkpoint a step, no gaps, in the order of time. */
function journalViolations({ status, journal, record }: Left): readonly string[] {
  const found: string[] = [];
  if (status === 'open') found.push('has not ended (D2)');
  if (journal.some(({ seq }, index) => seq !== index + 1)) found.push('has a gap in its journal (D10)');
  if (journal.some(({ at }, index) => at < (journal[index - 1]?.at ?? 0))) found.push('goes back in time (D10)');
  if (journal.filter(({ type }) => type === 'settled').length > 1) found.push('has two outcomes (D2)');
  for (const [path, entries] of grouped(
    journal.filter(({ type }) => type === 'finished'),
    pathOf,
  ))
    if (entries.length > 1) found.push(`${path} has ${entries.length} checkpoints (D3)`);
  if (record.state.kind === 'ended' && record.state.at < record.createdAt) found.push('ended before it was made (D11)');
  return found;
}

/** D3, D4, D5: each step under one key, called again only where it is safe and not known how it ended. */
function callViolations(left: Left, calls: readonly LedgerEntry[], evidence: Evidence): readonly string[] {
  const { committedAt, woken } = evidence;
  const excused = sentInTheGap(evidence);
  const { taskId, plan, journal, status } = left;
  const found: string[] = [];
  const paths = new Map(
    journal.flatMap((entry) =>
      'path' in entry && !entry.path.includes('!')
        ? keysOf(taskId, entry.path).map((key): [string, string] => [key, entry.path])
        : [],
    ),
  );
  for (const [key, same] of grouped(calls, (call) => call.key)) {
    if (key === null) {
      found.push('has called without an idempotency key (D5)');
      continue;
    }
    const [first] = same;
    if (first === undefined) continue;
    const label = String(first.args['label']);
    const step = stepIn(label);
    const path = paths.get(key);
    if (new Set(same.map(({ tool, args }) => `${tool} ${String(args['label'])}`)).size > 1)
      found.push(`has called different things under the key of ${label} (D5)`);
    if (path === undefined) {
      if (status !== 'cancelled' && !plan.wild.has(step.replace(/_undo$/u, '')))
        found.push(`has called ${label} under a key that no step has (D5)`);
      continue;
    }
    const retries = journal.filter(
      (entry) => entry.type === 'attempt_failed' && keysOf(taskId, entry.path).includes(key),
    ).length;
    // A cancel cuts off what a run does last, and the clean-up does it again.
    const most = 1 + retries + (status === 'cancelled' && label.startsWith('late ') ? 1 : 0);
    for (const [pid, from] of grouped(same, (call) => call.pid))
      if (from.length > most)
        found.push(`${path} was called ${from.length} times by ${pid}, with ${retries} retries (D4)`);
    if (plan.steps.get(step)?.['x-once'] === true && same.length > 1 + retries)
      found.push(`${path} was called ${same.length} times though on_interrupt says fail (D4)`);
    const committed = committedAt.get(key);
    const late = same.filter(
      (call) => committed !== undefined && call.at > committed + UNDER_WAY_MS && !excused.has(call),
    );
    for (const call of late)
      found.push(
        `${path} was called ${call.at - (committed ?? call.at)} ms after its checkpoint was on the disk${by(call, woken)} (D3)`,
      );
  }
  for (const [label, same] of grouped(calls, ({ args }) => String(args['label']))) {
    const different = new Set(same.map(({ key }) => key)).size;
    if (different > 1 && plan.steps.get(stepIn(label))?.['x-again'] !== true)
      found.push(`${label} was called under ${different} keys (D5)`);
  }
  const called = new Set(calls.map(({ key }) => key));
  for (const entry of journal) {
    if (entry.type !== 'finished' || entry.kind !== 'tool' || entry.result.status !== 'completed') continue;
    if (entry.result.view?.['cached'] !== true && !keysOf(taskId, entry.path).some((key) => called.has(key)))
      found.push(`${entry.path} completed and was never called`);
  }
  return found;
}

/** D8: after the server's word for a cancel the task has ended, and begins nothing but what cleans up. */
function cancelViolations(
  left: Left,
  calls: readonly LedgerEntry[],
  evidence: Evidence,
  known: ReadonlyMap<string, Left>,
): readonly string[] {
  const { told, woken } = evidence;
  const excused = sentInTheGap(evidence);
  const at = lineOf(left, known).flatMap(({ taskId }) => told.get(taskId)?.cancelledAt ?? []);
  if (at.length === 0) return [];
  const cancelled = Math.min(...at);
  return calls
    .filter((call) => call.at > cancelled + UNDER_WAY_MS && !excused.has(call))
    .filter((call) => !String(call.args['label']).startsWith('late '))
    .map(
      (call) =>
        `called ${String(call.args['label'])} ${call.at - cancelled} ms after its cancel was acknowledged${by(call, woken)} (D8)`,
    );
}

/**
 * A task that failed or was cancelled has undone what had completed, the last first, each once; one that completed has
 * undone nothing.
 */
function undoViolations({ plan, journal, status }: Left): readonly string[] {
  const finished = journal.flatMap((entry) => (entry.type === 'finished' ? [entry] : []));
  const undone = finished.flatMap(({ path, step }) =>
    path.startsWith('cleanup/') && step.endsWith('_undo') ? [step] : [],
  );
  const toUndo = finished.flatMap(({ path, step, result }) =>
    !path.startsWith('cleanup/') && result.status === 'completed' && plan.steps.get(step)?.['compensate'] !== undefined
      ? [`${step}_undo`]
      : [],
  );
  const expected = status === 'completed' ? [] : toUndo.toReversed();
  if (undone.join(' ') === expected.join(' ')) return [];
  return [`has undone [${undone.join(' ')}] and not [${expected.join(' ')}]`];
}

/** What was not cancelled ends as it does without faults. */
function outcomeViolations(
  left: Left,
  { oracle, told }: Evidence,
  known: ReadonlyMap<string, Left>,
): readonly string[] {
  const { plan, k, status, outcome, checkpoints, record } = left;
  if (status === 'cancelled') {
    const line = lineOf(left, known);
    if (line.some(({ taskId }) => told.get(taskId)?.cancelledAt !== undefined)) return [];
    // A cancel whose acknowledgement was lost, a child that was cut off, a creation that was never acknowledged.
    if (line.some(({ taskId }) => told.get(taskId)?.cancelSent === true)) return [];
    if (line.some((one) => one.record.parent !== undefined && isWildIn(one, known))) return [];
    if (record.parent === undefined && !told.has(left.taskId)) return [];
    return ['was cancelled by nobody'];
  }
  const expected = oracle.get(`${plan.name} ${k}`);
  if (expected === undefined) return [`was never run without faults with k ${k}`];
  const found: string[] = [];
  if (status !== expected.status || outcome !== expected.outcome)
    found.push(`ended as ${status} ${outcome}, and without faults as ${expected.status} ${expected.outcome}`);
  const differs = [
    ...checkpoints.filter((one) => !expected.checkpoints.includes(one)).map((one) => `+${one}`),
    ...expected.checkpoints.filter((one) => !checkpoints.includes(one)).map((one) => `-${one}`),
  ];
  if (differs.length > 0) found.push(`has other checkpoints than without faults: ${differs.join(', ')}`);
  return found;
}

/** Nothing that was added to a variable is lost, and nothing counts twice. */
function sumViolations({ plan, journal, status, output }: Left): readonly string[] {
  if (status !== 'completed' || !isJsonObject(output)) return [];
  const sums: Record<string, number> = { n: 0, all: 0, wild: 0 };
  for (const entry of journal) {
    if (entry.type !== 'finished' || entry.result.status !== 'completed') continue;
    const adds = plan.steps.get(entry.step)?.['x-adds'];
    for (const [name, amount] of Object.entries(adds ?? {})) sums[name] = (sums[name] ?? 0) + Number(amount);
  }
  return Object.entries(sums).flatMap(([name, sum]) => {
    const value = output[name];
    const is = Array.isArray(value) ? value.length : value;
    return value === undefined || is === sum
      ? []
      : [`has ${name} at ${JSON.stringify(is)} where its steps have made ${sum}`];
  });
}

/** D8: an answer that was acknowledged is on the disk, and it is one that was sent by then. */
function answerViolations({ plan, journal, status }: Left, told: Told | undefined): readonly string[] {
  const found: string[] = [];
  const answers = journal.flatMap((entry) => (entry.type === 'input_answered' ? [entry] : []));
  if (new Set(answers.map(({ key }) => key)).size < answers.length) found.push('took two answers to one question (D8)');
  for (const [key, sent] of told?.answers ?? []) {
    const acks = sent.flatMap(({ ackedAt }) => ackedAt ?? []);
    if (acks.length === 0) continue;
    const question = journal.find((entry) => entry.type === 'input_requested' && entry.key === key);
    const taken = answers.find((entry) => entry.key === key)?.response;
    if (taken === undefined) {
      if (status !== 'cancelled' && !mayBeWithdrawn(plan, question)) found.push(`lost the answer to ${key} (D8)`);
      continue;
    }
    const nonce = isJsonObject(taken) && isJsonObject(taken['content']) ? taken['content']['nonce'] : undefined;
    if (nonce === undefined) continue;
    const taker = sent.find((one) => one.nonce === nonce);
    if (taker === undefined || taker.sentAt > Math.min(...acks))
      found.push(
        `took ${JSON.stringify(nonce)} as the answer to ${key}, which was sent after another was acknowledged (D8)`,
      );
  }
  return found;
}

/** Its time may have been over, or what it was asked for was cut off. */
function mayBeWithdrawn(plan: Left['plan'], question: StoredEntry | undefined): boolean {
  if (question?.type !== 'input_requested') return false;
  const [path = '', relayed = ''] = question.path.split('!');
  const ids = [...idsIn(path), ...idsIn(relayed)];
  // What a child may withdraw is known only to the child.
  if (relayed !== '' && !relayed.startsWith('interrupted-')) return true;
  return ids.some((id) => plan.wild.has(id));
}

/** A task, its parent, and so on. */
function lineOf(left: Left, known: ReadonlyMap<string, Left>): readonly Left[] {
  const parent = known.get(left.record.parent?.taskId ?? '');
  return parent === undefined ? [left] : [left, ...lineOf(parent, known)];
}

function isWildIn({ record }: Left, known: ReadonlyMap<string, Left>): boolean {
  const { taskId = '', path = '' } = record.parent ?? {};
  const wild = known.get(taskId)?.plan.wild;
  return idsIn(path).some((id) => wild?.has(id) === true);
}

/**
 * Between its look whether a task is still its own and the call, a process can be stopped too (docs/decisions/0021):
 * the first call of each that was woken is not held against it.
 */
function sentInTheGap({ ledger, woken }: Evidence): ReadonlySet<LedgerEntry> {
  return new Set(
    woken.flatMap(({ pid, at }) => {
      const first = ledger.find((call) => call.engine === pid && call.at >= at);
      return first === undefined || first.at > at + AWAKE_MS ? [] : [first];
    }),
  );
}

/** Who has called, if it had slept before. */
function by(call: LedgerEntry, woken: Evidence['woken']): string {
  const last = woken.findLast(({ pid, at }) => pid === call.engine && at <= call.at);
  return last === undefined ? '' : ` by a process that was woken ${call.at - last.at} ms before`;
}

function pathOf(entry: StoredEntry): string {
  return 'path' in entry ? entry.path : '';
}

/** Labels begin with the id of their step. */
function stepIn(label: string): string {
  return label.replace(/^late /u, '').split(' ')[0] ?? '';
}
