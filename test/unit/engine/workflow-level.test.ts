import { describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { crashEverywhere } from '../../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, structured, text, toolError, type PlainStep } from '../../support/engine-world.ts';

describe('the result of a workflow', () => {
  const step = { id: 'a', type: 'set', values: { n: 1 } };

  it('is `output` if given, else variables.output if declared or written, else the last output', async () => {
    const outputOf = async (steps: readonly PlainStep[], more: object = {}): Promise<unknown> => {
      const end = await new EngineWorld().run(definitionOf(steps, more));
      return end.outcome.kind === 'result' ? end.outcome.result : end.outcome;
    };
    expect(await outputOf([step], { output: { got: '{{a.output.n}}' } })).toEqual({
      content: [{ type: 'text', text: '{"got":1}' }],
      structuredContent: { got: 1 },
    });
    expect(
      await outputOf([step], { variables: { input: {}, output: { n: null }, global: {}, saved: {} } }),
    ).toMatchObject({ structuredContent: { n: null } });
    expect(await outputOf([{ ...step, save_output_to: 'variables.output.x' }])).toMatchObject({
      structuredContent: { x: { n: 1 } },
    });
    expect(await outputOf([step, { id: 'b', action: 'b', when: 'false' }])).toMatchObject({
      structuredContent: { result: { n: 1 } },
    });
    expect(await outputOf([step], { output: '{{a.output.n}}' })).toMatchObject({ structuredContent: { result: 1 } });
  });

  it('can have content blocks of its own, and be an error by a template', async () => {
    const world = new EngineWorld();
    world.downstream.tools['pic'] = () => ({ content: [{ type: 'image', data: 'AA==', mimeType: 'image/png' }] });
    const end = await world.run(
      definitionOf([{ id: 'p', action: 'pic' }], {
        output: { ok: false },
        result: {
          content: [{ type: 'text', text: 'ok: {{output.ok}}' }, '{{p.content}}'],
          is_error: '{{output.ok}}',
        },
      }),
    );
    expect(end.outcome).toMatchObject({
      result: { content: [{ type: 'text', text: 'ok: false' }, { type: 'image' }] },
    });
    // Hosts show a model nothing but structured content where there is some: the blocks would be lost.
    expect(end.outcome).not.toHaveProperty('result.structuredContent');
    expect(end.outcome).not.toHaveProperty('result.isError');
    const failed = await new EngineWorld().run(definitionOf([step], { result: { is_error: '{{a.output.n}}' } }));
    expect(failed.outcome).toMatchObject({ result: { isError: true }, failure: { code: 'tool_error' } });
  });

  it.each([
    [
      { type: 'text', text: '{{s.output.n}}' },
      { type: 'text', text: '5' },
    ],
    [
      { type: 'text', text: '{{s.output}}' },
      { type: 'text', text: '{"n":5}' },
    ],
    [
      { type: 'text', text: '{{s.output.nothing}}' },
      { type: 'text', text: '' },
    ],
    [
      { type: 'image', data: '{{s.output.n}}', mimeType: 'image/png' },
      "result.content[0]: a block of type 'image' needs 'data', a text",
    ],
    [{ type: 'resource_link', uri: 'a:b' }, "result.content[0]: a block of type 'resource_link' needs 'name', a text"],
    [
      { type: 'resource', resource: { uri: 'a:b' } },
      "result.content[0]: a block of type 'resource' needs 'resource' with 'uri' and 'text' or 'blob'",
    ],
  ])('has content that clients take: %j', async (block, expected) => {
    const world = new EngineWorld();
    const steps = [{ id: 's', type: 'set', values: { n: 5 } }];
    const { outcome } = await world.run({ ...definitionOf(steps), result: { content: [block] } });
    if (typeof expected !== 'string') expect(outcome).toMatchObject({ result: { content: [expected] } });
    else
      expect(outcome).toMatchObject({
        failure: { code: 'invalid_output', message: expect.stringContaining(expected) as string },
      });
  });

  it('must fit output_schema', async () => {
    const output_schema = { type: 'object', properties: { n: { type: 'string' } }, required: ['n'] };
    const end = await new EngineWorld().run(definitionOf([step], { output: { n: '{{a.output.n}}' }, output_schema }));
    expect(end.outcome).toMatchObject({ result: { isError: true }, failure: { code: 'invalid_output' } });
  });
});

describe('timeout_seconds of a workflow', () => {
  const definition = definitionOf([{ id: 'a', type: 'wait', seconds: 100 }], {
    timeout_seconds: 10,
    on_error: 'alert',
    finally: [{ id: 'z', type: 'tool', server: 's', action: 'z' }],
  });
  const withAlert = {
    ...definition,
    steps: [...definition.steps, { id: 'alert', type: 'tool', server: 's', action: 'alert' }],
  };

  it('stops the steps, then on_error and finally run', async () => {
    const world = new EngineWorld();
    const end = await world.run(withAlert);
    expect(end.outcome).toMatchObject({ failure: { code: 'timeout' } });
    expect(world.called).toEqual(['alert', 'z']);
    expect(world.clock.monotonic()).toBe(10_000);
    expect(await crashEverywhere(() => new EngineWorld(), withAlert)).toBe(8);
  });

  it('counts from the creation of the task, downtime included', async () => {
    const world = new EngineWorld();
    world.clock.setWall(world.clock.now() + 60_000);
    await world.run(withAlert);
    expect(world.clock.monotonic()).toBe(0);
  });
});

describe('budget', () => {
  it('of tool calls counts every attempt, also those before a restart, and tells the use', async () => {
    const definition = definitionOf([{ id: 'a', action: 'bad', retry: { max_attempts: 5, delay_seconds: 1 } }], {
      budget: { tool_calls: 3 },
    });
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['bad'] = () => toolError('no');
      return world;
    };
    const world = make();
    const end = await world.run(definition);
    expect(world.called).toHaveLength(3);
    expect(end.outcome).toMatchObject({
      failure: { code: 'budget_exceeded' },
      result: { _meta: { 'dev.mcp-workflow/usage': { tool_calls: 3 } } },
    });
    const restarted = make();
    await expect(restarted.run(definition, { crash: { at: 2, when: 'after' } })).rejects.toThrow('died');
    await restarted.run(definition);
    expect(restarted.called).toHaveLength(3);
  });

  it('of tool calls counts a call that a crash cut off, as its intent is in the journal', async () => {
    const step = { id: 'a', action: 'pay', on_interrupt: 'retry' };
    const definition = definitionOf([step, { id: 'b', action: 'pay' }], { budget: { tool_calls: 3 } });
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.repeatable['pay'] = 'unknown';
      return world;
    };
    const cutOnce = make();
    await expect(cutOnce.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    // Once more while it goes on: what was counted is counted once.
    await expect(cutOnce.run(definition, { crash: { at: 2, when: 'after' } })).rejects.toThrow('died');
    const usage = { result: { _meta: { 'dev.mcp-workflow/usage': { tool_calls: 3 } } } };
    expect((await cutOnce.run(definition)).outcome).toMatchObject(usage);
    expect(cutOnce.called).toEqual(['pay', 'pay', 'pay']);

    const cutTwice = make();
    await expect(cutTwice.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    await expect(cutTwice.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    expect((await cutTwice.run(definition)).outcome).toMatchObject({ failure: { code: 'budget_exceeded', step: 'b' } });
    expect(cutTwice.called).toEqual(['pay', 'pay', 'pay']);
  });

  it('of tool calls counts the call of a downstream task once, however often it is taken up again', async () => {
    const world = new EngineWorld();
    world.downstream.repeatable['pay'] = 'unknown';
    world.downstream.tools['pay'] = async (_args, context) => {
      if (context.handle === undefined) await context.onHandle?.({ task: 'remote-1' });
      return text('paid');
    };
    const definition = definitionOf([{ id: 'a', action: 'pay' }], { budget: { tool_calls: 1 }, output: {} });
    await expect(world.run(definition, { crash: { at: 3, when: 'before' } })).rejects.toThrow('died');
    await expect(world.run(definition, { crash: { at: 1, when: 'before' } })).rejects.toThrow('died');
    expect((await world.run(definition)).outcome).toMatchObject({
      result: { _meta: { 'dev.mcp-workflow/usage': { tool_calls: 1 } } },
    });
  });

  it('is used up in the same way whenever it is killed: failed attempts, views and skipped steps counted', async () => {
    const definition = definitionOf(
      [
        { id: 'a', action: 'bad', retry: { max_attempts: 3, delay_seconds: 1 }, can_fail_safely: true },
        { id: 'never', action: 'never', when: 'false' },
        { id: 'c', action: 'long' },
        { id: 'd', action: 'long' },
      ],
      { budget: { tool_calls: 4, bytes: 100_000 } },
    );
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      world.downstream.tools['bad'] = () => toolError('no');
      world.downstream.tools['long'] = () => structured({ text: 'x'.repeat(1000) });
      return world;
    };
    // The use is part of the outcome, which is compared.
    expect(await crashEverywhere(make, definition)).toBeGreaterThan(10);
  });

  it('of bytes and of seconds', async () => {
    const world = new EngineWorld();
    world.downstream.tools['big'] = () => text('x'.repeat(1000));
    const big = await world.run(definitionOf([{ id: 'a', action: 'big' }], { budget: { bytes: 500 } }));
    expect(big.outcome).toMatchObject({ failure: { code: 'budget_exceeded', step: 'a' } });
    const long = await new EngineWorld().run(
      definitionOf([{ id: 'a', type: 'wait', seconds: 9 }], { budget: { seconds: 3 } }),
    );
    expect(long.outcome).toMatchObject({ failure: { code: 'budget_exceeded' } });
  });
});

describe('limits', () => {
  it('of steps and of output bytes are failures of the task', async () => {
    const steps = Array.from({ length: 4 }, (_, index) => ({ id: `s${index}`, type: 'set', values: {} }));
    const many = await new EngineWorld({ limits: { stepsPerTask: 3 } }).run(definitionOf(steps));
    expect(many.outcome).toMatchObject({ failure: { code: 'limit_exceeded' } });
    const world = new EngineWorld({ limits: { outputBytes: 100 } });
    world.downstream.tools['big'] = () => text('x'.repeat(101));
    const big = await world.run(definitionOf([{ id: 'a', action: 'big', retry: { max_attempts: 3 } }]));
    expect(big.outcome).toMatchObject({ failure: { code: 'limit_exceeded', step: 'a' } });
    expect(world.called).toHaveLength(1);
  });
});

describe('result.content', () => {
  const resultOf = async (content: readonly JsonObject[]): Promise<unknown> => {
    const steps = [{ id: 'a', type: 'set', values: { n: { deep: 1 }, none: null } }];
    const end = await new EngineWorld().run(definitionOf(steps, { result: { content } }));
    return end.outcome.kind === 'result' ? (end.outcome.failure?.message ?? end.outcome.result.content) : end.outcome;
  };

  it('a block of text holds text, whatever its template names', async () => {
    const blocks = ['{{a.output.n}}', '{{a.output.none}}', 'n: {{a.output.n}}'].map((said) => ({
      type: 'text',
      text: said,
    }));
    expect(await resultOf(blocks)).toEqual([
      { type: 'text', text: '{"deep":1}' },
      { type: 'text', text: '' },
      { type: 'text', text: 'n: {"deep":1}' },
    ]);
  });

  it.each([
    [
      { type: 'txt', text: 'a' },
      "result.content[0]: the type 'txt' is none of text, image, audio, resource_link, resource",
    ],
    [{ type: 'text' }, "result.content[0]: a block of type 'text' needs 'text', a text"],
    [{ type: 'image', data: 'aGk=' }, "result.content[0]: a block of type 'image' needs 'mimeType', a text"],
    [
      { type: 'resource_link', uri: 'a://b' },
      "result.content[0]: a block of type 'resource_link' needs 'name', a text",
    ],
    [{ type: 'resource', resource: { uri: 'a://b' } }, expect.stringContaining("needs 'resource' with 'uri'")],
  ])('a block that is none of MCP fails the task: %j', async (block, message) => {
    expect(await resultOf([block])).toEqual(message);
  });
});

describe('compensate', () => {
  const undo = (id: string, more: object = {}): object => ({
    id: `undo_${id}`,
    type: 'tool',
    server: 's',
    action: `undo_${id}`,
    ...more,
  });
  const saga = definitionOf([
    { id: 'a', action: 'a', compensate: undo('a', { arguments: { of: '{{a.output.echo}}' } }) },
    {
      id: 'each',
      type: 'foreach',
      items: ['x', 'y'],
      steps: [{ id: 'b', action: 'b', compensate: undo('b', { arguments: { item: '{{item}}' } }) }],
    },
    { id: 'c', action: 'bad', compensate: undo('c') },
  ]);
  const make = (...more: readonly string[]): EngineWorld => {
    const world = new EngineWorld();
    for (const tool of ['bad', ...more]) world.downstream.tools[tool] = () => toolError('no');
    return world;
  };

  it('undoes what had succeeded, the last first, with the names of its place, and reports it', async () => {
    const world = make();
    const end = await world.run(saga);
    expect(world.called).toEqual(['a', 'b', 'b', 'bad', 'undo_b', 'undo_b', 'undo_a']);
    expect(world.downstream.calls.slice(4).map((call) => call.args)).toEqual([
      { item: 'y' },
      { item: 'x' },
      { of: {} },
    ]);
    expect(world.ledger.slice(-3)).toEqual([
      'cleanup/each[1]/undo_b completed',
      'cleanup/each[0]/undo_b completed',
      'cleanup/undo_a completed',
    ]);
    expect(end.outcome).toMatchObject({
      failure: { step: 'c' },
      result: {
        _meta: {
          'dev.mcp-workflow/compensation': [
            { step: 'b', by: 'undo_b', status: 'completed' },
            { step: 'b' },
            { step: 'a' },
          ],
        },
      },
    });
    expect(await crashEverywhere(make, saga)).toBe(18);
  });

  it('goes on when one fails, and says so', async () => {
    const world = make('undo_b');
    const end = await world.run(saga);
    expect(world.called.slice(-1)).toEqual(['undo_a']);
    expect(end.warnings).toEqual(["compensation of step 'b': step 'undo_b' failed (tool_error): no"]);
  });

  it('runs after a cancel as clean-up, then finally, each once', async () => {
    const world = make();
    const controller = new AbortController();
    const definition = { ...saga, finally: [{ id: 'z', type: 'tool', server: 's', action: 'z' }] };
    world.downstream.tools['bad'] = () => {
      controller.abort(new Error('cancelled'));
      return new Promise(() => undefined);
    };
    await expect(world.run(definition, { signal: controller.signal })).rejects.toThrow('cancelled');
    expect(world.needsCleanUp(definition)).toBe(true);
    const report = await world.cleanUp(definition);
    const line = { step: 'b', by: 'undo_b', status: 'completed' };
    expect(report).toEqual({ undone: [line, line, { step: 'a', by: 'undo_a', status: 'completed' }], warnings: [] });
    expect(await world.cleanUp(definition)).toEqual(report);
    expect(world.called.slice(4)).toEqual(['undo_b', 'undo_b', 'undo_a', 'z']);
    expect(world.ledger.at(-1)).toBe('cleanup/z completed');
  });

  it('reports after a cancel what could not be undone, and a finally that failed', async () => {
    const world = make('undo_b', 'z');
    const controller = new AbortController();
    const definition = { ...saga, finally: [{ id: 'z', type: 'tool', server: 's', action: 'z' }] };
    world.downstream.tools['bad'] = () => {
      controller.abort(new Error('cancelled'));
      return new Promise(() => undefined);
    };
    await expect(world.run(definition, { signal: controller.signal })).rejects.toThrow('cancelled');
    expect(await world.cleanUp(definition)).toEqual({
      undone: [
        { step: 'b', by: 'undo_b', status: 'failed', error: "step 'undo_b' failed (tool_error): no" },
        { step: 'b', by: 'undo_b', status: 'failed', error: "step 'undo_b' failed (tool_error): no" },
        { step: 'a', by: 'undo_a', status: 'completed' },
      ],
      warnings: [
        "compensation of step 'b': step 'undo_b' failed (tool_error): no",
        "finally: step 'z' failed (tool_error): no",
      ],
    });
  });

  const counting = definitionOf([
    {
      id: 'each',
      type: 'foreach',
      items: ['x', 'y'],
      steps: [
        { id: 'room', action: 'room' },
        {
          id: 'put',
          action: 'put',
          compensate: undo('put', {
            arguments: { in: '{{room.text}}', what: '{{steps.put.text}}', why: '{{error.code}}' },
          }),
        },
      ],
    },
    {
      id: 'twice',
      type: 'loop',
      max_iterations: 2,
      steps: [{ id: 'book', action: 'put', compensate: undo('book', { arguments: { what: '{{book.text}}' } }) }],
    },
    {
      id: 'again',
      type: 'group',
      retry: { max_attempts: 2 },
      steps: [
        { id: 'pay', action: 'put', compensate: undo('pay', { arguments: { what: '{{pay.text}}' } }) },
        { id: 'late', action: 'bad' },
      ],
    },
  ]);
  const counted = (): EngineWorld => {
    const world = make();
    for (const tool of ['room', 'put'])
      world.downstream.tools[tool] = (_args, { idempotencyKey }) => text(idempotencyKey);
    return world;
  };
  const keys = (...paths: readonly string[]): readonly string[] =>
    paths.map((path) => EngineWorld.keyOf('task-1', path));
  const [y, inY, x, inX] = keys('each[1]/put', 'each[1]/room', 'each[0]/put', 'each[0]/room');
  const [last, first, second, one] = keys('again#2/pay', 'again/pay', 'twice[1]/book', 'twice[0]/book');

  it('sees what the very step gave that it undoes, in each iteration and attempt, and why the task failed', async () => {
    const world = counted();
    await world.run(counting);
    const undone = world.downstream.calls.filter(({ tool }) => tool.startsWith('undo_')).map(({ args }) => args);
    expect(undone).toEqual([
      { what: last },
      { what: first },
      { what: second },
      { what: one },
      { in: inY, what: y, why: 'tool_error' },
      { in: inX, what: x, why: 'tool_error' },
    ]);
    expect(await crashEverywhere(counted, counting)).toBeGreaterThan(20);
  });

  it('sees the same after a cancel, and an error that is null, without a warning', async () => {
    const world = counted();
    const controller = new AbortController();
    world.downstream.tools['bad'] = () => {
      controller.abort(new Error('cancelled'));
      return new Promise(() => undefined);
    };
    await expect(world.run(counting, { signal: controller.signal })).rejects.toThrow('cancelled');
    expect((await world.cleanUp(counting)).warnings).toEqual([]);
    const undone = world.downstream.calls.filter(({ tool }) => tool.startsWith('undo_')).map(({ args }) => args);
    expect(undone.slice(1)).toEqual([
      { what: second },
      { what: one },
      { in: inY, what: y, why: null },
      { in: inX, what: x, why: null },
    ]);
  });

  it('may hold iterations, whose steps see each other as anywhere', async () => {
    const world = make();
    const step = (id: string, said: string): object => ({ id, type: 'set', values: { said } });
    const definition = definitionOf([
      {
        id: 'a',
        action: 'a',
        compensate: {
          id: 'undo_all',
          type: 'group',
          steps: [
            {
              id: 'tries',
              type: 'loop',
              max_iterations: 3,
              until: "{{look.output.said}} == 'x'",
              steps: [step('look', 'x')],
            },
            {
              id: 'each',
              type: 'foreach',
              items: ['p'],
              steps: [
                step('one', '{{item}}'),
                {
                  id: 'two',
                  type: 'tool',
                  server: 's',
                  action: 'undo',
                  arguments: { of: '{{one.output.said}}', seen: '{{look.output.said}}', n: '{{tries.iterations}}' },
                },
              ],
            },
          ],
        },
      },
      { id: 'b', action: 'bad' },
    ]);
    await world.run(definition);
    expect(world.downstream.calls.at(-1)?.args).toEqual({ of: 'p', seen: 'x', n: 1 });
  });

  it('has nothing to do when nothing that can be undone had finished', async () => {
    const world = make();
    world.downstream.tools['a'] = () => toolError('no');
    await world.run(saga);
    expect(world.called).toEqual(['a']);
    expect(world.needsCleanUp(saga)).toBe(false);
  });
});

describe('progress', () => {
  it('has a phase for each top-level step, floor percent that never goes back, and says where it stands', async () => {
    const world = new EngineWorld();
    await world.run(
      definitionOf([
        { id: 'a', action: 'a' },
        { id: 'l', type: 'loop', max_iterations: 2, steps: [{ id: 'b', action: 'b' }] },
        { id: 'c', action: 'c' },
      ]),
    );
    const percents = world.progress.map((progress) => progress.percent);
    expect(percents).toEqual(percents.toSorted((x, y) => x - y));
    expect(new Set(percents)).toEqual(new Set([0, 33, 66, 100]));
    expect(world.progress.map((progress) => progress.message)).toContain('step 2 of 3: b (iteration 2 of l)');
    expect(world.progress.at(-1)?.phases.map((phase) => [phase.name, phase.status])).toEqual([
      ['a', 'completed'],
      ['l', 'completed'],
      ['c', 'completed'],
    ]);
  });

  it('is at 100 with every phase ended when the workflow has completed, whatever was skipped or failed safely', async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no');
    await world.run(
      definitionOf([
        { id: 'a', action: 'bad', phase: 'one', can_fail_safely: true },
        { id: 'b', action: 'b', phase: 'one' },
        { id: 'c', action: 'c', phase: 'two', when: 'false' },
        { id: 'd', action: 'd', on_error: 'e' },
        { id: 'e', action: 'e', phase: 'three' },
      ]),
    );
    const last = world.progress.at(-1);
    expect(last?.percent).toBe(100);
    expect(last?.phases.map((phase) => [phase.name, phase.status])).toEqual([
      ['one', 'failed'],
      ['two', 'skipped'],
      ['three', 'skipped'],
    ]);
    expect(last?.phases.every((phase) => phase.endedAt !== undefined)).toBe(true);
  });

  it('is under way in the phase of a step that a crash cut off, also while it asks what to do', async () => {
    const world = new EngineWorld();
    world.canAsk = true;
    world.downstream.repeatable['pay'] = 'unknown';
    world.entries = [{ seq: 1, at: 1, type: 'started', path: 'pay', step: 'pay', attempt: 1 }];
    const run = world.run(definitionOf([{ id: 'pay', action: 'pay' }]));
    const question = await world.nextQuestion();
    expect(world.progress.at(-1)?.phases).toMatchObject([{ name: 'pay', status: 'working' }]);
    question.answer({ action: 'accept', content: { action: 'skip' } });
    await run;
  });

  it('has the phases that the steps name, in order of appearance', async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no');
    await world.run(
      definitionOf([
        { id: 'a', action: 'a', phase: 'get' },
        { id: 'b', action: 'b', phase: 'get' },
        { id: 'c', type: 'group', steps: [{ id: 'd', action: 'bad', phase: 'check' }] },
        { id: 'e', action: 'e', phase: 'report' },
      ]),
    );
    expect(world.progress.at(-1)?.phases.map((phase) => [phase.name, phase.status])).toEqual([
      ['get', 'completed'],
      ['check', 'failed'],
      ['report', 'pending'],
    ]);
  });
});
