import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { ServersDoor } from '../../../src/cli/engine-door.ts';
import { runCli } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { StepFailure } from '../../../src/core/failure.ts';
import { isJsonObject } from '../../../src/core/json.ts';
import type { ToolFacts } from '../../../src/downstream/tool-table.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const tool = (name: string, inputSchema: ToolFacts['inputSchema']): ToolFacts => ({
  name,
  description: `does ${name}\nand more`,
  annotations: {},
  inputSchema,
  taskSupport: 'forbidden',
});

const TOOLS: Readonly<Record<string, readonly ToolFacts[]>> = {
  web: [
    tool('fetch', {
      type: 'object',
      properties: { url: { type: 'string', format: 'uri' }, depth: { type: 'integer' } },
      required: ['url'],
    }),
    tool('clear', { type: 'object' }),
  ],
};

let cwd = '';
let closed = 0;
let remove = (): Promise<void> => Promise.resolve();
beforeEach(async () => {
  ({ path: cwd, remove } = await tempDir());
  closed = 0;
});
afterEach(() => remove());

const servers: ServersDoor = {
  names: ['web', 'gone'],
  tools: (server) => {
    const known = TOOLS[server];
    if (known !== undefined) return Promise.resolve(known);
    return Promise.reject(new StepFailure({ code: 'transport', message: `server '${server}' cannot be reached` }));
  },
  close: () => {
    closed += 1;
    return Promise.resolve();
  },
};

function start(args: readonly string[], terminal: FakeTerminal) {
  return runCli(['new', ...args], '0', {
    terminal,
    clock: systemClock,
    openEngine: () => Promise.reject(new Error('not here')),
    openServers: () => Promise.resolve(servers),
    environment: {},
    cwd,
    exitCode: 0,
  });
}

async function create(...args: readonly string[]) {
  const terminal = new FakeTerminal(false);
  const code = await start(args, terminal);
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

async function answering(typed: readonly (string | undefined)[], ...args: readonly string[]) {
  const terminal = new FakeTerminal(true);
  terminal.typed.push(...typed);
  const code = await start(args, terminal);
  return { code, terminal };
}

const text = (name: string): string => readFileSync(join(cwd, 'definitions', name), 'utf8');
const withServers = (): void => writeFileSync(join(cwd, 'servers.json'), '{"mcpServers": {}}');

describe('new without a terminal', () => {
  test('writes the definition and the schema beside it, makes the folder, and says what to do next', async () => {
    const { code, stdout, stderr } = await create('greet', '--input', 'who');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(
      'wrote definitions/greet.yaml and definitions/workflow.schema.json for your editor; 2 tests pass',
    );
    expect(stdout).toContain('mcp-workflow run greet --set who=…');
    expect(stdout).toContain('my_server and my_tool in it stand for yours');
    expect(text('greet.yaml')).toMatch(/^# yaml-language-server: \$schema=\.\/workflow\.schema\.json\nname: greet\n/u);
    expect(isJsonObject(JSON.parse(text('workflow.schema.json')))).toBe(true);
  });

  test('what it wrote passes validate and test, with the schema in the same folder', async () => {
    await create('greet');
    const check = async (command: string): Promise<number> =>
      await runCli([command], '0', {
        terminal: new FakeTerminal(false),
        clock: systemClock,
        openEngine: () => Promise.reject(new Error('not here')),
        openServers: () => Promise.reject(new Error('not here')),
        environment: {},
        cwd,
        exitCode: 0,
      });
    expect(await check('validate')).toBe(0);
    expect(await check('test')).toBe(0);
  });

  test('a file that is there is never overwritten but with --force: exit 2', async () => {
    await create('greet');
    writeFileSync(join(cwd, 'definitions/greet.yaml'), 'mine');
    expect(await create('greet')).toMatchObject({
      code: 2,
      stderr: 'definitions/greet.yaml is there already: --force overwrites it\n',
    });
    expect(text('greet.yaml')).toBe('mine');
    expect(await create('greet', '--force')).toMatchObject({ code: 0 });
    expect(text('greet.yaml')).toContain('name: greet');
  });

  test('a name that another file has is refused', async () => {
    mkdirSync(join(cwd, 'definitions'));
    writeFileSync(join(cwd, 'definitions/other.yaml'), 'name: greet\nsteps: [{ id: a, type: set, values: {} }]');
    const { code, stderr } = await create('greet');
    expect(code).toBe(2);
    expect(stderr).toContain('other.yaml');
    expect(existsSync(join(cwd, 'definitions/greet.yaml'))).toBe(false);
  });

  test("a schema of somebody else's is left alone, an older one of ours is renewed", async () => {
    mkdirSync(join(cwd, 'definitions'));
    const file = join(cwd, 'definitions/workflow.schema.json');
    writeFileSync(file, '{"title": "mine"}');
    await create('one');
    expect(readFileSync(file, 'utf8')).toBe('{"title": "mine"}');
    writeFileSync(file, '{\n  "title": "Workflow definition of mcp-workflow-engine"\n}');
    await create('two');
    expect(readFileSync(file, 'utf8')).toContain('"steps"');
  });

  test.each([
    [[], 'NAME is missing'],
    [['a b'], 'NAME'],
    [['.hidden'], 'NAME'],
    [['../up'], 'NAME'],
    [['x', '--kind', 'tols'], 'expected tool, approval'],
    [['x', '--kind', 'scedule'], "did you mean 'schedule'?"],
    [['x', '--input', 'n:text'], 'the type is one of'],
    [['x', '--connect'], 'the servers file lists no server'],
  ])('%j: exit 2 and what is wrong, and nothing is written', async (args, message) => {
    const { code, stderr } = await create(...args);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(join(cwd, 'definitions'))).toBe(false);
  });

  test('a server that the servers file does not have is said; one that it has, and the placeholder, are not', async () => {
    withServers();
    const said = async (...args: readonly string[]): Promise<string> => (await create(...args)).stdout;
    expect(await said('one', '--server', 'wbe')).toContain("the servers file has no 'wbe' yet");
    expect(await said('two', '--server', 'web')).not.toContain('the servers file has no');
  });

  test('--connect makes the arguments that the tool insists on the inputs, and says what else it takes', async () => {
    withServers();
    const { code, stdout } = await create('get', '--connect', '--server', 'web', '--tool', 'fetch', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ workflow: 'get', file: 'definitions/get.yaml', tests: 2 });
    expect(text('get.yaml')).toContain("url: '{{input.url}}'");
    expect(text('get.yaml')).toContain('# It also takes: depth (integer)');
    expect(text('get.yaml')).not.toContain('my_');
    expect(closed).toBe(1);
  });

  test('fan-out hands the item to the first argument that the tool insists on', async () => {
    withServers();
    await create('each', '--kind', 'fan-out', '--connect', '--server', 'web', '--tool', 'fetch');
    expect(text('each.yaml')).toContain("url: '{{item}}'");
    expect(text('each.yaml')).toMatch(/items: \{ type: array, .*items: \{ type: string \} \}/u);
  });

  test('--connect to a tool that there is not: exit 2; to a server that cannot be reached: exit 1; nothing is written', async () => {
    withServers();
    expect(await create('x', '--connect', '--server', 'web', '--tool', 'fech')).toMatchObject({
      code: 2,
      stderr: "--tool fech: 'web' has no such tool; did you mean 'fetch'?\n",
    });
    expect(await create('x', '--connect', '--server', 'gone')).toMatchObject({ code: 1 });
    expect(await create('x', '--connect', '--server', 'nobody')).toMatchObject({ code: 2 });
    expect(existsSync(join(cwd, 'definitions'))).toBe(false);
    expect(closed).toBe(3);
  });
});

describe('new on a terminal', () => {
  test('asks for what no flag says; Enter takes what stands in brackets', async () => {
    const { code, terminal } = await answering(['greet', 'approval', '', '', '', 'who', 'times:number=2', 'x y', '']);
    expect(code).toBe(0);
    expect(terminal.stdout).toContain("'x y': expected name");
    expect(text('greet.yaml')).toContain('type: elicit');
    expect(text('greet.yaml')).toContain('times: { type: number, default: 2 }');
    expect(text('greet.yaml')).toContain('server: my_server');
  });

  test('offers the servers, and the tools of the one that is to be asked', async () => {
    withServers();
    const { code, terminal } = await answering(['1', '', '1', 'yes', '7', '1'], 'get');
    expect(code).toBe(0);
    expect(terminal.stdout).toMatch(/1\. tool {6}call a tool, with retries\n/u);
    expect(terminal.stdout).toContain('  1. web\n  2. gone\n');
    expect(terminal.stdout).toContain('  1. fetch  does fetch\n');
    expect(terminal.stdout).toContain("'fetch' needs url: they become inputs.");
    expect(text('get.yaml')).toContain('action: fetch');
  });

  test('a server that cannot be reached is said, and the tool is asked for', async () => {
    withServers();
    const { code, terminal } = await answering(['', '', 'gone', '', 'pull', ''], 'get');
    expect(code).toBe(0);
    expect(terminal.stdout).toContain("server 'gone' cannot be reached");
    expect(text('get.yaml')).toContain('action: pull');
  });

  test('a wrong answer is asked again', async () => {
    const { code, terminal } = await answering(['a b', '', 'x', '9', 'tool', '', '', '', '']);
    expect(code).toBe(0);
    expect(terminal.stdout).toContain('a name has letters, digits');
    expect(terminal.stdout).toContain('an answer is needed');
    expect(terminal.stdout).toContain('choose from 1 to 6');
  });

  test('--yes asks nothing', async () => {
    const { code, terminal } = await answering([], 'x', '--yes');
    expect(code).toBe(0);
    expect(terminal.asked).toEqual([]);
  });

  test('Ctrl-D and Ctrl-C leave: exit 130, nothing is written, no server stays', async () => {
    withServers();
    const ended = await answering(['x', undefined]);
    expect(ended.code).toBe(130);
    expect(ended.terminal.stderr).toBe('nothing was written\n');
    const terminal = new FakeTerminal(true);
    const running = start(['x'], terminal);
    await waitUntil('it asks', () => terminal.asked.length > 0);
    terminal.send('SIGINT');
    expect(await running).toBe(130);
    expect(existsSync(join(cwd, 'definitions'))).toBe(false);
    expect(closed).toBe(2);
    expect(terminal.listenerCount).toBe(0);
  });
});
