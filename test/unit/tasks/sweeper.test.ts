import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aborted } from '../../support/scripted-runner.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';

const me = 'local';
const HOUR = 3_600_000;
let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
  world.define('w', ({ step }) => step('a', () => 1));
  world.define('long', async ({ step, signal }) => {
    await step('a', () => 1);
    return aborted(signal);
  });
});
afterEach(() => world.dispose());

/** Keys of the store that belong to a task in any way. */
function keysOf(taskId: string): readonly string[] {
  return [...world.store.data.texts]
    .filter(([key, text]) => key.includes(taskId) || text.includes(taskId))
    .map(([key]) => key);
}

describe('ttl (D12)', () => {
  it('keeps the result until it is over, then the task is not found and leaves nothing behind', async () => {
    const { tasks } = await world.started();
    const request = { workflow: 'w', arguments: {}, principal: me, ttl: HOUR, idempotencyKey: 'k' };
    // In the same millisecond, so that the place of the other in a listing says so.
    await tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: HOUR });
    const { taskId } = await tasks.create(request);
    await ended(tasks, taskId);
    await world.clock.advance(HOUR - 1);
    expect(await tasks.outcome(taskId, me)).toMatchObject({ output: 1 });
    await world.clock.advance(1);
    expect(await tasks.get(taskId, me)).toBeUndefined();
    expect((await tasks.list({ principal: me })).tasks).toEqual([]);
    await world.clock.advance(60_000);
    expect(keysOf(taskId)).toEqual([]);
    expect((await tasks.create(request)).taskId).not.toBe(taskId);
  });

  it('gives a new task for an idempotency key whose task is over, even before it is swept', async () => {
    const { tasks } = await world.started();
    const request = { workflow: 'w', arguments: {}, principal: me, ttl: 1000, idempotencyKey: 'k' };
    const { taskId } = await tasks.create(request);
    await ended(tasks, taskId);
    await world.clock.advance(1000);
    const second = await tasks.create({ ...request, ttl: HOUR });
    expect(second.taskId).not.toBe(taskId);
    await world.clock.advance(60_000);
    expect(keysOf(taskId)).toEqual([]);
    expect((await tasks.create(request)).taskId).toBe(second.taskId);
  });

  it('fails an open task first, aborts its run and cleans it up, and removes it later', async () => {
    const { tasks, runner } = await world.started();
    let cleaned = 0;
    runner.cleanUps.set('long', async ({ step }) => {
      await step('cleanup/undo', () => (cleaned += 1));
    });
    const { taskId, rev } = await tasks.create({ workflow: 'long', arguments: {}, principal: me, ttl: HOUR });
    await viewWhere(tasks, taskId, (view) => view.rev > rev);
    const seen: string[] = [];
    tasks.subscribe(
      (event) => event.type === 'changed' && seen.push(`${event.view.status} ${event.view.failure?.code}`),
    );
    await world.clock.advance(HOUR + 60_000);
    expect(seen.at(-1)).toBe('failed limit_exceeded');
    expect(tasks.health().running).toBe(0);
    expect(cleaned).toBe(1);
    await world.clock.advance(60_000);
    expect(keysOf(taskId)).toEqual([]);
  });

  it('tells the process that has the task, also where another one swept it that had it before and has not noticed (D6, D12)', async () => {
    world.define('asks', async ({ step, ports }) => {
      await step('a', () => 1);
      return step('q', async () => (await ports.input.ask('q', { method: 'roots/list', params: {} })) ?? null);
    });
    const a = await world.started();
    const b = await world.started();
    const { taskId } = await a.tasks.create({ workflow: 'asks', arguments: {}, principal: me, ttl: 40_000 });
    await viewWhere(a.tasks, taskId, ({ inputs }) => inputs.length > 0);
    const goOn = a.pause();
    await world.clock.advance(14_000);
    expect(b.runner.begun).toEqual(['asks']);
    goOn();
    await world.clock.advance(50_000);
    expect(b.tasks.health().running).toBe(0);
    await world.clock.advance(60_000);
    expect(keysOf(taskId)).toEqual([]);
  });

  it('is not over for a task without end, and a clock that jumps ahead removes nothing (D11)', async () => {
    const { tasks } = await world.started({ limits: { ttlMax: null } });
    const kept = await tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: null });
    const jumped = await tasks.create({ workflow: 'long', arguments: {}, principal: me, ttl: HOUR });
    expect(kept.ttl).toBeNull();
    world.clock.setWall(world.clock.now() + 365 * 24 * HOUR);
    await world.clock.advance(60_000);
    expect(await tasks.get(kept.taskId, me)).toMatchObject({ status: 'completed' });
    expect(await tasks.get(jumped.taskId, me)).toMatchObject({ status: 'working' });
    world.clock.setWall(0);
    await world.clock.advance(60_000);
    const view = await tasks.cancel(jumped.taskId, me);
    expect(view.lastUpdatedAt).toBeGreaterThanOrEqual(jumped.lastUpdatedAt);
  });

  it('fails a task at the next start whose ttl was over while nobody ran', async () => {
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'long', arguments: {}, principal: me, ttl: HOUR });
    first.kill();
    await world.clock.advance(2 * HOUR);
    const second = await world.started();
    expect(second.runner.begun).toEqual([]);
    expect(await second.tasks.get(taskId, me)).toBeUndefined();
    await world.clock.advance(60_000);
    expect(keysOf(taskId)).toEqual([]);
  });

  it('sweeps many, page by page', async () => {
    const { tasks } = await world.started();
    await Promise.all(
      Array.from({ length: 450 }, () => tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: 1000 })),
    );
    const kept = await tasks.create({ workflow: 'w', arguments: {}, principal: me, ttl: HOUR });
    await world.clock.advance(61_000);
    const left = [...world.store.data.texts.keys()].filter((key) => key.startsWith('task:'));
    expect(left).toEqual([`task:${kept.taskId}`]);
  });
});
