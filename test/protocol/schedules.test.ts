import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { KnownTasks } from '../../src/protocol/caller.ts';
import type { Caller } from '../../src/protocol/caller.ts';
import { assertReadable, listResources, readResource } from '../../src/protocol/resources.ts';
import { watchSchedules } from '../../src/protocol/schedules.ts';
import { callOwnTool } from '../../src/protocol/task-tools.ts';
import { listTools } from '../../src/protocol/tools.ts';
import { protocolDeps } from '../support/protocol-deps.ts';
import { waitUntil } from '../support/wait-until.ts';

const SCHEDULES: readonly (JsonObject & { readonly workflow: string })[] = [
  { workflow: 'nightly', state: 'active', last: { time: 't', startedAt: 't', taskId: 'secret-1' } },
  { workflow: 'private', state: 'active', last: null },
];

function world(expose?: readonly string[]) {
  const base = protocolDeps({ schedules: () => Promise.resolve(SCHEDULES) });
  const { settings } = base;
  const deps =
    expose === undefined ? base : { ...base, settings: { ...settings, expose: { names: expose, tags: [] } } };
  const result = (): Promise<{ content: [] }> => Promise.resolve({ content: [] });
  base.publish('nightly', result, { schedule: { type: 'cron', expression: '0 3 * * *' } });
  base.publish('private', result, { schedule: { type: 'interval', seconds: 60 } });
  return deps;
}

const caller = (more: Partial<Caller> = {}): Caller => ({
  principal: 'local',
  identified: true,
  listsAll: true,
  known: new KnownTasks(),
  ...more,
});

async function readSchedules(who: Caller, deps = world()): Promise<JsonObject> {
  const read = await readResource('workflow://schedules', who, deps);
  const [content] = read['contents'] as readonly JsonObject[];
  return JSON.parse(content?.['text'] as string) as JsonObject;
}

describe('schedules in the protocol', () => {
  it('the tool and the resource are listed while a published workflow has a schedule', async () => {
    const names = listTools(world()).map((tool) => tool.name);
    expect(names.slice(0, 3)).toEqual(['nightly', 'private', 'schedules_list']);
    const { resources } = await listResources(undefined, caller(), world());
    expect(resources.map((resource) => resource['uri'])).toContain('workflow://schedules');

    const without = protocolDeps();
    without.publish('plain', () => Promise.resolve({ content: [] }));
    expect(listTools(without).map((tool) => tool.name)).not.toContain('schedules_list');
    expect(
      (await listResources(undefined, caller(), without)).resources.map((resource) => resource['uri']),
    ).not.toContain('workflow://schedules');
  });

  it('in compact mode there are the pair and the five tools only, and the list is the resource (issue 4.8)', async () => {
    const base = world();
    const deps = { ...base, settings: { ...base.settings, compact: true } };
    expect(listTools(deps).map((tool) => tool.name)).toEqual([
      'workflow_run',
      'workflow_search',
      'tasks_cancel',
      'tasks_get',
      'tasks_list',
      'tasks_result',
      'tasks_update',
    ]);
    const { resources } = await listResources(undefined, caller(), deps);
    expect(resources.map((resource) => resource['uri'])).toContain('workflow://schedules');
  });

  it('a workflow cannot take the name of the tool', () => {
    const deps = world();
    deps.publish('schedules_list', () => Promise.resolve({ content: [] }));
    expect(listTools(deps).filter((tool) => tool.name === 'schedules_list')).toHaveLength(1);
  });

  it('tool and resource show the same', async () => {
    const deps = world();
    const result = await callOwnTool('schedules_list', {}, caller(), new AbortController().signal, deps);
    expect(result.structuredContent).toEqual({ schedules: SCHEDULES });
    expect(await readSchedules(caller(), deps)).toEqual({ schedules: SCHEDULES });
  });

  it('the tool can be asked for one workflow', async () => {
    const args = { workflow: 'private' };
    const result = await callOwnTool('schedules_list', args, caller(), new AbortController().signal, world());
    expect(result.structuredContent).toEqual({ schedules: [SCHEDULES[1]] });
  });

  it('workflows that are not published are left out', async () => {
    expect(await readSchedules(caller(), world(['nightly']))).toEqual({ schedules: [SCHEDULES[0]] });
  });

  it.each([
    ['another principal', { principal: 'ann' }],
    ['a caller whom the transport does not tell apart', { identified: false, listsAll: false }],
  ])('%s sees no task ids', async (_who, more) => {
    const text = JSON.stringify(await readSchedules(caller(more)));
    expect(text).toContain('nightly');
    expect(text).not.toContain('secret-1');
  });

  it('can be subscribed to: told once of a burst, and no more after the end', async () => {
    const deps = world();
    await assertReadable('workflow://schedules', caller(), deps);
    let told = 0;
    const stop = watchSchedules(() => (told += 1), deps);
    deps.publish('nightly', () => Promise.resolve({ content: [] }), { schedule: { type: 'interval', seconds: 60 } });
    deps.publish('private', () => Promise.resolve({ content: [] }));
    await waitUntil('it was told', () => told > 0);
    expect(told).toBe(1);
    stop();
    deps.publish('nightly', () => Promise.resolve({ content: [] }));
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(told).toBe(1);
    expect(deps.tasks.subscriberCount).toBe(0);
  });
});
