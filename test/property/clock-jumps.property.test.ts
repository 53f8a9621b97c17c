import fc from 'fast-check';
import { expect, it } from 'vitest';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { LOCAL_PRINCIPAL } from '../../src/tasks/task.ts';
import { dose } from '../support/dose.ts';
import { DurableWorld } from '../support/durable-world.ts';
import { definitionOf, text, toolError } from '../support/engine-world.ts';

const HOUR = 3_600_000;
const YEAR = 365 * 24 * HOUR;
const LEAST_MS = 3000 + 2 * 2000 + 4000;

const timed = definitionOf(
  [
    { id: 'nap', type: 'wait', seconds: 3 },
    { id: 'poll', type: 'loop', max_iterations: 3, delay_seconds: 2, steps: [{ id: 'look', action: 'look' }] },
    { id: 'again', action: 'flaky', retry: { max_attempts: 2, delay_seconds: 4 } },
    { id: 'quick', action: 'quick', timeout_seconds: 5 },
  ],
  { name: 'timed', output: { last: '{{quick.text}}' } },
);

/**
 * When, by the monotonic clock, the wall clock is set by how much (`epoch`: to 1970), and whether the process dies
 * then.
 */
const jump = fc.record({
  at: fc.integer({ min: 0, max: 10_000 }),
  by: fc.constantFrom<number | 'epoch'>(HOUR, -HOUR, YEAR, -YEAR, 'epoch', 1, -1),
});

it('a clock that is set neither fires a timer early nor loses or repeats anything (D11)', async () => {
  let set = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(jump, { minLength: 1, maxLength: 5 }), async (jumps) => {
      const store = new MemoryTaskStore();
      const world = new DurableWorld({ open: () => Promise.resolve(store.another()), definitions: [timed] });
      world.downstream.tools['flaky'] = (_args, _context, call) => (call === 1 ? toolError('busy') : text('ok'));
      world.downstream.tools['quick'] = () => text('done');
      const { clock } = world;
      const request = { workflow: 'timed', arguments: {}, principal: LOCAL_PRINCIPAL, ttl: null };
      const setting = Promise.all(
        jumps.map(async ({ at, by }) => {
          await clock.sleep(at);
          clock.setWall(by === 'epoch' ? 0 : Math.max(0, clock.now() + by));
          set += 1;
        }),
      );
      const began = clock.monotonic();
      const { taskId } = await world.during(world.call((tasks) => tasks.create(request)));
      const view = await world.during(world.untilEnded(taskId, () => null));
      const took = clock.monotonic() - began;
      expect(view.status).toBe('completed');
      expect(took).toBeGreaterThanOrEqual(LEAST_MS);
      // Never longer than planned either, but for what polling adds.
      expect(took).toBeLessThan(LEAST_MS + 5000);
      expect(world.downstream.calls.map(({ tool }) => tool)).toEqual([
        'look',
        'look',
        'look',
        'flaky',
        'flaky',
        'quick',
      ]);
      expect(view.endedAt).toBeGreaterThanOrEqual(view.createdAt);
      await world.during(setting);
      expect(await world.during(world.call((tasks) => tasks.get(taskId, LOCAL_PRINCIPAL)))).toEqual(view);
      await world.dispose();
    }),
    { numRuns: dose(150, 1000) },
  );
  expect(set).toBeGreaterThan(150);
});
