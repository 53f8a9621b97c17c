import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hanging, text, toolError } from '../../support/engine-world.ts';
import { ended } from '../../support/task-world.ts';
import { WorkflowWorld } from '../../support/workflow-world.ts';

const me = 'local';
/** Long enough for the others to take over what a stopped process ran. */
const TAKEN_OVER_MS = 14_000;

let world: WorkflowWorld;
beforeEach(() => {
  world = new WorkflowWorld();
});
afterEach(() => world.dispose());

/** What stands between a step that is committed and the next call, so that a process can be stopped there. */
const WAITS: readonly { readonly what: string; readonly yaml: string }[] = [
  {
    what: 'the pause before another attempt',
    yaml: 'steps: [{ id: c, server: s, action: flaky, idempotent: true, retry: { max_attempts: 3, delay_seconds: 3 } }]',
  },
  {
    what: 'the pause between two rounds of a loop',
    yaml: 'steps: [{ id: l, type: loop, max_iterations: 2, delay_seconds: 3, steps: [{ id: c, server: s, action: c, idempotent: true }] }]',
  },
  {
    what: 'a short pause between two rounds of a loop',
    yaml: 'steps: [{ id: l, type: loop, max_iterations: 2, delay_seconds: 0.5, steps: [{ id: c, server: s, action: c, idempotent: true }] }]',
  },
  {
    what: 'a wait',
    yaml: 'steps: [{ id: nap, type: wait, seconds: 3 }, { id: c, server: s, action: c, idempotent: true }]',
  },
  {
    what: 'a short wait',
    yaml: 'steps: [{ id: nap, type: wait, seconds: 0.5 }, { id: c, server: s, action: c, idempotent: true }]',
  },
  {
    what: 'a short wait before the reading of a resource',
    yaml: "steps: [{ id: nap, type: wait, seconds: 0.5 }, { id: c, type: resource, server: s, uri: 'memo://1' }]",
  },
  {
    what: 'the pause before another attempt of a clean-up',
    yaml: 'steps: [{ id: t, type: try, steps: [{ id: f, type: fail, message: no }], finally: [{ id: c, server: s, action: flaky, idempotent: true, retry: { max_attempts: 3, delay_seconds: 3 } }] }]',
  },
];

/** Effects on servers so far. */
function effects(): number {
  return world.downstream.calls.length + reads;
}
let reads = 0;

/** Lets everything run that is due now. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await world.clock.advance(1);
}

describe('G5: a process that was stopped past its time in', () => {
  it.each(WAITS)('G5: $what makes no call when it goes on, as another one has made it', async ({ yaml }) => {
    reads = 0;
    world.downstream.resources['memo://1'] = () => {
      reads += 1;
      return [{ uri: 'memo://1', text: 'read' }];
    };
    world.downstream.tools['flaky'] = (_args, _context, call) => (call === 1 ? toolError('busy') : text('fine'));
    world.define(`name: w\n${yaml}\n`);
    const [a, b] = [await world.started(), await world.started()];
    await world.clock.advance(3000);
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(300);
    const before = effects();
    const goOn = a.pause();
    await world.clock.advance(TAKEN_OVER_MS);
    const { endedAt } = await world.clock.during(ended(b.tasks, taskId));
    expect(endedAt).toBeDefined();
    const made = effects();
    expect(made).toBe(before + 1);
    goOn();
    await world.clock.advance(5000);
    expect(effects()).toBe(made);
    expect(a.tasks.health().running).toBe(0);
  });

  it('G5: a wait makes no call when it goes on while another one is at it', async () => {
    world.define(
      'name: w\nsteps: [{ id: nap, type: wait, seconds: 3 }, { id: c, server: s, action: c, idempotent: true }]\n',
    );
    world.downstream.tools['c'] = (_args, { signal }) => hanging(signal);
    const [a, b] = [await world.started(), await world.started()];
    await world.clock.advance(3000);
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await world.clock.advance(300);
    const goOn = a.pause();
    await world.clock.advance(TAKEN_OVER_MS + 5000);
    expect(await b.tasks.isRun(taskId, me)).toBe(true);
    expect(effects()).toBe(1);
    goOn();
    await world.clock.advance(5000);
    expect(effects()).toBe(1);
  });
});

describe('G8: after another process has acknowledged a cancel', () => {
  const QUEUE = `name: w
steps: [{ id: e, type: foreach, items: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], max_concurrency: 3, steps: [{ id: c, server: s, action: c, idempotent: true }] }]
`;

  it.each([
    ['a running process', false],
    ['a process that was stopped meanwhile', true],
  ])('G8: %s begins no other call', async (_, isStopped) => {
    world.downstream.tools['c'] = async (_args, { signal }) => {
      await world.clock.sleep(50, signal);
      return text('done');
    };
    world.define(QUEUE);
    const [a, b] = [await world.started(), await world.started({ claims: 'none' })];
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    await settle();
    expect(effects()).toBe(3);
    const goOn = isStopped ? a.pause() : (): void => undefined;
    await b.tasks.cancel(taskId, me);
    await world.clock.advance(60);
    goOn();
    await world.clock.advance(1000);
    expect(effects()).toBe(3);
  });

  it.each([
    ['a wait', '{ id: nap, type: wait, seconds: 0.1 }'],
    [
      'the attempt before',
      '{ id: f, server: s, action: flaky, idempotent: true, retry: { max_attempts: 2, delay_seconds: 0.1 } }',
    ],
    [
      'a round of a loop before',
      '{ id: l, type: loop, max_iterations: 2, delay_seconds: 0.1, steps: [{ id: c, server: s, action: c, idempotent: true }] }',
    ],
  ])('G8: no call follows on %s', async (_, step) => {
    world.downstream.tools['flaky'] = (_args, _context, call) => (call === 1 ? toolError('busy') : text('fine'));
    world.define(`name: w\nsteps: [${step}, { id: z, server: s, action: z, idempotent: true }]\n`);
    const [a, b] = [await world.started(), await world.started({ claims: 'none' })];
    await world.clock.advance(210);
    const { taskId } = await a.tasks.create({ workflow: 'w', arguments: {}, principal: me });
    // Its progress has been written.
    for (let turn = 0; turn < 3; turn += 1) await settle();
    const before = effects();
    await b.tasks.cancel(taskId, me);
    await world.clock.advance(2000);
    expect(effects()).toBe(before);
  });
});
