import { existsSync, readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { ElicitRequestSchema, type ElicitResult } from '@modelcontextprotocol/sdk/types.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSampleWorkspace, type SampleWorkspace } from '../support/sample-workspace.ts';
import { serveEngine, type ServedEngine } from '../support/served-engine.ts';
import { afterReading } from '../support/after-reading.ts';
import { callAsTask, resultOf } from '../support/task-calls.ts';
import { waitUntil } from '../support/wait-until.ts';

let sample: SampleWorkspace;
let engine: ServedEngine;
let client: Client;
/** What the person at the client says next. */
let answer: ElicitResult = { action: 'cancel' };

beforeAll(async () => {
  sample = await newSampleWorkspace();
  engine = serveEngine('stdio', sample.path, sample.env);
  client = await engine.connect({
    capabilities: { elicitation: {} },
    prepare: (each) => each.setRequestHandler(ElicitRequestSchema, () => afterReading(answer)),
  });
});
afterAll(async () => {
  await engine.stop();
  await sample.remove();
});

async function run(name: string, args: object = {}): Promise<Record<string, unknown>> {
  const { taskId } = await callAsTask(client, name, args);
  const result = await resultOf(client, taskId);
  expect(result.isError ?? false, JSON.stringify(result.content)).toBe(false);
  return result.structuredContent ?? {};
}

function written(path: string): string {
  return readFileSync(join(sample.path, 'work', path), 'utf8');
}

test('every sample is served, and every sample has its test', async () => {
  const files = await readdir(join(sample.path, 'definitions'));
  const { tools } = await client.listTools();
  const tested =
    readFileSync(import.meta.filename, 'utf8') + readFileSync(join(import.meta.dirname, 'browser.test.ts'), 'utf8');
  for (const file of files) {
    const name = file.replace('.yaml', '');
    expect(tools.map((tool) => tool.name)).toContain(name);
    expect(tested).toContain(`'${name}'`);
  }
});

test('weather_brief: three cities at the same time, one line each in the file', async () => {
  const output = await run('weather_brief');
  expect(output).toEqual({
    file: 'reports/weather.txt',
    new_york: expect.any(Number),
    chicago: expect.any(Number),
    los_angeles: expect.any(Number),
  });
  const lines = written('reports/weather.txt').trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[0]).toMatch(/^New York: .+, -?\d+ °C$/);
  expect(lines[0]).toContain(` ${String(output['new_york'])} °C`);
});

test('file_report: every file read, the open points of all of them in one report', async () => {
  const texts = (await readdir(join(sample.path, 'work/inbox'))).map((file) => written(`inbox/${file}`));
  const open = texts.flatMap((text) => text.split('\n').filter((line) => line.includes('TODO')));
  expect(open.length).toBeGreaterThan(0);
  expect(await run('file_report')).toEqual({
    report: 'reports/todo-report.md',
    files: texts.length,
    todos: open.length,
  });
  const report = written('reports/todo-report.md');
  for (const line of open) expect(report).toContain(`- ${line}\n`);
});

test('long_survey: a long job whose percent rises all the way, phase by phase', async () => {
  const { taskId } = await callAsTask(client, 'long_survey', { seconds_per_region: 1 });
  const percents: number[] = [];
  const messages = new Set<string>();
  await waitUntil('it completes', async () => {
    const { contents } = await client.readResource({ uri: `workflow://tasks/${taskId}` });
    const content = contents[0];
    const state = JSON.parse(content !== undefined && 'text' in content ? content.text : '') as {
      status: string;
      percent: number;
      statusMessage: string;
    };
    percents.push(state.percent);
    messages.add(state.statusMessage);
    return state.status === 'completed';
  });
  expect(percents).toEqual([...percents].sort((a, b) => a - b));
  expect(percents.at(-1)).toBe(100);
  expect(new Set(percents).size).toBeGreaterThanOrEqual(4);
  for (const region of ['north', 'middle', 'south']) {
    expect([...messages].some((message) => message.includes(region))).toBe(true);
  }
  const { structuredContent, _meta } = await resultOf(client, taskId);
  expect(_meta?.['dev.mcp-workflow/progress']).toMatchObject({
    percent: 100,
    phases: ['North', 'Middle', 'South', 'Evaluate'].map((name) => ({ name, status: 'completed' })),
  });
  expect(structuredContent).toMatchObject({ regions: [expect.any(String), expect.any(String), expect.any(String)] });
  expect(structuredContent?.['sum']).toContain(' 4');
});

test('remember_note: notes add up in the graph, and their number is kept from run to run', async () => {
  expect(await run('remember_note', { about: 'Ann', note: 'likes tea' })).toEqual({
    about: 'Ann',
    observations: ['likes tea'],
    notes_kept: 1,
  });
  expect(await run('remember_note', { about: 'Ann', note: 'plays chess' })).toEqual({
    about: 'Ann',
    observations: ['likes tea', 'plays chess'],
    notes_kept: 2,
  });
  expect(written('memory.jsonl')).toContain('plays chess');
});

test('wait_for_file: looks until the file is there', async () => {
  const { taskId } = await callAsTask(client, 'wait_for_file', { path: 'inbox/late.txt' });
  await waitUntil('it has looked once', async () => {
    const { contents } = await client.readResource({ uri: `workflow://tasks/${taskId}` });
    return JSON.stringify(contents).includes('wait_loop[0]/look');
  });
  await writeFile(join(sample.path, 'work/inbox/late.txt'), 'here at last\n');
  const { structuredContent } = await resultOf(client, taskId);
  expect(structuredContent).toEqual({ looks: expect.any(Number), text: expect.stringContaining('here at last') });
  expect(structuredContent?.['looks']).toBeGreaterThan(1);
});

test('tidy_inbox: writes the archive when the person says so', async () => {
  answer = { action: 'accept', content: { archive: true, name: 'friday' } };
  expect(await run('tidy_inbox')).toEqual({ archived: 'completed', answer: 'accept' });
  expect(written('reports/friday.txt')).toContain('shopping.txt');
});

test('tidy_inbox: writes nothing when the person says no, or declines', async () => {
  answer = { action: 'accept', content: { archive: false, name: 'unwanted' } };
  expect(await run('tidy_inbox')).toMatchObject({ answer: 'accept', archived: null });
  answer = { action: 'decline' };
  expect(await run('tidy_inbox')).toMatchObject({ answer: 'decline', archived: null });
  expect(existsSync(join(sample.path, 'work/reports/unwanted.txt'))).toBe(false);
});
