import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { messageOf } from '../../src/core/failure.ts';
import type { StoredEntry } from '../../src/engine/journal.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';
import type { LedgerEntry, Workspace } from '../support/workspace.ts';
import { Caller } from './caller.ts';
import { faultPlan, happen, NONE_FIRED } from './faults.ts';
import type { Fired } from './faults.ts';
import { Fleet } from './fleet.ts';
import { grouped } from './grouped.ts';
import { KINDS, LEDGER } from './grower.ts';
import { leftIn, planOf } from './left.ts';
import type { Left, Plan } from './left.ts';
import { randomWorkflow } from './random-workflow.ts';
import type { RandomWorkflow } from './random-workflow.ts';
import { leftOvers, violationsOf } from './verdict.ts';
import { Watcher } from './watcher.ts';

const SMALL = process.env['SOAK_SMALL'] !== undefined;
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? '1');
const SEED = Number(process.env['SOAK_SEED'] ?? String(Math.trunc(Math.random() * 1e9)));
/** Values of the argument `k`. */
const KS = 2;
const CLIENTS = 3;
const TOURS = 4;
/** Random streams of a round: its workflows, faults, clients, and the clients of the run without faults. */
const STREAMS = 4;
const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

interface Workflows {
  /** What the clients call; the others are only started by these. */
  readonly called: readonly RandomWorkflow[];
  readonly definitions: Readonly<Record<string, string>>;
  readonly plans: ReadonlyMap<string, Plan>;
}

/** Two children that complete and one that fails; what the clients call: tours through all that there is, one workflow that fails, and some others. */
function grow(random: () => number): Workflows {
  const calm = [0, 1].map((index) => randomWorkflow({ name: `calm_${index}`, random, end: 'calm' }));
  const failing = [randomWorkflow({ name: 'failing', random, end: 'failing' })];
  const children = { calm, failing };
  const called = [
    ...tours(random).map((tour, index) =>
      randomWorkflow({ name: `tour_${index}`, random, end: 'any', children, tour }),
    ),
    randomWorkflow({ name: 'fails', random, end: 'failing', children }),
    ...[0, 1, 2].map((index) => randomWorkflow({ name: `any_${index}`, random, end: 'any', children })),
  ];
  const all = [...calm, ...failing, ...called];
  return {
    called,
    definitions: Object.fromEntries(all.map(({ name, json }) => [`${name}.json`, json])),
    plans: new Map(all.map(({ name, json }) => [name, planOf(name, json)])),
  };
}

/** All that there is, in any order, in parts; what ends a task stands last. */
function tours(random: () => number): readonly (readonly string[])[] {
  const mixed = KINDS.map((kind) => ({ kind, at: random() })).sort((one, other) => one.at - other.at);
  const parts = grouped(mixed.entries(), ([index]) => index % TOURS);
  return [...parts.values()].map((part) =>
    part.map(([, { kind }]) => kind).sort((one, other) => Number(one === 'succeed') - Number(other === 'succeed')),
  );
}

async function leftOf(workspace: Workspace, plans: Workflows['plans']): Promise<readonly Left[]> {
  const store = await KeyvTaskStore.open(join(workspace.path, 'data', 'tasks.sqlite'));
  try {
    const rest = async (): Promise<readonly string[]> => await leftOvers(store);
    // What a cancel leaves to do is done in the background.
    await waitUntil('nothing is left to do', async () => (await rest()).length === 0, 60_000).catch(
      async (error: unknown) => {
        throw new Error((await rest()).join(', '), { cause: error });
      },
    );
    return await leftIn(store, plans);
  } finally {
    await store.close();
  }
}

/** Every workflow with every `k`, on one server to which nothing happens: by workflow and `k`, how each run has to end. */
async function withoutFaults(
  { called, definitions, plans }: Workflows,
  random: () => number,
): Promise<ReadonlyMap<string, Left>> {
  const workspace = await newWorkspace({ definitions, standIns: { [LEDGER]: {} } });
  const fleet = new Fleet(workspace.path, 1);
  try {
    await fleet.all();
    const caller = new Caller({
      random,
      targets: () => fleet.targets(),
      workflows: [],
      ks: KS,
      cancels: 0,
      mayRefuse: () => false,
    });
    for (const { name } of called) for (let k = 0; k < KS; k += 1) await caller.call(name, k);
    await caller.finish();
    const left = await leftOf(workspace, plans);
    const oracle = new Map(left.map((one) => [`${one.plan.name} ${String(one.k)}`, one]));
    const evidence = { left, ledger: workspace.ledger(), told: caller.told, committedAt: new Map(), woken: [], oracle };
    expect([...caller.violations, ...violationsOf(evidence)], 'without any fault').toEqual([]);
    return oracle;
  } finally {
    await fleet.end();
    await workspace.remove();
  }
}

interface Story {
  readonly caller: Caller;
  readonly fired: Fired;
  readonly left: readonly Left[];
  readonly ledger: readonly LedgerEntry[];
}

async function withFaults(workflows: Workflows, oracle: ReadonlyMap<string, Left>, seed: number): Promise<Story> {
  const { called, definitions, plans } = workflows;
  const workspace = await newWorkspace({ definitions, standIns: { [LEDGER]: {} }, ownDisk: canLimitFiles });
  const fleet = new Fleet(workspace.path, 2);
  const watcher = new Watcher(workspace.path);
  const fired = { ...NONE_FIRED };
  const caller = new Caller({
    random: seededRandom(seed + 2),
    targets: () => fleet.targets(),
    workflows: called.map(({ name }) => name),
    ks: KS,
    cancels: 0.012,
    // Full disks, and a process that was stopped in the middle of a commit.
    mayRefuse: (message) => message.includes('cannot be written'),
  });
  const end = new AbortController();
  try {
    await fleet.all();
    await watcher.open();
    const watching = watcher.watch();
    const clients = Array.from({ length: CLIENTS }, () => caller.work(end.signal));
    const world = {
      fleet,
      watcher,
      isBusy: () => caller.open.length > 0,
      lastCalled: () => [...new Set(workspace.ledger().map(({ pid }) => pid))].toReversed(),
    };
    for (const fault of faultPlan(seededRandom(seed + 1), { small: SMALL, disk: canLimitFiles })) {
      await sleep(fault.after);
      await happen(fault, world, fired);
      expect(fleet.died).toEqual([]);
      caller.refuseToGoOn();
    }
    end.abort();
    await Promise.all(clients);
    await fleet.all();
    await caller.finish();
    const left = await leftOf(workspace, plans);
    await watcher.close();
    await watching;
    const ledger = workspace.ledger();
    const evidence = { left, ledger, told: caller.told, committedAt: watcher.committedAt, woken: fleet.woken, oracle };
    expect([...caller.violations, ...violationsOf(evidence)]).toEqual([]);
    return { caller, fired, left, ledger };
  } finally {
    end.abort();
    await watcher.close();
    await fleet.end();
    if (process.env['SOAK_KEEP'] === undefined) await workspace.remove();
    else process.stdout.write(`kept: ${workspace.path}\n`);
  }
}

/** Too little happened = nothing proven. */
function expectEnough({ caller, fired, left, ledger }: Story): void {
  expect(fired.kills, 'kills').toBeGreaterThanOrEqual(5);
  expect(fired.killsOfWork, 'kills of a server that ran a task').toBeGreaterThanOrEqual(3);
  expect(fired.takenOver, 'tasks taken over from a server that was stopped').toBeGreaterThanOrEqual(1);
  expect(fired.clockForward, 'jumps of the clock forward, over open tasks').toBeGreaterThanOrEqual(1);
  expect(fired.clockBack, 'jumps of the clock back, over open tasks').toBeGreaterThanOrEqual(1);
  expect(fired.dozes, 'short stops').toBeGreaterThanOrEqual(1);
  expect(fired.ledgers, 'kills of the downstream server').toBeGreaterThanOrEqual(1);
  expect(fired.disks, 'full disks').toBeGreaterThanOrEqual(canLimitFiles ? 1 : 0);
  const ends = grouped(left, ({ status }) => status);
  expect(ends.get('completed')?.length ?? 0, 'completed tasks').toBeGreaterThanOrEqual(20);
  expect(ends.get('failed')?.length ?? 0, 'failed tasks').toBeGreaterThanOrEqual(3);
  expect(ends.get('cancelled')?.length ?? 0, 'cancelled tasks').toBeGreaterThanOrEqual(1);
  expect(answered(caller), 'answers').toBeGreaterThanOrEqual(20);
  expect(ledger.length, 'calls').toBeGreaterThanOrEqual(200);
  expect(again(ledger), 'calls made again').toBeGreaterThanOrEqual(5);
  expect(undone(left), 'steps undone').toBeGreaterThanOrEqual(1);
}

function answered({ told }: Caller): number {
  const sent = [...told.values()].flatMap(({ answers }) => [...answers.values()].flat());
  return sent.filter(({ ackedAt }) => ackedAt !== undefined).length;
}

function again(ledger: readonly LedgerEntry[]): number {
  return ledger.length - new Set(ledger.map(({ key }) => key)).size;
}

function finished(left: readonly Left[]): readonly Extract<StoredEntry, { type: 'finished' }>[] {
  return left.flatMap(({ journal }) => journal.flatMap((entry) => (entry.type === 'finished' ? [entry] : [])));
}

function undone(left: readonly Left[]): number {
  return finished(left).filter(({ step }) => step.endsWith('_undo')).length;
}

async function round(seed: number): Promise<{ readonly line: string; readonly kinds: readonly string[] }> {
  const began = performance.now();
  const workflows = grow(seededRandom(seed));
  const oracle = await withoutFaults(workflows, seededRandom(seed + 3));
  const story = await withFaults(workflows, oracle, seed);
  const { caller, fired, left, ledger } = story;
  expectEnough(story);
  const ends = [...grouped(left, ({ status }) => status)].map(([status, of]) => `${of.length} ${status}`);
  const faults = Object.entries(fired).map(([name, count]) => `${name} ${count}`);
  const parts = [
    `${Math.round((performance.now() - began) / 1000)} s`,
    `faults: ${faults.join(', ')}`,
    `tasks: ${caller.told.size} called, with children ${ends.join(', ')}`,
    `calls: ${ledger.length}, ${again(ledger)} of them again`,
    `answers: ${answered(caller)}, refused requests: ${caller.refused}, steps undone: ${undone(left)}`,
  ];
  const done = finished(left).filter(({ result }) => result.status !== 'skipped');
  return { line: `seed ${seed}: ${parts.join('; ')}`, kinds: done.map(({ kind }) => kind) };
}

it(`random workflows from seed ${SEED}`, { timeout: (MINUTES + 15) * 60_000 }, async () => {
  const end = performance.now() + MINUTES * 60_000;
  const kinds = new Set<string>();
  for (let seed = SEED; seed === SEED || (!SMALL && performance.now() < end); seed += STREAMS) {
    const again = SMALL ? '--small --seed' : '--minutes 1 --seed';
    const { line, kinds: done } = await round(seed).catch((error: unknown) => {
      throw new Error(`again: npm run soak -- ${again} ${seed}\n${messageOf(error)}`, { cause: error });
    });
    for (const kind of done) kinds.add(kind);
    process.stdout.write(`${line}\n`);
  }
  const missing = [...stepSyntaxes.keys()].filter((type) => !kinds.has(type));
  expect(missing, `kinds of steps that never ran, seed ${SEED}`).toEqual([]);
});
