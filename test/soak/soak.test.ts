import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { messageOf } from '../../src/core/failure.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';
import type { Workspace } from '../support/workspace.ts';
import { Caller } from './caller.ts';
import { faultPlan, happen, NONE_FIRED } from './faults.ts';
import { Fleet } from './fleet.ts';
import { LEDGER } from './grower.ts';
import { grow } from './soak-workflows.ts';
import type { Workflows } from './soak-workflows.ts';
import { leftIn } from './left.ts';
import type { Left } from './left.ts';
import { kindsIn, summary, tooLittle } from './story.ts';
import type { Story } from './story.ts';
import { leftOvers, violationsOf } from './verdict.ts';
import { Watcher } from './watcher.ts';

/** 0: one round. */
const MINUTES = Number(process.env['SOAK_MINUTES'] ?? '0');
const SEED = Number(process.env['SOAK_SEED'] ?? String(Math.trunc(Math.random() * 1e9)));
/** Values of the argument `k`. */
const KS = 2;
const CLIENTS = 3;
/** Random streams of a round: its workflows, faults, clients, and the clients of the run without faults. */
const STREAMS = 4;
const canLimitFiles = spawnSync('prlimit', ['--version']).status === 0;

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

/**
 * Every workflow with every `k`, on one server to which nothing happens: by workflow and `k`, how each run has to end.
 */
async function withoutFaults(
  { definitions, plans }: Workflows,
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
    for (const name of plans.keys()) for (let k = 0; k < KS; k += 1) await caller.call(name, k);
    await caller.finish();
    const left = await leftOf(workspace, plans);
    // Children may be cut off; these are what the client has called itself.
    const called = left.filter(({ record }) => record.parent === undefined);
    const oracle = new Map(called.map((one) => [`${one.plan.name} ${one.k}`, one]));
    const evidence = { left, ledger: workspace.ledger(), told: caller.told, committedAt: new Map(), woken: [], oracle };
    expect([...caller.violations, ...violationsOf(evidence)], 'without any fault').toEqual([]);
    return oracle;
  } finally {
    await fleet.end();
    await workspace.remove();
  }
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
    workflows: called,
    ks: KS,
    cancels: 0.15,
    // Full disks, and a process that was stopped in the middle of a commit.
    mayRefuse: (message) => /(?:cannot|could not) be written/u.test(message),
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
      cancelOneOf: (taskIds: readonly string[]) => caller.cancelOneOf(taskIds),
      isBusy: () => caller.open.length > 0,
      lastCalled: () => [...new Set(workspace.ledger().map(({ pid }) => pid))].toReversed(),
    };
    for (const fault of faultPlan(seededRandom(seed + 1), { disk: canLimitFiles })) {
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

async function round(seed: number): Promise<void> {
  const began = performance.now();
  const workflows = grow(seededRandom(seed));
  const oracle = await withoutFaults(workflows, seededRandom(seed + 3));
  const story = await withFaults(workflows, oracle, seed);
  process.stdout.write(`seed ${seed}: ${Math.round((performance.now() - began) / 1000)} s; ${summary(story)}\n`);
  expect(tooLittle(story, canLimitFiles), 'too little happened').toEqual([]);
  expect(
    [...stepSyntaxes.keys()].filter((kind) => !kindsIn(story).includes(kind)),
    'kinds of steps that never ran',
  ).toEqual([]);
}

it(`random workflows from seed ${SEED}`, { timeout: (MINUTES + 15) * 60_000 }, async () => {
  const end = performance.now() + MINUTES * 60_000;
  for (let seed = SEED; seed === SEED || performance.now() < end; seed += STREAMS) {
    await round(seed).catch((error: unknown) => {
      throw new Error(`again: npm run soak -- --minutes 0 --seed ${seed}\n${messageOf(error)}`, { cause: error });
    });
  }
});
