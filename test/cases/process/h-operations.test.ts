import { readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/config.ts';
import { runCli, startCli } from '../../support/cli-process.ts';
import type { Running } from '../../support/cli-process.ts';
import { rawCreate, rawStatus } from '../../support/raw-client.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace } from '../../support/workspace.ts';
import type { Workspace } from '../../support/workspace.ts';

const QUICK = 'name: quick\ntask: required\nsteps:\n  - { id: a, type: set, values: { n: 1 } }\n';

let workspace: Workspace;
let server: Running;
let url: string;

beforeAll(async () => {
  workspace = await newWorkspace({ definitions: { 'quick.yaml': QUICK }, standIns: {} });
  server = startCli(['serve', '--http', '127.0.0.1:0'], workspace.path);
  url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
});
afterAll(async () => {
  server.child.kill('SIGKILL');
  await server.finished;
  await workspace.remove();
});

/** What a data folder may be given as, and is not. */
const NO_FOLDERS = [
  'redis://127.0.0.1:6379/0',
  'rediss://user:secret@cache.example/0',
  'postgres://user:secret@db.example/tasks',
  'postgresql://db.example/tasks',
  'mysql://db.example/tasks',
  'mongodb://db.example/tasks',
  'etcd://db.example',
  's3://bucket/tasks',
  'https://db.example/tasks',
  'sqlite://tasks.sqlite',
  'file:///var/lib/tasks',
] as const;

describe('H8: a data folder that is an address', () => {
  it.each(NO_FOLDERS)('H8: is refused with what is supported, and no folder of that name is meant: %s', (data) => {
    for (const load of [
      () => loadConfig({ data }, {}, workspace.path),
      () => loadConfig({}, { MCP_WORKFLOW_DATA: data }, workspace.path),
    ]) {
      expect(load).toThrow(/folder/iu);
      expect(load).toThrow(/SQLite/iu);
      expect(load).not.toThrow('secret');
    }
  });

  it.each(['./data', 'data', '/var/lib/mcp-workflow', '..', 'a:b', 'C:\\data', './redis:/x'])(
    'H8: a folder is fine: %s',
    (data) => {
      expect(() => loadConfig({ data }, {}, workspace.path)).not.toThrow();
    },
  );

  it('H8: ends the command with the code of a wrong setting, says so, and makes nothing', async () => {
    const before = await readdir(workspace.path);
    const { code, stderr } = await runCli(['run', 'quick', '--data', NO_FOLDERS[0]], workspace.path);
    expect(code).toBe(2);
    expect(stderr).toMatch(/SQLite/iu);
    expect(await readdir(workspace.path)).toEqual(before);
  });

  it('H8: in the configuration file is refused too', async () => {
    const file = join(workspace.path, 'other.json');
    await writeFile(file, JSON.stringify({ data: NO_FOLDERS[0] }));
    expect(() => loadConfig({ config: file }, {}, workspace.path)).toThrow(/other\.json.*SQLite/isu);
  });
});

/** The samples of `/metrics`: name with labels, and value. */
async function samples(): Promise<ReadonlyMap<string, number>> {
  const body = await (await fetch(url.replace('/mcp', '/metrics'))).text();
  const lines = body.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

/** The sum of all samples whose name with labels fits. */
async function sum(pattern: RegExp): Promise<number | undefined> {
  const found = [...(await samples())].filter(([name]) => pattern.test(name));
  return found.length === 0 ? undefined : found.reduce((all, [, value]) => all + value, 0);
}

describe('H10: the metrics', () => {
  it('H10: count HTTP requests, and among them those that were answered with an error, by status', async () => {
    const requests = /^mcp_workflow_http_requests_total\{/u;
    const before = (await sum(requests)) ?? 0;
    const wrong = (await sum(/^mcp_workflow_http_requests_total\{[^}]*status="404"/u)) ?? 0;
    await rawCreate(url, 'quick');
    await fetch(url.replace('/mcp', '/nowhere'));
    await fetch(url, { method: 'PATCH' });
    expect(await sum(requests)).toBeGreaterThanOrEqual(before + 3);
    expect(await sum(/^mcp_workflow_http_requests_total\{[^}]*status="404"/u)).toBe(wrong + 1);
    expect(await sum(/^mcp_workflow_http_requests_total\{[^}]*status="405"/u)).toBeGreaterThanOrEqual(1);
  });

  it('H10: do not grow a sample for each address that somebody tries', async () => {
    const before = (await samples()).size;
    for (let address = 0; address < 20; address += 1) await fetch(url.replace('/mcp', `/x${address}`));
    const after = (await samples()).size;
    expect(after - before).toBeLessThanOrEqual(2);
    expect(await sum(/^mcp_workflow_http_requests_total\{/u)).toBeGreaterThanOrEqual(20);
  });

  it('H10: tell the memory of the process by the names that everybody knows', async () => {
    expect(await sum(/^process_resident_memory_bytes$/u)).toBeGreaterThan(10_000_000);
    expect(await sum(/^nodejs_heap_size_used_bytes$/u)).toBeGreaterThan(1_000_000);
  });

  it('H10: tell how long writes of the store take, and how many there were and failed', async () => {
    const count = /^mcp_workflow_store_commit_seconds_count$/u;
    const before = (await sum(count)) ?? 0;
    const taskId = await rawCreate(url, 'quick');
    await waitUntil('it ends', async () => (await rawStatus(url, taskId)) === 'completed');
    expect(await sum(count)).toBeGreaterThan(before);
    expect(await sum(/^mcp_workflow_store_commit_seconds_sum$/u)).toBeGreaterThan(0);
    expect(await sum(/^mcp_workflow_store_errors_total/u)).toBe(0);
  });

  it('H10: are each in the documents, with a line of help and a type before them', async () => {
    const body = await (await fetch(url.replace('/mcp', '/metrics'))).text();
    const names = new Set([...(await samples()).keys()].map((name) => name.replace(/\{.*$/u, '')));
    const base = (name: string): string => name.replace(/_(?:sum|count|bucket)$/u, '');
    const untold = [...names].filter((name) => !new RegExp(`^# TYPE (?:${name}|${base(name)}) `, 'mu').test(body));
    expect(untold).toEqual([]);
    const operations = await readFile('docs/operations.md', 'utf8');
    const wanted = ['http_requests_total', 'process_resident_memory_bytes', 'store_commit_seconds'];
    expect(wanted.filter((name) => !operations.includes(name))).toEqual([]);
  });
});

describe('H10: the documents', () => {
  it('H10: have a table of troubles, each with what is seen, why, and what to do', async () => {
    const files = (await readdir('docs')).filter((file) => file.endsWith('.md'));
    const texts = await Promise.all(files.map((file) => readFile(join('docs', file), 'utf8')));
    const section = texts
      .flatMap((text) => text.split(/^(?=#{1,3} )/mu))
      .find((part) => /^#{1,3} .*troubleshooting/iu.test(part));
    const rows = (section ?? '').split('\n').filter((line) => line.startsWith('|') && !/^\|[\s:|-]+\|$/u.test(line));
    expect(rows.length).toBeGreaterThanOrEqual(11);
    for (const row of rows) expect(row.split('|').length).toBeGreaterThanOrEqual(5);
    expect(await readFile('README.md', 'utf8')).toMatch(/troubleshooting/iu);
  });
});
