import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { newCaseFolder, validated, type CaseFolder, type Found } from '../../support/case-folder.ts';
import { startRawServer, type RawServer } from '../../support/raw-server.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SET = 'steps: [{ id: a, type: set, values: { done: true } }]\n';

/** The time that each of these makes is beyond what a date can be; the line is the one that says so. */
const FAR: Readonly<Record<string, string>> = {
  wait: 'name: wait\nsteps:\n  - id: w\n    type: wait\n    seconds: 1e13 # here\n',
  wait_text: "name: wait_text\nsteps:\n  - id: w\n    type: wait\n    seconds: '1e13' # here\n",
  loop: 'name: loop\nsteps:\n  - id: l\n    type: loop\n    max_iterations: 2\n    delay_seconds: 1e13 # here\n    steps: [{ id: s, type: set, values: {} }]\n',
  retry:
    'name: retry\nsteps:\n  - id: f\n    type: fail\n    message: no\n    retry:\n      max_attempts: 2\n      delay_seconds: 1e13 # here\n      max_delay_seconds: 1e13\n',
  elicit: 'name: elicit\nsteps:\n  - id: e\n    type: elicit\n    message: Well?\n    timeout_seconds: 1e13 # here\n',
  interval: `name: interval\n${SET}schedule:\n  type: interval\n  seconds: 1e13 # here\n`,
  jitter: `name: jitter\n${SET}schedule:\n  type: interval\n  seconds: 60\n  jitter_seconds: 1e13 # here\n`,
  long_ago: `name: long_ago\n${SET}schedule:\n  type: interval\n  seconds: 60\n  catch_up: all\n  catch_up_window_seconds: 1e13 # here\n`,
  workflow: `name: workflow\n${SET}timeout_seconds: 1e13 # here\n`,
};
const NEAR: Readonly<Record<string, string>> = {
  bystander: `name: bystander\n${SET}`,
  every_minute: `name: every_minute\n${SET}schedule: { type: interval, seconds: 60 }\n`,
  year: 'name: year\nsteps: [{ id: w, type: wait, seconds: 31536000 }]\n',
  seconds:
    "name: seconds\nsteps: [{ id: w, type: wait, seconds: '{{input.seconds}}' }]\nvariables: { input: { seconds: null } }\n",
  until:
    "name: until\nsteps: [{ id: w, type: wait, until: '{{input.until}}' }]\nvariables: { input: { until: null } }\n",
};

let folder: CaseFolder;
let server: RawServer;
let found: (file: string) => readonly Found[];
const started: string[] = [];

beforeAll(async () => {
  const files = Object.entries({ ...NEAR, ...FAR }).map(([name, text]) => [`${name}.yaml`, text] as const);
  folder = await newCaseFolder(Object.fromEntries(files));
  [found, server] = await Promise.all([validated(folder), startRawServer(folder.path)]);
  await start('bystander');
});
afterAll(async () => {
  await server.stop();
  await folder.remove();
});
afterEach(async () => {
  // A test of its own must not be what the next one fails by.
  for (const taskId of started.splice(0)) await server.request('tasks/cancel', JSON.stringify({ taskId }));
});

/** Starts a workflow as a task. */
async function start(name: string, args: JsonObject = {}): Promise<string> {
  const answer = await server.request('tools/call', JSON.stringify({ name, arguments: args, task: {} }));
  const { task } = resultOf(answer);
  const taskId = isJsonObject(task) ? task['taskId'] : undefined;
  if (typeof taskId !== 'string') throw new Error(`no task: ${JSON.stringify(answer)}`);
  if (name !== 'bystander') started.push(taskId);
  return taskId;
}

function resultOf(answer: Awaited<ReturnType<RawServer['request']>>): JsonObject {
  const { error, result } = answer;
  if (error !== undefined) throw new Error(error.message);
  return result as JsonObject; // it was parsed from JSON
}

/** The structured answer of one of the server's own tools. */
async function own(name: string, args: JsonObject = {}): Promise<JsonObject> {
  const result = resultOf(await server.request('tools/call', JSON.stringify({ name, arguments: args })));
  if (result['isError'] === true) throw new Error(JSON.stringify(result['content']));
  return result['structuredContent'] as JsonObject; // each of them has one
}

/** Resolves when the task waits, or has ended. */
async function settled(taskId: string): Promise<JsonObject> {
  return waitUntil('the task waits or has ended', async () => {
    const task = resultOf(await server.request('tasks/get', JSON.stringify({ taskId })));
    const { status, statusMessage } = task;
    return (status !== 'working' || (typeof statusMessage === 'string' && /wait/u.test(statusMessage))) && task;
  });
}

describe('a time beyond all dates', () => {
  it.each([
    ['seconds', { seconds: 1e13 }],
    ['seconds', { seconds: 8.64e12 }],
    ['seconds', { seconds: 1e300 }],
    ['seconds', { seconds: '1e13' }],
    ['until', { until: '2026-02-04T25:61:00Z' }],
    ['until', { until: '2026-02-04T10:00:00+99:99' }],
    ['until', { until: '275760-09-13T00:00:01Z' }],
  ] as const)('A2: fails the step that waits for it, and every task can still be shown: %s %j', async (name, args) => {
    const taskId = await start(name, args);
    const task = await settled(taskId);
    expect(task).toMatchObject({ status: 'failed', statusMessage: expect.stringContaining('invalid_arguments') });
    expect(task['statusMessage']).toContain(`${name}:`);
    expect(await own('tasks_list')).toMatchObject({ tasks: expect.any(Array) });
    expect(await own('tasks_get', { taskId })).toMatchObject({ taskId });
    resultOf(await server.request('resources/read', JSON.stringify({ uri: `workflow://tasks/${taskId}` })));
    resultOf(await server.request('resources/list', '{}'));
  });

  it('A2: a wait of a year is shown with the time when it goes on', async () => {
    const taskId = await start('year');
    await settled(taskId);
    expect(await own('tasks_get', { taskId })).toMatchObject({ status: 'working', wakeAt: expect.any(String) });
  });

  it.each(Object.keys(FAR))('A2: is refused where it stands in a definition: %s', (name) => {
    const line = (FAR[name] ?? '').split('\n').findIndex((text) => text.endsWith('# here')) + 1;
    expect(found(`${name}.yaml`)).toContainEqual(expect.objectContaining({ severity: 'error', line }));
  });

  it('A2: in one schedule leaves the list of schedules as it is', async () => {
    const { schedules } = await own('schedules_list');
    expect(schedules).toContainEqual(expect.objectContaining({ workflow: 'every_minute' }));
    const read = await server.request('resources/read', JSON.stringify({ uri: 'workflow://schedules' }));
    expect(JSON.stringify(resultOf(read))).toContain('every_minute');
  });

  it.each(Object.keys(NEAR))('A2: what is near enough is accepted: %s', (name) => {
    expect(found(`${name}.yaml`).filter(({ severity }) => severity === 'error')).toEqual([]);
  });
});
