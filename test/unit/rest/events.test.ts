import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonValue } from '../../../src/core/json.ts';
import { eventBody } from '../../../src/rest/events/stream.ts';
import type { ServerEvent } from '../../../src/rest/route.ts';
import { eventsIn, type ReadEvent } from '../../support/api-check.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { RestWorld } from '../../support/rest-world.ts';
import { WORKFLOWS } from './world-definitions.ts';

let world: RestWorld;
beforeEach(async () => {
  world = new RestWorld();
  for (const yaml of WORKFLOWS) world.define(yaml);
  await world.start();
});
afterEach(() => world.dispose());

function member(event: ReadEvent | undefined, name: string): JsonValue | undefined {
  return isJsonObject(event?.data) ? event.data[name] : undefined;
}

const seqs = (events: readonly ReadEvent[]): readonly unknown[] =>
  events.filter(({ event }) => event === 'journal').map((each) => member(each, 'seq'));

const waits = (events: readonly ReadEvent[]): boolean =>
  events.some((each) => each.event === 'task' && member(each, 'status') === 'input_required');

describe('events of a task', () => {
  it('tell the whole journal in order, the last state, and the end', async () => {
    const id = await world.begin('each', { count: 30 });
    const events = await world.events(`/tasks/${id}/events`);
    const { length } = await world.tasks.journal(id, 'local');
    expect(seqs(events)).toEqual(Array.from({ length }, (_none, index) => index + 1));
    expect(
      member(
        events.findLast(({ event }) => event === 'task'),
        'status',
      ),
    ).toBe('completed');
    expect(events.at(-1)).toMatchObject({ event: 'end', id: `${length}.end` });
  });

  it('go on behind Last-Event-ID in another process after a kill: nothing is missed and nothing comes twice', async () => {
    const id = await world.begin('asks');
    const before = await world.events(`/tasks/${id}/events`, waits);
    const cursor = before.findLast((each) => each.id !== undefined)?.id ?? '';
    await world.start();
    const [key = ''] = (await world.tasks.get(id, 'local'))?.inputs.map((input) => input.key) ?? [];
    const later = world.events(`/tasks/${id}/events`, undefined, { headers: { 'last-event-id': cursor } });
    await world.post(`/tasks/${id}/answers/${key}`, { action: 'accept', content: { name: 'Ann' } });
    const all = [...seqs(before), ...seqs(await later)];
    const journal = await world.tasks.journal(id, 'local');
    expect(all).toEqual(journal.map(({ seq }) => seq));
  });

  it('are over for a client that has read the end: 204, so that an EventSource stays away', async () => {
    const id = await world.run('quick');
    const events = await world.events(`/tasks/${id}/events`);
    const end = await world.ask(`/tasks/${id}/events`, { headers: { 'last-event-id': events.at(-1)?.id ?? '' } });
    expect(end.status).toBe(204);
    const behind = await world.events(`/tasks/${id}/events?after=1`);
    expect(seqs(behind)).toEqual(seqs(events).slice(1));
  });

  it('refuse a cursor that is none', async () => {
    const id = await world.run('quick');
    for (const cursor of ['x', '-1', '1.5', '9'.repeat(20)]) {
      const answer = await world.ask(`/tasks/${id}/events`, { headers: { 'last-event-id': cursor } });
      expect([answer.status, answer.object['code']]).toEqual([400, 'invalid_cursor']);
    }
  });

  it('carry no output, whatever its size', async () => {
    const id = await world.run('quick', { n: 7_654_321 });
    const events = await world.events(`/tasks/${id}/events`);
    expect(events.some((each) => member(each, 'outputBytes') !== undefined)).toBe(true);
    expect(JSON.stringify(events)).not.toContain('7654321');
  });
});

describe('events of a list', () => {
  it('begin when it listens, and tell each task of the caller in its newest state', async () => {
    const heard = world.events('/tasks/events', (all) => all.some((each) => member(each, 'status') === 'completed'));
    // `ready` comes first: what begins after it is told.
    await world.world.clock.untilSleeping(1);
    const id = await world.run('quick');
    const events = await heard;
    expect(events[0]?.event).toBe('ready');
    expect(member(events.at(-1), 'taskId')).toBe(id);
  });

  it('tell a client that comes back to another process every task that has changed meanwhile, old ones too', async () => {
    const old = await world.begin('asks');
    await world.events(`/tasks/${old}/events`, waits);
    const [ready] = await world.events('/tasks/events', (all) => all.length > 0);
    await world.start();
    const fresh = await world.run('quick');
    await world.post(`/tasks/${old}/cancel`);
    const events = await world.events(
      '/tasks/events',
      (all) => new Set(all.map((each) => member(each, 'taskId'))).size === 3,
      { headers: { 'last-event-id': ready?.id ?? '' } },
    );
    const states = new Map(events.map((each) => [member(each, 'taskId'), member(each, 'status')]));
    expect(states.get(old)).toBe('cancelled');
    expect(states.get(fresh)).toBe('completed');
  });

  it('show no task of another caller', async () => {
    const heard = world.events('/tasks/events', (all) => all.some(({ event }) => event === 'task'));
    await world.world.clock.untilSleeping(1);
    await world.begin('quick', {}, { caller: { principal: 'alice', listsAll: true } });
    const own = await world.begin('quick');
    expect((await heard).flatMap((each) => member(each, 'taskId') ?? [])).toEqual([own]);
  });

  it('find what another process runs on the same data', async () => {
    const other = await world.world.started({ claims: 'own' });
    const heard = world.events('/tasks/events', (all) => all.some(({ event }) => event === 'task'));
    await world.world.clock.untilSleeping(1);
    const { taskId } = await other.tasks.create({ workflow: 'quick', arguments: {}, principal: 'local' });
    expect((await heard).flatMap((each) => member(each, 'taskId') ?? [])).toEqual([taskId]);
  });

  it('refuse a cursor that is none', async () => {
    expect((await world.ask('/tasks/events', { headers: { 'last-event-id': 'x' } })).object['code']).toBe(
      'invalid_cursor',
    );
  });
});

describe('a stream of events', () => {
  function streamOf(events: AsyncGenerator<ServerEvent>): {
    readonly clock: ManualClock;
    readonly body: ReadableStream<Uint8Array>;
    readonly seen: string[];
  } {
    const clock = new ManualClock();
    const seen: string[] = [];
    const body = eventBody(
      events,
      clock,
      () => void seen.push('left'),
      () => void seen.push('failed'),
    );
    return { clock, body, seen };
  }

  it('says every 15 seconds that it is still there', async () => {
    const silent = async function* (): AsyncGenerator<ServerEvent> {
      await new Promise<void>(() => undefined);
      yield { event: 'never', data: {} };
    };
    const { clock, body } = streamOf(silent());
    const reader = body.getReader();
    await reader.read();
    const beat = reader.read();
    await clock.untilSleeping(1);
    await clock.advance(15_000);
    expect(new TextDecoder().decode((await beat).value)).toBe(': still here\n\n');
  });

  it('makes no event before its reader has room for it, and none after the reader has gone', async () => {
    let made = 0;
    let closed = false;
    const counting = async function* (): AsyncGenerator<ServerEvent> {
      try {
        for (;;) {
          await Promise.resolve();
          yield { event: 'n', data: { n: (made += 1) } };
        }
      } finally {
        closed = true;
      }
    };
    const { body, seen } = streamOf(counting());
    const reader = body.getReader();
    for (let read = 0; read < 5; read += 1) await reader.read();
    expect(made).toBeLessThan(8);
    await reader.cancel();
    expect([closed, seen]).toEqual([true, ['left']]);
  });

  it('ends after an error, which is told to the log and not to the reader', async () => {
    const failing = async function* (): AsyncGenerator<ServerEvent> {
      yield { event: 'one', data: {} };
      await Promise.resolve();
      throw new Error('the secret cause');
    };
    const { body, seen } = streamOf(failing());
    const text = await new Response(body).text();
    expect(eventsIn(text).map(({ event }) => event)).toEqual(['one']);
    expect(text).not.toContain('secret');
    expect(seen).toEqual(['failed', 'left']);
  });
});
