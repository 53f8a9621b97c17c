import { afterEach, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from '../../../src/protocol/deps.ts';
import { serveModern, taskIdOf, TASKS_CLIENT, type ModernHttp } from '../../support/modern-http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const open: ModernHttp[] = [];
type Deps = ReturnType<typeof protocolDeps>;

async function serve(
  publish: (deps: Deps) => void,
  more: Parameters<typeof protocolDeps>[0] = {},
): Promise<{ deps: Deps; http: ModernHttp }> {
  const deps = protocolDeps(more);
  publish(deps);
  const http = await serveModern(deps);
  open.push(http);
  return { deps, http };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()));
});

const text = (value: string): { content: { type: string; text: string }[] } => ({
  content: [{ type: 'text', text: value }],
});
const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
const form = {
  method: 'elicitation/create',
  params: {
    mode: 'form',
    message: 'Sure?',
    requestedSchema: { type: 'object', properties: { ok: { type: 'boolean' } } },
  },
};

async function settled(http: ModernHttp, taskId: string): Promise<JsonObject> {
  return waitUntil('the task ends', async () => {
    const { result } = await http.request('tasks/get', { taskId }, { capabilities: TASKS_CLIENT });
    return result !== undefined && result['status'] !== 'working' ? result : undefined;
  });
}

describe('discovery', () => {
  test('advertises the extension, and no tasks capability of the older generation', async () => {
    const { http } = await serve(() => undefined);
    const { result } = await http.request('server/discover');
    const capabilities = result?.['capabilities'] as JsonObject;
    expect(capabilities['extensions']).toEqual({ 'io.modelcontextprotocol/tasks': {} });
    expect(capabilities).not.toHaveProperty('tasks');
    expect(result).toMatchObject({ resultType: 'complete', cacheScope: 'public' });
  });

  test('lists are cacheable, ordered by name, and carry nothing of the older generation', async () => {
    const { http } = await serve((deps) => {
      for (const name of ['b', 'a']) deps.publish(name, async () => text('x'));
    });
    const { result } = await http.request('tools/list');
    expect(result).toMatchObject({ resultType: 'complete', ttlMs: 5_000, cacheScope: 'private' });
    const tools = result?.['tools'] as JsonObject[];
    expect(tools.map((tool) => tool['name']).slice(0, 2)).toEqual(['a', 'b']);
    for (const tool of tools) expect(tool).not.toHaveProperty('execution');
    for (const method of ['prompts/list', 'resources/list', 'resources/templates/list']) {
      const reply = await http.request(method);
      expect(reply.result).toMatchObject({
        resultType: 'complete',
        ttlMs: expect.any(Number),
        cacheScope: expect.any(String),
      });
    }
  });
});

describe('C1, C2: a request that declares the extension', () => {
  test('gets the result itself when an optional workflow ends at once', async () => {
    const { http } = await serve((deps) => deps.publish('quick', async () => text('done')));
    const { result } = await http.request('tools/call', { name: 'quick' }, { capabilities: TASKS_CLIENT });
    expect(result).toMatchObject({ resultType: 'complete', ...text('done') });
    expect(result).not.toHaveProperty('taskId');
  });

  test('gets a handle when an optional workflow lasts longer, and the inlined result later', async () => {
    let end = (): void => undefined;
    const { http } = await serve((deps) =>
      deps.publish('slow', async () => {
        await new Promise<void>((resolve) => (end = resolve));
        return text('late');
      }),
    );
    const slow = await http.request('tools/call', { name: 'slow' }, { capabilities: TASKS_CLIENT });
    expect(slow.result).toMatchObject({
      resultType: 'task',
      status: 'working',
      ttlMs: 3_600_000,
      pollIntervalMs: 1_000,
    });
    const working = await http.request('tasks/get', { taskId: taskIdOf(slow) }, { capabilities: TASKS_CLIENT });
    expect(working.result).toMatchObject({ resultType: 'complete', status: 'working' });
    end();
    expect(await settled(http, taskIdOf(slow))).toMatchObject({
      status: 'completed',
      result: { resultType: 'complete', ...text('late') },
    });
  });

  test('gets a handle for a required workflow however quick it is', async () => {
    const { http } = await serve((deps) => deps.publish('job', async () => text('done'), { task: 'required' }));
    const job = await http.request('tools/call', { name: 'job' }, { capabilities: TASKS_CLIENT });
    expect(job.result).toMatchObject({ resultType: 'task', status: 'working' });
    expect(await settled(http, taskIdOf(job))).toMatchObject({ status: 'completed' });
  });

  test('gets no handle for a forbidden workflow, even with the task parameter of the older generation', async () => {
    const { http } = await serve((deps) => deps.publish('greet', async () => text('Hello'), { task: 'forbidden' }));
    const { result } = await http.request(
      'tools/call',
      { name: 'greet', task: { ttl: 1 } },
      { capabilities: TASKS_CLIENT },
    );
    expect(result).toMatchObject({ resultType: 'complete', ...text('Hello') });
  });

  test('sees a failed workflow as completed with isError, and a JSON-RPC error as failed with that error', async () => {
    const { http } = await serve((deps) => {
      deps.publish('failing', () => Promise.reject(new Error('no')), { task: 'required' });
      const failure = { code: '-32050', message: 'kaput' };
      deps.publish(
        'protocol',
        async () => ({ kind: 'error', code: -32050, message: 'kaput', data: { n: 1 }, failure }),
        { task: 'required' },
      );
    });
    const failing = await http.request('tools/call', { name: 'failing' }, { capabilities: TASKS_CLIENT });
    const completed = await settled(http, taskIdOf(failing));
    expect(completed).toMatchObject({ status: 'completed', result: { isError: true } });
    expect(completed).not.toHaveProperty('error');
    const protocol = await http.request('tools/call', { name: 'protocol' }, { capabilities: TASKS_CLIENT });
    const failed = await settled(http, taskIdOf(protocol));
    expect(failed).toMatchObject({ status: 'failed', error: { code: -32050, message: 'kaput', data: { n: 1 } } });
    expect(failed).not.toHaveProperty('result');
  });
});

describe('C3: a request that does not declare the extension', () => {
  test('is answered inside the request, with progress that grows, and never with a handle', async () => {
    const { http } = await serve((deps) =>
      deps.publish('steps', async ({ emit }) => {
        for (const progress of [0, 50, 100]) emit({ message: `at ${progress}`, progress, total: 100 });
        return text('done');
      }),
    );
    const reply = await http.request('tools/call', { name: 'steps' }, { meta: { progressToken: 'p' } });
    expect(reply.result).toMatchObject({ resultType: 'complete', ...text('done') });
    const ticks = reply.notifications.map((message) => message['params'] as JsonObject);
    expect(ticks.map((tick) => tick['progress'])).toEqual([0, 50, 100]);
    expect(new Set(ticks.map((tick) => tick['progressToken']))).toEqual(new Set(['p']));
  });

  test('is refused with -32021 and HTTP 400 for a required workflow, and nothing is started', async () => {
    const { http, deps } = await serve((d) => d.publish('job', async () => text('x'), { task: 'required' }));
    const { status, error } = await http.request('tools/call', { name: 'job' }, { capabilities: { elicitation: {} } });
    expect(status).toBe(400);
    expect(error).toMatchObject({
      code: -32021,
      data: { requiredCapabilities: { extensions: { 'io.modelcontextprotocol/tasks': {} } } },
    });
    expect((await deps.tasks.list({ principal: 'local' })).tasks).toEqual([]);
  });

  test('is answered at the soft deadline with the task and what to do, and the run goes on', async () => {
    let end = (): void => undefined;
    const { http, deps } = await serve(
      (d) =>
        d.publish('slow', async () => {
          await new Promise<void>((resolve) => (end = resolve));
          return text('late');
        }),
      { settings: { ...DEFAULT_PROTOCOL_SETTINGS, inlineWaitMs: 30 } },
    );
    const { result } = await http.request('tools/call', { name: 'slow' });
    expect(result).toMatchObject({ resultType: 'complete', structuredContent: { task: { status: 'working' } } });
    expect(JSON.stringify(result)).toContain('tasks_get');
    end();
    const [task] = (await deps.tasks.list({ principal: 'local' })).tasks;
    expect((await deps.tasks.get(task?.taskId ?? '', 'local'))?.status).not.toBe('cancelled');
  });

  test('sees log messages only when it asks for a level, and only from that level up', async () => {
    const { http } = await serve((deps) =>
      deps.publish('talk', async ({ emit }) => {
        emit({ message: 'detail', level: 'debug' });
        emit({ message: 'news', level: 'info' });
        emit({ message: 'trouble', level: 'error' });
        return text('done');
      }),
    );
    const logs = async (level?: string): Promise<unknown[]> => {
      const meta: JsonObject = level === undefined ? {} : { 'io.modelcontextprotocol/logLevel': level };
      const reply = await http.request('tools/call', { name: 'talk' }, { meta });
      return reply.notifications.map((message) => (message['params'] as JsonObject)['data']);
    };
    expect(await logs()).toEqual([]);
    expect(await logs('info')).toEqual(['news', 'trouble']);
  });

  test('gets a JSON-RPC outcome as that error', async () => {
    const failure = { code: '-32050', message: 'kaput' };
    const { http } = await serve((deps) =>
      deps.publish('protocol', async () => ({ kind: 'error', code: -32050, message: 'kaput', failure })),
    );
    expect((await http.request('tools/call', { name: 'protocol' })).error).toEqual({ code: -32050, message: 'kaput' });
  });
});

describe('C4: a client that goes before its answer', () => {
  const start = async (options: {
    key?: string;
    capabilities?: JsonObject;
  }): Promise<{ deps: Deps; http: ModernHttp; taskId: string; gone: () => void }> => {
    const { deps, http } = await serve((d) => d.publish('endless', ({ signal }) => never(signal)));
    const abort = new AbortController();
    const call = http.request(
      'tools/call',
      { name: 'endless' },
      {
        signal: abort.signal,
        meta: options.key === undefined ? {} : { 'dev.mcp-workflow/idempotency-key': options.key },
        ...(options.capabilities === undefined ? {} : { capabilities: options.capabilities }),
      },
    );
    call.catch(() => undefined);
    const taskId = await waitUntil(
      'the task exists',
      async () => (await deps.tasks.list({ principal: 'local' })).tasks[0]?.taskId,
    );
    return { deps, http, taskId, gone: () => abort.abort() };
  };
  const status = (deps: Deps, taskId: string, wanted: string): Promise<unknown> =>
    waitUntil(`the task is ${wanted}`, async () => (await deps.tasks.get(taskId, 'local'))?.status === wanted);

  test.each([
    ['a plain call', {}],
    ['a call that would have got a handle', { capabilities: TASKS_CLIENT }],
  ])('cancels the task of %s, whose id it cannot know', async (_name, options) => {
    const { deps, taskId, gone } = await start(options);
    gone();
    await status(deps, taskId, 'cancelled');
  });

  test('leaves the task that it can find again by its idempotency key', async () => {
    const { deps, http, taskId, gone } = await start({ key: 'k-1' });
    gone();
    await waitUntil('the request has let go', () => deps.tasks.subscriberCount === 0);
    const again = await http.request(
      'tools/call',
      { name: 'endless' },
      { capabilities: TASKS_CLIENT, meta: { 'dev.mcp-workflow/idempotency-key': 'k-1' } },
    );
    expect(again.result).toMatchObject({ resultType: 'task', taskId, status: 'working' });
  });

  test('a server that stops answers the call with the task and leaves it running', async () => {
    const { deps, http, taskId } = await start({});
    open.splice(open.indexOf(http), 1);
    await http.stop();
    expect((await deps.tasks.get(taskId, 'local'))?.status).toBe('working');
  });
});

describe('arguments and headers', () => {
  test('arguments that do not fit are a tool result that a model can read', async () => {
    const { http, deps } = await serve((d) => d.publish('typed', async () => text('x')));
    const { TaskError } = await import('../../../src/tasks/task.ts');
    deps.tasks.rejects.set('typed', new TaskError('invalid_arguments', 'arguments/n: a number is expected'));
    const { result } = await http.request('tools/call', { name: 'typed' }, { capabilities: TASKS_CLIENT });
    expect(result).toMatchObject({
      resultType: 'complete',
      isError: true,
      ...text('arguments/n: a number is expected'),
    });
  });

  test('an unknown tool is -32602 with a suggestion', async () => {
    const { http } = await serve((deps) => deps.publish('deploy', async () => text('x')));
    const { error } = await http.request('tools/call', { name: 'deplo' });
    expect(error).toMatchObject({ code: -32602, message: "Unknown tool: deplo; did you mean 'deploy'?" });
  });

  test.each([
    ['no name', { arguments: {} }, 'params/name: a string is expected'],
    ['a list of arguments', { name: 'deploy', arguments: [] }, 'params/arguments: an object is expected'],
  ])('a call with %s is -32602 in one sentence', async (_, params, message) => {
    const { http } = await serve((deps) => deps.publish('deploy', async () => text('x')));
    const { error } = await http.request('tools/call', params, { headers: { 'mcp-name': 'deploy' } });
    expect(error).toMatchObject({ code: -32602, message });
  });

  test('workflow_run tells a model what is wrong with its own arguments', async () => {
    const deps = protocolDeps({ settings: { ...DEFAULT_PROTOCOL_SETTINGS, compact: true } });
    deps.publish('deploy', async () => text('done'));
    const http = await serveModern(deps);
    open.push(http);
    for (const [args, named] of [
      [{}, 'arguments/workflow'],
      [{ workflow: 'deplo' }, "did you mean 'deploy'"],
      [{ workflow: 'deploy', input: [] }, 'arguments/input'],
      [{ workflow: 'deploy', inputs: {} }, 'arguments/inputs'],
    ] as const) {
      const { result } = await http.request('tools/call', { name: 'workflow_run', arguments: args });
      expect(result).toMatchObject({ isError: true });
      expect(JSON.stringify(result?.['content'])).toContain(named);
    }
  });

  test.each(['tools/list', 'prompts/list', 'resources/list', 'resources/templates/list'])(
    '%s refuses a cursor that it never gave',
    async (method) => {
      const { http } = await serve((deps) => deps.publish('quick', async () => text('x')));
      expect((await http.request(method, { cursor: 'forged' })).error).toMatchObject({ code: -32602 });
    },
  );

  test.each([
    ['Mcp-Method is missing', { 'mcp-method': undefined }],
    ['Mcp-Method differs', { 'mcp-method': 'tools/list' }],
    ['Mcp-Name is missing', { 'mcp-name': undefined }],
    ['Mcp-Name differs', { 'mcp-name': 'other' }],
    ['the version header is missing', { 'mcp-protocol-version': undefined }],
  ])('%s: HTTP 400 with -32020, for a call and for a task', async (_name, headers) => {
    const { http } = await serve((deps) => deps.publish('quick', async () => text('done')));
    for (const [method, params] of [
      ['tools/call', { name: 'quick' }],
      ['tasks/get', { taskId: 'some-id' }],
    ] as const) {
      const reply = await http.request(method, params, { headers, capabilities: TASKS_CLIENT });
      expect([reply.status, reply.error?.code]).toEqual([400, -32020]);
    }
  });

  test('an x-mcp-header argument must be in its Mcp-Param header, with the same value', async () => {
    const { http } = await serve((deps) =>
      deps.publish('regional', async () => text('done'), {
        input_schema: { type: 'object', properties: { region: { type: 'string', 'x-mcp-header': 'Region' } } },
      }),
    );
    const call = (headers: { [name: string]: string }): ReturnType<ModernHttp['request']> =>
      http.request('tools/call', { name: 'regional', arguments: { region: 'eu' } }, { headers });
    expect((await call({ 'mcp-param-region': 'eu' })).result).toMatchObject(text('done'));
    for (const headers of [{}, { 'mcp-param-region': 'us' }]) {
      const reply = await call(headers);
      expect([reply.status, reply.error?.code]).toEqual([400, -32020]);
    }
  });

  test('a Mcp-Param value with characters that a header cannot carry is refused, also where it would match', async () => {
    const { http } = await serve((deps) =>
      deps.publish('regional', async () => text('done'), {
        input_schema: {
          type: 'object',
          properties: {
            at: { type: 'object', properties: { city: { type: 'string', 'x-mcp-header': 'City' } } },
          },
        },
      }),
    );
    const call = (city: string): ReturnType<ModernHttp['request']> =>
      http.request(
        'tools/call',
        { name: 'regional', arguments: { at: { city: 'Zürich' } } },
        { headers: { 'mcp-param-city': city } },
      );
    const raw = await call('Zürich');
    expect([raw.status, raw.error?.code]).toEqual([400, -32020]);
    const encoded = `=?base64?${Buffer.from('Zürich').toString('base64')}?=`;
    expect((await call(encoded)).result).toMatchObject(text('done'));
  });

  test('methods of the older generation and unknown ones are -32601 with HTTP 404', async () => {
    const { http } = await serve(() => undefined);
    for (const method of ['tasks/list', 'tasks/result', 'logging/setLevel', 'ping', 'resources/subscribe', 'no/such']) {
      const reply = await http.request(method, { taskId: 'x', uri: 'x' }, { capabilities: TASKS_CLIENT });
      expect([method, reply.status, reply.error?.code]).toEqual([method, 404, -32601]);
    }
  });
});

describe('resources, prompts and completions', () => {
  test('a resource that is not there is -32602 with its uri', async () => {
    const { http } = await serve(() => undefined);
    const { error } = await http.request('resources/read', { uri: 'workflow://tasks/none' });
    expect(error).toMatchObject({ code: -32602, data: { uri: 'workflow://tasks/none' } });
  });

  test('definitions, prompts and completions are served as in the older generation', async () => {
    const { http } = await serve((deps) =>
      deps.publish('paint', async () => text('x'), {
        input_schema: { type: 'object', properties: { colour: { enum: ['red', 'green'] } } },
      }),
    );
    const read = await http.request('resources/read', { uri: 'workflow://definitions/paint' });
    expect(JSON.stringify(read.result)).toContain('colour');
    const prompt = await http.request('prompts/get', { name: 'paint' });
    expect(JSON.stringify(prompt.result)).toContain("the tool 'paint'");
    const completion = await http.request('completion/complete', {
      ref: { type: 'ref/prompt', name: 'paint' },
      argument: { name: 'colour', value: 'g' },
    });
    expect(completion.result).toMatchObject({ completion: { values: ['green'] } });
  });
});

test('a question without anybody to answer it here is answered with the task and what to do next', async () => {
  const { http } = await serve((deps) =>
    deps.publish('ask', async ({ ask }) => {
      await ask(form);
      return text('x');
    }),
  );
  const { result } = await http.request('tools/call', { name: 'ask' }, { capabilities: {} });
  expect(result).toMatchObject({ resultType: 'complete', structuredContent: { task: { status: 'input_required' } } });
  expect(JSON.stringify(result)).toContain('tasks_update');
});

test('a forbidden workflow that this client cannot answer ends with -32021 and names the capability', async () => {
  const turn = {
    method: 'sampling/createMessage',
    params: { messages: [{ role: 'user', content: { type: 'text', text: 'Hi' } }], maxTokens: 5 },
  };
  const { http, deps } = await serve((d) =>
    d.publish('think', async ({ ask }) => text(JSON.stringify(await ask(turn))), { task: 'forbidden' }),
  );
  const { status, error } = await http.request('tools/call', { name: 'think' }, { capabilities: { elicitation: {} } });
  expect(status).toBe(400);
  expect(error).toMatchObject({ code: -32021, data: { requiredCapabilities: { sampling: {} } } });
  expect((await deps.tasks.list({ principal: 'local' })).tasks.map((task) => task.status)).toEqual(['cancelled']);
});
