import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { hanging, text } from '../../support/engine-world.ts';
import { ended } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';
/** More than are forgiven to a task that kills its process. */
const CRASHES = 15;

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** Kills the process again and again, each time after it has run for so long, and gives the last one. */
async function crashing(first: WorkflowProcess, everyMs: number): Promise<WorkflowProcess> {
  let process = first;
  for (let crash = 0; crash < CRASHES; crash += 1) {
    await world.clock.advance(everyMs);
    process.kill();
    process = await world.started();
  }
  await world.clock.advance(100);
  return process;
}

const NAP = 'name: nap\nsteps:\n  - { id: nap, type: wait, seconds: 3600 }\n';

/** Workflows whose step waits long, without an entry of the journal meanwhile; `release` lets it come to its end. */
const PATIENT: readonly { readonly what: string; readonly yaml: string }[] = [
  { what: 'a child workflow', yaml: 'steps: [{ id: s, type: workflow, workflow: nap }]' },
  {
    what: 'child workflows of a foreach',
    yaml: 'steps: [{ id: s, type: foreach, items: [1, 2], max_concurrency: 2, steps: [{ id: c, type: workflow, workflow: nap }] }]',
  },
  {
    what: 'a child workflow in a branch beside a call that is done',
    yaml: 'steps: [{ id: s, type: parallel, branches: { a: [{ id: c, type: workflow, workflow: nap }], b: [{ id: d, server: s, action: quick }] } }]',
  },
  { what: 'a task of another server', yaml: 'steps: [{ id: s, server: s, action: job }]' },
];

describe('G1: a long wait', () => {
  it.each(PATIENT)('G1: for $what outlives any number of crashes', async ({ yaml }) => {
    world.define(NAP);
    world.define(`name: w\n${yaml}\n`);
    let isOver = false;
    world.downstream.repeatable['job'] = 'unknown';
    world.downstream.tools['job'] = async (_args, { handle, onHandle, signal }) => {
      if (handle === undefined) await onHandle?.({ job: 1 });
      return isOver ? text('done') : hanging(signal);
    };
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const last = await crashing(first, 500);
    expect(await last.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
    isOver = true;
    last.kill();
    const { tasks } = await world.started();
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
    // Nothing else was called again meanwhile.
    expect(world.callsOf('quick')).toBeLessThanOrEqual(1);
  });

  it('G1: a call that runs for minutes each time before its process dies is made again', async () => {
    world.define('name: w\nsteps: [{ id: s, server: s, action: long, idempotent: true }]\n');
    world.downstream.tools['long'] = async (_args, { signal }, call) =>
      call <= CRASHES ? hanging(signal) : text('done');
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const { tasks } = await crashing(first, 5 * 60_000);
    expect(await world.clock.during(ended(tasks, taskId))).toMatchObject({ status: 'completed' });
  });

  it('G1: crashes long ago are forgiven where it goes on for an hour between them', async () => {
    world.define('name: w\nsteps: [{ id: s, server: s, action: long, idempotent: true }]\n');
    world.downstream.tools['long'] = (_args, { signal }) => hanging(signal);
    let process = await world.started();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    for (let group = 0; group < 4; group += 1) {
      for (let crash = 0; crash < 4; crash += 1) {
        await world.clock.advance(300);
        process.kill();
        process = await world.started();
      }
      await world.clock.advance(3_600_000);
    }
    expect(await process.tasks.get(taskId, me)).toMatchObject({ status: 'working' });
  });
});

describe('G1: what kills its process', () => {
  it('G1: as soon as it begins, each time, is given up', async () => {
    world.define('name: w\nsteps: [{ id: s, server: s, action: poison, idempotent: true }]\n');
    world.downstream.tools['poison'] = (_args, { signal }) => hanging(signal);
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    const { tasks } = await crashing(first, 100);
    const view = await tasks.get(taskId, me);
    expect(view).toMatchObject({ status: 'failed', failure: { code: 'interrupted' } });
    expect(world.callsOf('poison')).toBeLessThanOrEqual(CRASHES);
  });

  it('G1: is given up after as many crashes as the setting max_crashes says, which the documents name', async () => {
    expect(loadConfig({}, { MCP_WORKFLOW_MAX_CRASHES: '3' }, '/').warnings).toEqual([]);
    const silent: string[] = [];
    for (const document of ['docs/guarantees.md', 'docs/configuration.md'])
      if (!(await readFile(document, 'utf8')).includes('`max_crashes`')) silent.push(document);
    expect(silent).toEqual([]);
  });
});
