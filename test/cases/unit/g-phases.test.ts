import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hanging, text } from '../../support/engine-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';
import type { WorkflowProcess } from '../../support/workflow-world.ts';

const me = 'local';

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** What is under way in the phase that runs. */
const RUNNING: readonly { readonly what: string; readonly yaml: string }[] = [
  { what: 'a call that may be made again', yaml: '{ id: c, server: s, action: long, idempotent: true }' },
  {
    what: 'a call that leaves its intent',
    yaml: '{ id: c, server: s, action: long, on_interrupt: retry, idempotent: false }',
  },
  { what: 'a wait', yaml: '{ id: c, type: wait, seconds: 600 }' },
  { what: 'a question', yaml: '{ id: c, type: elicit, message: Go on? }' },
  { what: 'a child', yaml: '{ id: c, type: workflow, workflow: nap }' },
  {
    what: 'the second round of a loop',
    yaml: '{ id: c, type: loop, max_iterations: 5, delay_seconds: 3, steps: [{ id: l, server: s, action: quick }] }',
  },
  {
    what: 'a foreach',
    yaml: '{ id: c, type: foreach, items: [1, 2], steps: [{ id: l, server: s, action: long, idempotent: true }] }',
  },
  {
    what: 'the pause before another attempt',
    yaml: '{ id: c, server: s, action: bad, retry: { max_attempts: 3, delay_seconds: 300 } }',
  },
];

async function startOf({ tasks }: WorkflowProcess, taskId: string): Promise<number | undefined> {
  const view = await tasks.get(taskId, me);
  const phase = view?.phases.find(({ name }) => name === 'c');
  expect(phase?.status).toBe('working');
  return phase?.startedAt;
}

describe.each([
  ['as the first', ''],
  ['behind another', '  - { id: before, server: s, action: quick }\n'],
])('G11: the beginning of a phase that runs, %s', (_, before) => {
  /** Lets it run for so long, then crash three times; `jump` sets the clock at the first crash. */
  async function crashed(
    yaml: string,
    ms: number,
    jump = 0,
  ): Promise<{ readonly created: number; readonly known: number | undefined; readonly start: number | undefined }> {
    world.define('name: nap\nsteps: [{ id: n, type: wait, seconds: 600 }]\n');
    world.downstream.tools['long'] = (_args, { signal }) => hanging(signal);
    world.downstream.tools['bad'] = () => ({ ...text('no'), isError: true });
    world.define(`name: w\nsteps:\n${before}  - ${yaml}\n`);
    let process = await world.started();
    const created = world.clock.now();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    for (let passed = 0; passed < ms; passed += 20) await world.clock.advance(20);
    const known = (await process.tasks.get(taskId, me))?.phases.find(({ name }) => name === 'c')?.startedAt;
    for (let crash = 0; crash < 3; crash += 1) {
      process.kill();
      if (crash === 0) world.clock.setWall(world.clock.now() + jump);
      await world.clock.advance(1000);
      process = await world.started();
      await world.clock.advance(1500);
    }
    return { created, known, start: await startOf(process, taskId) };
  }

  it.each(RUNNING)('stays what it was read to be, over crashes: $what', async ({ yaml }) => {
    const { known, start } = await crashed(yaml, 4000);
    expect(known).toBeDefined();
    expect(start).toBe(known);
  });

  it.each(RUNNING)(
    'stays what it was read to be, although the clock was set back while nobody ran it: $what',
    async ({ yaml }) => {
      const { known, start } = await crashed(yaml, 4000, -86_400_000);
      expect(known).toBeDefined();
      expect(start).toBe(known);
    },
  );

  it.each(RUNNING)('is no later than what it first did, also where a crash came at once: $what', async ({ yaml }) => {
    const { created, start } = await crashed(yaml, 20);
    expect(start).toBeLessThanOrEqual(created + 100);
  });
});

describe('G11: the beginning of a phase of several steps', () => {
  it.each([
    [
      'one of which has failed and was caught',
      '{ id: f, phase: p, server: s, action: bad }',
      'catch: [{ steps: [{ id: h, server: s, action: quick }] }]',
    ],
    ['one of which is done', '{ id: f, phase: p, server: s, action: slow }', 'catch: [{ steps: [] }]'],
  ])('stays what it was over crashes: %s', async (_, first, handler) => {
    world.downstream.tools['long'] = (_args, { signal }) => hanging(signal);
    for (const tool of ['bad', 'slow']) {
      world.downstream.tools[tool] = async (_args, { signal }) => {
        await world.clock.sleep(3000, signal);
        return { ...text(tool), isError: tool === 'bad' };
      };
    }
    world.define(
      `name: w\nsteps:\n  - { id: t, type: try, steps: [${first}], ${handler} }\n  - { id: c, phase: p, server: s, action: long, idempotent: true }\n`,
    );
    let process = await world.started();
    const { taskId } = await process.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(10);
    for (let passed = 0; passed < 8000; passed += 50) await world.clock.advance(50);
    const before = (await process.tasks.get(taskId, me))?.phases;
    expect(before?.[0]?.startedAt).toBeDefined();
    for (let crash = 0; crash < 2; crash += 1) {
      process.kill();
      await world.clock.advance(1000);
      process = await world.started();
      await world.clock.advance(3000);
    }
    expect((await process.tasks.get(taskId, me))?.phases[0]?.startedAt).toBe(before?.[0]?.startedAt);
  });
});
