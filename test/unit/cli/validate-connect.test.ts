import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServersDoor } from '../../../src/cli/engine-door.ts';
import { runCli } from '../../../src/cli/program.ts';
import { StepFailure } from '../../../src/core/failure.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { ToolFacts } from '../../../src/downstream/tool-table.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SERVERS =
  '{"mcpServers": {\n  "web": {"command": "web"},\n  "gone": {"command": "gone"},\n  "other": {"command": "other"}\n}}';
const GOOD =
  'name: good\nsteps:\n  - { id: a, server: web, action: fetch, arguments: { url: x } }\noutput: { t: "{{a.output.title}}" }\n';

let folder: Awaited<ReturnType<typeof tempDir>>;
let asked: string[] = [];
let closed = 0;
let inputSchema: JsonObject = {};
beforeEach(async () => {
  folder = await tempDir();
  asked = [];
  closed = 0;
  inputSchema = { type: 'object', properties: { url: { type: 'string' } }, required: ['url'] };
  await mkdir(join(folder.path, 'definitions'));
  await write('servers.json', SERVERS);
  await write('definitions/good.yaml', GOOD);
});
afterEach(() => folder.remove());

function write(path: string, text: string): Promise<void> {
  return writeFile(join(folder.path, path), text);
}

function fetchTool(): ToolFacts {
  const outputSchema = { type: 'object', properties: { title: { type: 'string' } }, additionalProperties: false };
  return { name: 'fetch', annotations: {}, inputSchema, outputSchema, taskSupport: 'forbidden' };
}

const door: ServersDoor = {
  names: ['web', 'gone', 'other'],
  tools: (server) => {
    asked.push(server);
    if (server === 'web') return Promise.resolve([fetchTool()]);
    return Promise.reject(new StepFailure({ code: 'transport', message: `server '${server}' exited with code 1` }));
  },
  close: () => {
    closed += 1;
    return Promise.resolve();
  },
};

async function validate(args: readonly string[], servers: ServersDoor = door, terminal = new FakeTerminal(false)) {
  const code = await runCli(['validate', ...args], '0', {
    terminal,
    clock: new ManualClock({ now: Date.UTC(2026, 1, 3) }),
    openEngine: () => Promise.reject(new Error('validate opens nothing')),
    openServers: () => Promise.resolve(servers),
    environment: {},
    cwd: folder.path,
    exitCode: 0,
  });
  return { code, stderr: terminal.stderr, lines: terminal.stdout.trimEnd().split('\n') };
}

describe('validate --connect', () => {
  test('asks the servers that the definitions name and no others, and stops them', async () => {
    expect(await validate(['--connect'])).toEqual({
      code: 0,
      stderr: '',
      lines: ['1 file, 1 workflow, 1 server with 1 tool asked, 0 errors, 0 warnings'],
    });
    expect(asked).toEqual(['web']);
    expect(closed).toBe(1);
  });

  test('without it nothing is started', async () => {
    expect((await validate([])).code).toBe(0);
    expect(asked).toEqual([]);
  });

  test('calls that do not fit are errors at their place, also in files with other errors', async () => {
    await write(
      'definitions/good.yaml',
      GOOD.replace('url: x', 'ulr: x').replace('title', 'titel').replace('name: good', 'nme: good'),
    );
    const { code, lines } = await validate(['--connect']);
    expect(code).toBe(1);
    expect(lines.filter((line) => /^definitions\/good\.yaml:3:\d+ invalid_arguments/u.test(line))).toHaveLength(1);
    expect(lines.some((line) => /^definitions\/good\.yaml:4:\d+ unknown_member .*title/u.test(line))).toBe(true);
  });

  test('a server that cannot be reached is one error, at its place in the servers file; the others are checked', async () => {
    await write(
      'definitions/two.yaml',
      'name: two\nsteps:\n  - { id: a, server: gone, action: x }\n  - { id: b, server: gone, action: y }\n  - { id: c, server: web, action: fech }\n',
    );
    const { code, lines } = await validate(['--connect']);
    expect(code).toBe(1);
    expect(lines).toEqual([
      "servers.json:3:3 server_unreachable server 'gone' exited with code 1 (its tools were not checked)",
      "definitions/two.yaml:5:35 unknown_tool server 'web' has no tool 'fech' (did you mean 'fetch'?)",
      '2 files, 1 workflow, 1 server with 1 tool asked, 2 errors, 0 warnings',
    ]);
  });

  test('a server that the file does not list is never asked', async () => {
    await write('definitions/good.yaml', GOOD.replace('server: web', 'server: wbe'));
    const { lines } = await validate(['--connect']);
    expect(asked).toEqual([]);
    expect(lines[0]).toContain("unknown_server server 'wbe' unknown");
  });

  test('a tool that has changed since it was last seen is a warning that says what, once', async () => {
    expect((await validate(['--connect'])).lines).toHaveLength(1);
    inputSchema = { ...inputSchema, properties: { url: { type: 'string' }, depth: { type: 'integer' } } };
    const { code, lines } = await validate(['--connect']);
    expect(code).toBe(0);
    expect(lines[0]).toBe(
      "definitions/good.yaml:3:35 tool_changed web.fetch is not as it was when last seen: input 'depth' is new [warning]",
    );
    expect((await validate(['--connect'])).lines).toHaveLength(1);
  });

  test('what was remembered is used without --connect, and says so', async () => {
    await validate(['--connect']);
    await write('definitions/good.yaml', GOOD.replace('title', 'titel'));
    const { code, lines } = await validate([]);
    expect(code).toBe(1);
    expect(lines[0]).toContain("did you mean 'title'?; as the server was on 2026-02-03; validate --connect asks again");
    expect(asked).toEqual(['web']);
  });

  test('what was remembered of a server that cannot be reached now stays', async () => {
    await validate(['--connect']);
    await validate(['--connect'], { ...door, tools: () => Promise.reject(new Error('down')) });
    await write('definitions/good.yaml', GOOD.replace('title', 'titel'));
    expect((await validate([])).code).toBe(1);
  });

  test('a damaged memory is passed over with a word, and written anew', async () => {
    await mkdir(join(folder.path, 'data'));
    for (const text of [
      '{',
      '{"version": 99}',
      '[]',
      '{"version":1,"servers":{"web":{"askedAt":"x","tools":{"fetch":3}},"b":1}}',
    ]) {
      await write('data/tool-schemas.json', text);
      expect((await validate([])).code).toBe(0);
    }
    await write('data/tool-schemas.json', '{');
    expect((await validate([])).stderr).toMatch(
      /^warning: .*tool-schemas\.json is passed over: .*validate --connect writes it anew\n$/u,
    );
    expect((await validate(['--connect'])).code).toBe(0);
    expect(JSON.parse(await readFile(join(folder.path, 'data/tool-schemas.json'), 'utf8'))).toMatchObject({
      version: 1,
    });
  });

  test('--json: the same as one document', async () => {
    await write('definitions/good.yaml', GOOD.replace('fetch', 'fech'));
    const { code, lines } = await validate(['--connect', '--json']);
    expect(code).toBe(1);
    expect(JSON.parse(lines.join('\n'))).toMatchObject({
      connected: { servers: 1, tools: 1 },
      errors: 1,
      issues: [{ code: 'unknown_tool', file: 'definitions/good.yaml', line: 3 }],
    });
  });

  test('without a servers file: exit 2', async () => {
    await folder.remove();
    await mkdir(join(folder.path, 'definitions'), { recursive: true });
    expect(await validate(['--connect'])).toMatchObject({
      code: 2,
      stderr: '--connect: there is no servers file (--servers names one)\n',
    });
  });

  test('Ctrl-C: exit 130, the servers are stopped', async () => {
    const terminal = new FakeTerminal(false);
    let started = false;
    const running = validate(
      ['--connect'],
      {
        ...door,
        tools: (_server, signal) => {
          started = true;
          return new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => reject(signal.reason as Error)),
          );
        },
      },
      terminal,
    );
    await waitUntil('it asks', () => started);
    terminal.send('SIGINT');
    expect((await running).code).toBe(130);
    expect(closed).toBe(1);
  });

  test('calls of workflows are checked against the workflows that are checked with them', async () => {
    await write(
      'definitions/child.yaml',
      'name: child\ninput_schema: { type: object, properties: { n: { type: number } }, required: [n], additionalProperties: false }\noutput_schema: { type: object, properties: { sum: { type: number } }, additionalProperties: false }\nsteps: [{ id: a, type: set, values: {} }]\noutput: { sum: 1 }\n',
    );
    await write(
      'definitions/a-parent.yaml',
      'name: parent\nsteps:\n  - { id: c, type: workflow, workflow: child, input: { m: 1 } }\noutput: { s: "{{c.output.smu}}" }\n',
    );
    const { lines } = await validate([]);
    expect(lines.map((line) => line.replace(/^\S+ /u, ''))).toEqual([
      "invalid_arguments the arguments: 'n' is missing (a number)",
      "invalid_arguments the arguments: unknown key 'm' (known: n)",
      "unknown_member 'c.output' has no 'smu' (did you mean 'sum'?)",
      'files, 2 workflows, 3 errors, 0 warnings',
    ]);
  });
});
