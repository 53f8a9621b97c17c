import { beforeEach, describe, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import type { EngineDoor, OpenOptions } from '../../../src/cli/engine-door.ts';
import type { Config, Environment } from '../../../src/config.ts';
import { systemClock, type Clock } from '../../../src/core/clock.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { Schedules } from '../../../src/schedule/schedules.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { TaskError } from '../../../src/tasks/task.ts';
import { FakeTaskService } from '../../support/fake-task-service.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { definitionOf } from '../../support/protocol-deps.ts';
import { gate } from '../../support/gate.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { waitUntil } from '../../support/wait-until.ts';

let tasks = new FakeTaskService();
let opened: { config: Config; options: OpenOptions }[] = [];
let closed = 0;
let listenError: Error | undefined;

beforeEach(() => {
  tasks = new FakeTaskService();
  opened = [];
  closed = 0;
  listenError = undefined;
  tasks.define('greet', ({ input }) =>
    Promise.resolve({ content: [], structuredContent: { greeting: ['hello', input['name'] ?? 'you'] } }),
  );
  tasks.define('broken', () => Promise.reject(new Error('no luck')));
  tasks.define('asks', async (run) => ({ content: [], structuredContent: { answer: await run.ask(QUESTION) } }));
  tasks.define(
    'stuck',
    ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('x')))),
  );
});

const QUESTION = {
  method: 'elicitation/create',
  params: {
    message: 'Publish?',
    requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] },
  },
};

const schema = { type: 'object', properties: { name: { type: 'string' } }, additionalProperties: false };

function engine(): EngineDoor {
  const loaded = ['greet', 'broken', 'asks', 'stuck'].map((name) => ({
    definition: definitionOf(name, { input_schema: schema, description: `does ${name}` }),
    digest: 'd'.repeat(64),
    file: `${name}.yaml`,
  }));
  const definitions = {
    list: () => loaded,
    get: (name: string) => loaded.find((entry) => entry.definition.name === name),
    issues: () => [],
    errorsOf: () => [],
  };
  return {
    definitions,
    tasks,
    schedules: new Schedules({ store: new MemoryTaskStore(), tasks, definitions, clock: systemClock }),
    schema: () => ({}),
    serveHttp: () =>
      listenError === undefined
        ? Promise.resolve({ url: 'http://127.0.0.1:3000', close: () => Promise.resolve() })
        : Promise.reject(listenError),
    serveStdio: () => Promise.resolve({ closed: Promise.resolve(), close: () => Promise.resolve() }),
    close: () => {
      closed += 1;
      return Promise.resolve();
    },
  };
}

async function cli(
  args: string,
  terminal = new FakeTerminal(false),
  environment: Environment = {},
  clock: Clock = systemClock,
) {
  const words = args.split(' ');
  const code = await runCli(words, '1.2.3', {
    terminal,
    clock,
    openEngine: async (config, options) => {
      const door = engine();
      await options.prepare?.(door.definitions);
      opened.push({ config, options });
      return door;
    },
    openServers: () => Promise.reject(new Error('not here')),
    environment,
    cwd: '/nowhere',
    exitCode: 0,
  });
  expect(closed).toBe(opened.length);
  expect(terminal.listenerCount).toBe(words[0] === 'serve' && opened.length > 0 ? 1 : 0);
  expect(tasks.subscriberCount).toBe(0);
  return { code, terminal, json: () => JSON.parse(terminal.stdout) as { [key: string]: JsonValue } };
}

describe('run', () => {
  test('without a terminal: one JSON document on standard output, exit 0', async () => {
    const { code, json } = await cli('run greet --set name=Ann');
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      status: 'completed',
      output: { greeting: ['hello', 'Ann'] },
      steps: [{ path: 's', attempts: 1 }],
    });
    expect(opened[0]?.options.claims).toBe('own');
  });

  test('on a terminal: the picture, then the result', async () => {
    const { code, terminal } = await cli('run greet --set name=Ann', new FakeTerminal(true));
    expect(code).toBe(0);
    expect(terminal.stdout).toContain('✔ greet');
    expect(terminal.stdout).toContain('"Ann"');
  });

  test('--dry-run with arguments that do not fit is exit 2, as without it', async () => {
    const { code, terminal } = await cli('run greet --dry-run --input {"name":3}');
    expect([code, terminal.stdout]).toEqual([2, '']);
    expect(terminal.stderr).toContain('$.name');
  });

  test('--dry-run makes no task and calls nobody', async () => {
    const { code, json } = await cli('run broken --dry-run');
    expect(code).toBe(0);
    expect(json()).toMatchObject({ workflow: 'broken', notes: [] });
    expect(opened[0]?.options.claims).toBe('none');
    expect((await tasks.list({ principal: 'local' })).tasks).toEqual([]);
  });

  test('on a terminal with --json: the document and nothing else', async () => {
    const { json } = await cli('run greet --json', new FakeTerminal(true));
    expect(json()).toMatchObject({ status: 'completed' });
  });

  test('a workflow that fails: exit 1 and the error in the document', async () => {
    const { code, json } = await cli('run broken');
    expect(code).toBe(1);
    expect(json()).toMatchObject({ status: 'failed', error: { code: 'tool_error', message: 'no luck', step: 's' } });
  });

  test('input is needed and nobody can be asked: exit 3, and the document says so', async () => {
    const { code, json } = await cli('run asks');
    expect(code).toBe(3);
    expect(json()).toMatchObject({ status: 'input_required', output: null });
  });

  test('input is needed at a terminal: it is asked there and the run goes on', async () => {
    const terminal = new FakeTerminal(true);
    terminal.typed.push('maybe', 'yes');
    const { code } = await cli('run asks', terminal);
    expect(code).toBe(0);
    expect(terminal.stdout).toContain('Publish?');
    expect(terminal.asked).toHaveLength(2);
    expect(terminal.stdout).toContain('"action": "accept"');
  });

  test('a question that somebody else answers in the meantime is taken back', async () => {
    const terminal = new FakeTerminal(true);
    const running = cli('run asks', terminal);
    await waitUntil('a question', () => terminal.asked.length === 1);
    const [task] = (await tasks.list({ principal: 'local' })).tasks;
    await tasks.respond(task?.taskId ?? '', 'local', 'in-1', { action: 'decline' });
    expect((await running).code).toBe(0);
    expect(terminal.stdout).toContain('no longer needed');
  });

  test('the first Ctrl-C cancels the task and ends with 130', async () => {
    const terminal = new FakeTerminal(false);
    const running = cli('run stuck', terminal);
    await waitUntil('it listens for signals', () => terminal.listenerCount === 1);
    terminal.send('SIGINT');
    const { code, json } = await running;
    expect(code).toBe(130);
    expect(json()).toMatchObject({ status: 'cancelled' });
    expect(terminal.abandoned).toBe(false);
  });

  test('after Ctrl-C what the workflow undoes is undone before the process ends, and told', async () => {
    const undone = [{ step: 'book', by: 'unbook', status: 'completed' }];
    const cleaned = gate();
    tasks.cleaning = { state: { status: 'working', undone: [], warnings: [] }, done: cleaned.passed };
    const terminal = new FakeTerminal(false);
    const running = cli('run stuck', terminal);
    await waitUntil('it listens for signals', () => terminal.listenerCount === 1);
    terminal.send('SIGINT');
    await waitUntil('it says what it waits for', () => terminal.stderr.includes('cleaning up'));
    expect(terminal.stdout).toBe('');
    tasks.cleaning = { state: { status: 'done', undone, warnings: [] }, done: cleaned.passed };
    cleaned.pass(1);
    const { code, json } = await running;
    expect(code).toBe(130);
    expect(json()).toMatchObject({ status: 'cancelled', cleanUp: { status: 'done', compensation: undone } });
  });

  test('a clean-up that takes too long, or a second Ctrl-C, leaves the rest to the next start', async () => {
    tasks.cleaning = { state: { status: 'working', undone: [], warnings: [] }, done: new Promise(() => undefined) };
    const terminal = new FakeTerminal(false);
    const clock = new ManualClock();
    const running = cli('run stuck', terminal, {}, clock);
    await waitUntil('it listens for signals', () => terminal.listenerCount === 1);
    terminal.send('SIGINT');
    await waitUntil('it says what it waits for', () => terminal.stderr.includes('cleaning up'));
    terminal.send('SIGINT');
    expect(terminal.abandoned).toBe(true);
    await clock.advance(30_000);
    expect((await running).code).toBe(130);
    expect(terminal.stderr).toContain('next start goes on');
  });

  test('Ctrl-C at a question cancels too', async () => {
    const terminal = new FakeTerminal(true);
    const running = cli('run asks', terminal);
    await waitUntil('a question', () => terminal.asked.length === 1);
    terminal.send('SIGINT');
    expect((await running).code).toBe(130);
    expect((await tasks.list({ principal: 'local' })).tasks[0]?.status).toBe('cancelled');
  });

  test('SIGTERM leaves the task as it is, for the next start to go on with', async () => {
    const terminal = new FakeTerminal(false);
    const running = cli('run stuck', terminal);
    await waitUntil('it listens for signals', () => terminal.listenerCount === 1);
    terminal.send('SIGTERM');
    expect((await running).code).toBe(130);
    expect((await tasks.list({ principal: 'local' })).tasks[0]?.status).toBe('working');
  });
});

describe('wrong usage is exit 2, says what to do, and leaves standard output alone', () => {
  test.each([
    ['run gret', "did you mean 'greet'?"],
    ['run zzzzzz', 'there are: greet, broken, asks, stuck'],
    ['run', "missing required argument 'NAME'"],
    ['rum', 'Did you mean run?'],
    ['run greet --jsn', 'Did you mean --json?'],
    ['run greet --input {', 'not JSON'],
    ['run greet --set nam=1', "did you mean 'name'?"],
    ['serve --http nope', 'expected [HOST:]PORT'],
    ['serve --http 0.0.0.0:3000', 'MCP_WORKFLOW_TOKENS'],
    ['tasks get nothing', "no task 'nothing'"],
    ['tasks result nothing', "no task 'nothing'"],
    ['tasks cancel nothing', "no task 'nothing'"],
    ['tasks resume nothing', "no task 'nothing'"],
    ['tasks list --status done', 'expected one of working'],
    ['tasks list --limit 0', 'from 1 to 200'],
    ['tasks list --cursor x', 'not a cursor'],
    ['tasks gett x', 'Did you mean get?'],
  ])('%s', async (args, text) => {
    const { code, terminal } = await cli(args);
    expect(code).toBe(2);
    expect(terminal.stderr).toContain(text);
    expect(terminal.stdout).toBe('');
  });

  test('arguments that do not fit', async () => {
    tasks.rejects.set('greet', new TaskError('invalid_arguments', '$.name: expected a string'));
    const { code, terminal } = await cli('run greet');
    expect(code).toBe(2);
    expect(terminal.stderr).toBe(
      "the arguments of 'greet': $.name: expected a string\n(--set and --input give them, mcp-workflow list shows them)\n",
    );
  });

  test('an environment that is wrong', async () => {
    const { code, terminal } = await cli('list', new FakeTerminal(false), { MCP_WORKFLOW_INLINE_WAIT_MS: 'x' });
    expect(code).toBe(2);
    expect(terminal.stderr).toContain('MCP_WORKFLOW_INLINE_WAIT_MS');
  });
});

test('a store that cannot be written is exit 1: the usage was right', async () => {
  tasks.rejects.set('greet', new TaskError('store_unavailable', 'the disk is full'));
  expect((await cli('run greet')).code).toBe(1);
});

describe('help and version are exit 0 on standard output', () => {
  test('--version', async () => {
    const { code, terminal } = await cli('--version');
    expect([code, terminal.stdout]).toEqual([0, '1.2.3\n']);
  });

  test('--help', async () => {
    const { code, terminal } = await cli('tasks --help');
    expect(code).toBe(0);
    expect(terminal.stdout).toContain('resume');
  });
});

test('schema prints the JSON Schema of a definition, opening nothing', async () => {
  const { code, json } = await cli('schema');
  expect(code).toBe(0);
  expect(json()).toMatchObject({ $schema: 'https://json-schema.org/draft/2020-12/schema', type: 'object' });
  expect(opened).toEqual([]);
});

describe('serve', () => {
  test.each<[string, Environment, boolean]>([
    ['serve --stdio', {}, true],
    ['serve --stdio --no-schedules', {}, false],
    ['serve --stdio', { MCP_WORKFLOW_SCHEDULES: 'false' }, false],
    ['serve --stdio --no-schedules', { MCP_WORKFLOW_SCHEDULES: 'true' }, false],
  ])('%s with %j: schedules %j', async (line, environment, schedules) => {
    await cli(line, undefined, environment);
    expect(opened[0]?.config.schedules).toBe(schedules);
  });

  test('takes every open task, and ends with 0 when it is told to', async () => {
    const terminal = new FakeTerminal(false);
    const running = cli('serve --log-level debug', terminal);
    await waitUntil('it serves', () => terminal.stderr.includes('serving'));
    expect(terminal.stderr).toContain('http://127.0.0.1:3000/mcp');
    terminal.send('SIGTERM');
    expect((await running).code).toBe(0);
    expect(opened[0]?.options).toMatchObject({ claims: 'all', watch: true });
    expect(terminal.stdout).toBe('');
  });

  test('over stdio it ends when the host closes the pipe', async () => {
    expect((await cli('serve --stdio')).code).toBe(0);
  });

  test('a port in use is exit 2 and names the ways out', async () => {
    listenError = Object.assign(new Error('listen EADDRINUSE'), { code: 'EADDRINUSE' });
    const { code, terminal } = await cli('serve');
    expect(code).toBe(2);
    expect(terminal.stderr).toContain('127.0.0.1:3000 is in use');
    expect(terminal.stderr).toContain('--http PORT');
  });

  test('an address that others reach is fine with tokens', async () => {
    const environment = { MCP_WORKFLOW_TOKENS: 'ann=abcdefghijklmnopq' };
    const terminal = new FakeTerminal(false);
    const running = cli('serve --http 0.0.0.0:3000', terminal, environment);
    await waitUntil('it serves', () => terminal.stderr.includes('serving'));
    terminal.send('SIGINT');
    expect((await running).code).toBe(0);
  });
});

describe('list', () => {
  test('as JSON: name, description, input schema', async () => {
    const { code, json } = await cli('list --json');
    expect(code).toBe(0);
    expect(json()['workflows']).toMatchObject([
      { name: 'greet', description: 'does greet', inputSchema: schema },
      {},
      {},
      {},
    ]);
    expect(opened[0]?.options.claims).toBe('none');
  });

  test('for a person: one line an input', async () => {
    const { terminal } = await cli('list');
    expect(terminal.stdout).toContain('greet\n  does greet\n    name (string)\n');
  });
});

describe('tasks', () => {
  async function start(workflow: string): Promise<string> {
    return (await tasks.create({ workflow, arguments: {}, principal: 'local' })).taskId;
  }

  async function ended(id: string): Promise<void> {
    await waitUntil('the task ends', async () => (await tasks.get(id, 'local'))?.endedAt !== undefined);
  }

  async function asking(id: string): Promise<void> {
    await waitUntil('the task asks', async () => (await tasks.get(id, 'local'))?.status === 'input_required');
  }

  test('list: newest first, with a cursor where there is more', async () => {
    const first = await start('greet');
    const second = await start('greet');
    const { json } = await cli('tasks list --limit 1 --json');
    expect(json()).toMatchObject({ tasks: [{ taskId: second, workflow: 'greet' }], nextCursor: second });
    expect((await cli(`tasks list --cursor ${second} --json`)).json()).toMatchObject({ tasks: [{ taskId: first }] });
  });

  test('list for a person is a table', async () => {
    await start('greet');
    const { terminal } = await cli('tasks list');
    expect(terminal.stdout).toMatch(/^TASK +WORKFLOW +STATUS/);
  });

  test('get: the report with percent and phases, exit 0 whatever became of it', async () => {
    const id = await start('broken');
    await ended(id);
    const { code, json } = await cli(`tasks get ${id} --json`);
    expect(code).toBe(0);
    expect(json()).toMatchObject({
      taskId: id,
      status: 'failed',
      percent: 0,
      phases: [],
      error: { code: 'tool_error' },
    });
  });

  test('get for a person explains, and tells the next step', async () => {
    const id = await start('asks');
    await asking(id);
    const { terminal } = await cli(`tasks get ${id}`);
    expect(terminal.stdout).toContain(`mcp-workflow tasks respond ${id}`);
    expect(terminal.stdout).toContain('Publish?');
  });

  test('get --watch ends with the task and its exit code', async () => {
    const id = await start('asks');
    const running = cli(`tasks get ${id} --watch`);
    await asking(id);
    await tasks.respond(id, 'local', 'in-1', { action: 'decline' });
    const { code, json } = await running;
    expect(code).toBe(0);
    expect(json()).toMatchObject({ status: 'completed' });
  });

  test('Ctrl-C while watching leaves the task alone', async () => {
    const id = await start('stuck');
    const terminal = new FakeTerminal(false);
    const running = cli(`tasks get ${id} --watch`, terminal);
    await waitUntil('it listens for signals', () => terminal.listenerCount === 1);
    terminal.send('SIGINT');
    expect((await running).code).toBe(130);
    expect((await tasks.get(id, 'local'))?.status).toBe('working');
  });

  test('list --watch goes on until Ctrl-C, and is interrupted then: exit 130', async () => {
    const id = await start('stuck');
    const terminal = new FakeTerminal(true);
    const running = cli('tasks list --watch', terminal);
    await waitUntil('the list is there', () => terminal.stdout.includes(id) && terminal.listenerCount === 1);
    terminal.send('SIGINT');
    expect((await running).code).toBe(130);
  });

  test('get says once that a task was cancelled', async () => {
    const id = await start('stuck');
    await tasks.cancel(id, 'local', 'not needed');
    const { terminal } = await cli(`tasks get ${id}`);
    expect(terminal.stdout).not.toContain('cancelled: cancelled');
  });

  test('result: the tool result itself', async () => {
    const id = await start('greet');
    await ended(id);
    const { code, json } = await cli(`tasks result ${id} --json`);
    expect(code).toBe(0);
    expect(json()).toEqual({ content: [], structuredContent: { greeting: ['hello', 'you'] } });
  });

  test('result of a task that failed: the result, and exit 1', async () => {
    const id = await start('broken');
    await ended(id);
    const { code, json } = await cli(`tasks result ${id} --json`);
    expect(code).toBe(1);
    expect(json()).toMatchObject({ isError: true });
  });

  test('no result yet: exit 3 when it waits for input, 1 when it works, and a hint', async () => {
    const asks = await start('asks');
    await asking(asks);
    expect((await cli(`tasks result ${asks}`)).code).toBe(3);
    const { code, terminal } = await cli(`tasks result ${await start('stuck')}`);
    expect(code).toBe(1);
    expect(terminal.stderr).toContain('--watch');
  });

  test('cancel: durable when it returns; a second one is exit 1', async () => {
    const id = await start('stuck');
    expect((await cli(`tasks cancel ${id} --reason enough --json`)).json()).toMatchObject({
      status: 'cancelled',
      error: { message: 'enough' },
    });
    expect((await cli(`tasks cancel ${id}`)).code).toBe(1);
  });

  test('respond: by --set typed by the form', async () => {
    const id = await start('asks');
    await asking(id);
    const { code, json } = await cli(`tasks respond ${id} --set ok=true --json`);
    expect([code, json()]).toEqual([0, { taskId: id, key: 'in-1', answer: 'accepted' }]);
    await ended(id);
    expect(await tasks.outcome(id, 'local')).toMatchObject({
      output: { answer: { action: 'accept', content: { ok: true } } },
    });
  });

  test.each([
    ['--decline', 'decline'],
    ['--dismiss', 'cancel'],
  ])('respond %s', async (flag, action) => {
    const id = await start('asks');
    await asking(id);
    expect((await cli(`tasks respond ${id} ${flag}`)).code).toBe(0);
    await ended(id);
    expect(await tasks.outcome(id, 'local')).toMatchObject({ output: { answer: { action } } });
  });

  test.each(['--decline --set ok=true', '--decline --dismiss', '--dismiss --input {}', '--response {} --set ok=true'])(
    'two answers at once are refused: %s',
    async (flags) => {
      const id = await start('asks');
      const { code, terminal } = await cli(`tasks respond ${id} ${flags}`);
      expect(code).toBe(2);
      expect(terminal.stderr).toContain('cannot be used with option');
      expect((await tasks.get(id, 'local'))?.inputs).toHaveLength(1);
    },
  );

  test('respond without an answer and without a terminal: exit 2, with the question', async () => {
    const id = await start('asks');
    await asking(id);
    const { code, terminal } = await cli(`tasks respond ${id}`);
    expect(code).toBe(2);
    expect(terminal.stderr).toContain('Publish?');
  });

  test('respond to a task that asks nothing: exit 1', async () => {
    const { code, terminal } = await cli(`tasks respond ${await start('stuck')} --decline`);
    expect(code).toBe(1);
    expect(terminal.stderr).toContain('asks nothing now');
  });
});
