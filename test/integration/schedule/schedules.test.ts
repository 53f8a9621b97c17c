import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyvTaskStore } from '../../../src/store/keyv-task-store.ts';
import { under } from '../../../src/tasks/keys.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import { runCli, startCli, writeWorkspace } from '../../support/cli-process.ts';
import type { Running } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const DEFINITIONS = {
  tick: `
schedule: { type: interval, seconds: 1, overlap: allow, catch_up: all }
steps:
  - { id: note, type: set, values: { at: '{{schedule.time}}' } }
output: { at: '{{note.output.at}}' }
`,
  slow: `
schedule: { type: cron, expression: '* * * * * *', overlap: skip }
steps:
  - { id: nap, type: wait, seconds: 2.5 }
`,
  past: `
schedule: { type: once, at: '2020-02-04T14:30:00Z', catch_up: all }
steps:
  - { id: note, type: set, values: { a: 1 } }
`,
};

let folder: Awaited<ReturnType<typeof tempDir>>;
let store: KeyvTaskStore | undefined;
let servers: Running[] = [];

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, DEFINITIONS);
});

afterEach(async () => {
  for (const { child } of servers) child.kill('SIGKILL');
  await Promise.all(servers.map((server) => server.finished));
  servers = [];
  await store?.close();
  store = undefined;
  await folder.remove();
});

async function serve(...flags: readonly string[]): Promise<Running> {
  const server = startCli(['serve', '--http', '0', ...flags], folder.path);
  servers.push(server);
  await waitUntil('it serves', () => server.stderr().includes('"serving"'));
  return server;
}

async function kill(server: Running): Promise<void> {
  server.child.kill('SIGKILL');
  await server.finished;
}

interface Occurrence {
  readonly time: number;
  readonly createdAt: number;
}

/** The tasks of a workflow as they are in the data folder, by occurrence. */
async function occurrences(workflow: string): Promise<Occurrence[]> {
  store ??= await KeyvTaskStore.open(join(folder.path, 'data/tasks.sqlite'));
  const { items, damaged } = await store.range({ ...under('task:'), limit: 100_000 });
  expect(damaged).toEqual([]);
  return items
    .flatMap(({ value }) => (isJsonObject(value) && value['workflow'] === workflow ? [value] : []))
    .map((record) => ({ time: Date.parse(record['scheduleTime'] as string), createdAt: Number(record['createdAt']) }))
    .sort((a, b) => a.time - b.time);
}

async function newOnes(workflow: string, count: number): Promise<void> {
  const before = (await occurrences(workflow)).length;
  await waitUntil(`${count} more of ${workflow}`, async () => (await occurrences(workflow)).length >= before + count);
}

async function schedule(...args: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCli(['schedule', ...args], folder.path);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  return JSON.parse(stdout);
}

describe('schedules of the built server', () => {
  test('--no-schedules runs none, and run-now still works beside it', async () => {
    const server = await serve('--no-schedules');
    const url = /"url":"(?<url>[^"]+)\/mcp"/u.exec(server.stderr())?.groups?.['url'] ?? '';
    expect(await (await fetch(`${url}/metrics`)).text()).toMatch(/^mcp_workflow_schedules 0$/mu);
    expect(await schedule('run-now', 'tick', '--json')).toMatchObject({ status: 'completed' });
    // It takes 2.5 s: `tick` would have come twice.
    expect(await schedule('run-now', 'slow', '--json')).toMatchObject({ status: 'completed' });
    expect(await occurrences('tick')).toHaveLength(1);
    await kill(server);
  });

  test('servers are killed and started again, alone and in pairs: every second becomes one task, none is early', async () => {
    let server = await serve();
    await newOnes('tick', 2);
    for (let kills = 0; kills < 4; kills += 1) {
      await kill(server);
      server = await serve();
      await newOnes('tick', 2);
    }
    const second = await serve();
    await newOnes('tick', 3);
    await kill(server);
    await newOnes('tick', 2);
    await kill(second);

    const ticks = await occurrences('tick');
    const first = ticks[0]?.time ?? 0;
    expect(ticks.map(({ time }) => time)).toEqual(ticks.map((_tick, index) => first + index * 1000));
    expect(ticks.length).toBeGreaterThan(12);
    expect(ticks.filter(({ time, createdAt }) => createdAt < time)).toEqual([]);

    const naps = await occurrences('slow');
    expect(new Set(naps.map(({ time }) => time)).size).toBe(naps.length);
    // By when they began: an occurrence that is decided late, after a restart, belongs to an earlier second.
    const tooClose = naps.filter(
      ({ createdAt }, index) => index > 0 && createdAt - (naps[index - 1]?.createdAt ?? 0) < 2500,
    );
    expect(tooClose).toEqual([]);
    expect(naps.length).toBeGreaterThan(2);
    expect(await occurrences('past')).toEqual([]);
  });

  test('the command looks and steers beside a running server', async () => {
    await serve();
    await newOnes('tick', 1);
    expect(await schedule('list')).toMatchObject({
      schedules: [
        { workflow: 'past', state: 'ended', next: null },
        { workflow: 'slow', when: '* * * * * * (UTC)', state: 'active' },
        { workflow: 'tick', when: 'every 1 s', state: 'active', overlap: 'allow', catchUp: 'all' },
      ],
    });
    expect(await schedule('pause', 'tick')).toMatchObject({ state: 'paused' });
    // What had been decided at the moment of the pause may still begin.
    const paused = Date.now();
    await newOnes('slow', 2);
    expect((await occurrences('tick')).at(-1)?.time).toBeLessThanOrEqual(paused);

    expect(await schedule('run-now', 'tick')).toMatchObject({
      status: 'completed',
      output: { at: expect.any(String) },
    });
    const asked = Date.now();
    expect(await schedule('resume', 'tick')).toMatchObject({ state: 'active' });
    await newOnes('tick', 2);
    // What came meanwhile is passed over; `run-now` is of no whole second.
    const after = (await occurrences('tick')).filter(({ time }) => time % 1000 === 0 && time > paused);
    expect(after.filter(({ time }) => time < asked)).toEqual([]);
  });

  test('a schedule that cannot be read is an error of validate, with its place', async () => {
    const schedules = "schedule: { type: cron, expression: '0 25 * * *', timezone: Europe/Berlin }";
    const steps = 'steps:\n  - { id: note, type: set, values: { a: 1 } }';
    await writeFile(join(folder.path, 'definitions/broken.yaml'), `name: broken\n${schedules}\n${steps}\n`);
    const { code, stdout } = await runCli(['validate', '--json'], folder.path);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ issues: [{ line: 2, code: 'invalid_cron' }] });
  });
});
