import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, structured, text, toolError, type PlainStep } from '../../support/engine-world.ts';

function failing(...tools: readonly string[]): EngineWorld {
  const world = new EngineWorld();
  for (const tool of tools) world.downstream.tools[tool] = () => toolError(`${tool} is down`);
  return world;
}

describe('names (rules 2–5)', () => {
  it('reads input by both spellings, arguments over defaults, and globals that are always there', async () => {
    const world = new EngineWorld({ input: { a: 1 } });
    const values = {
      a: '{{variables.input.a}}',
      b: '{{input.b}}',
      none: '{{input.c}}',
      start: '{{variables.global.start_time}}',
      saved: '{{saved.n}} {{variables.saved.n}}',
      id: '{{task.id}}',
      name: '{{workflow.name}}',
      time: '{{schedule.time}}',
    };
    world.task = { ...world.task, saved: { n: 7 }, scheduleTime: '2026-02-04T09:00:00.000Z' };
    await world.run(
      definitionOf([{ id: 's', type: 'set', values }], {
        variables: { input: { a: 0, b: 'default', c: null }, global: {}, saved: { n: 0 } },
      }),
    );
    expect(world.result('s')?.output).toEqual({
      a: 1,
      b: 'default',
      none: null,
      start: '2026-01-01T00:00:00.000Z',
      saved: '7 7',
      id: 'task-1',
      name: 'test',
      time: '2026-02-04T09:00:00.000Z',
    });
  });

  it('a step that did not run is null without a warning; an unknown path is null with one, kept over a restart', async () => {
    const world = new EngineWorld();
    const definition = definitionOf([
      { id: 'never', action: 'never', when: 'false' },
      { id: 's', type: 'set', values: { a: '{{later.output}}', b: '{{never.output.x}}', c: 'x{{input.nope}}y' } },
      { id: 'later', action: 'later' },
    ]);
    await expect(world.run(definition, { crash: { at: 1, when: 'after' } })).rejects.toThrow('died');
    const end = await world.run(definition);
    expect(world.result('s')?.output).toMatchObject({ a: null, b: null, c: 'xy' });
    expect(end.warnings.filter((warning) => warning.includes('input.nope'))).toHaveLength(1);
    expect(end.warnings.filter((warning) => warning.includes('later'))).toEqual([]);
  });

  it('strict fails the step whose path resolves to nothing, and does not mind a step that did not run', async () => {
    const strict = { strict: true };
    const bad = await new EngineWorld().run(
      definitionOf([{ id: 's', type: 'set', values: { c: '{{input.nope}}' } }], strict),
    );
    expect(bad.outcome).toMatchObject({ failure: { code: 'template_error', step: 's' } });
    const steps = [
      { id: 'n', action: 'n', when: 'false' },
      { id: 's', type: 'set', values: { a: '{{n.output}}' } },
    ];
    expect((await new EngineWorld().run(definitionOf(steps, strict))).outcome).toMatchObject({
      output: { result: { a: null } },
    });
  });

  it('the error of what has not failed is null with all its members, also in a strict definition', async () => {
    const world = new EngineWorld();
    const definition = definitionOf(
      [
        { id: 'a', action: 'a' },
        { id: 'n', action: 'n', when: 'false' },
        { id: 't', type: 'try', steps: [{ id: 'in', action: 'a' }] },
        { id: 'f', type: 'foreach', items: [1], steps: [{ id: 'x', action: 'a' }] },
        {
          id: 's',
          type: 'set',
          when: "{{a.error.code}} != 'timeout' and {{t.caught.code}} == null",
          values: {
            a: '{{a.error.code}}',
            n: '{{n.error.message}}',
            never: '{{steps.handler.error.data}}',
            t: '{{t.caught.step}}',
            f: '{{f.items[0].error.code}}',
          },
        },
        { id: 'handler', action: 'a' },
        { id: 'u', action: 'a', on_error: 'handler' },
      ],
      { strict: true },
    );
    const end = await world.run(definition);
    expect(end.warnings).toEqual([]);
    expect(world.result('s')?.output).toEqual({ a: null, n: null, never: null, t: null, f: null });
    const beyond = definitionOf(
      [
        { id: 'a', action: 'a' },
        { id: 's', type: 'set', values: { c: '{{a.error.kode}}' } },
      ],
      {
        strict: true,
      },
    );
    expect((await new EngineWorld().run(beyond)).outcome).toMatchObject({ failure: { code: 'template_error' } });
  });

  it('what a kind offers of its results is null of a step that was skipped or has failed, also in a strict definition', async () => {
    const world = new EngineWorld();
    const body = [{ id: 'in', action: 'a' }];
    const definition = definitionOf(
      [
        { id: 'l', type: 'loop', max_iterations: 1, when: 'false', steps: body },
        { id: 'q', type: 'elicit', message: 'sure?', when: 'false' },
        { id: 'g', type: 'foreach', items: '{{input.nolist}}', steps: [{ id: 'x', action: 'a' }], on_error: 'h' },
        {
          id: 's',
          type: 'set',
          values: { l: '{{l.iterations}}', q: '{{q.action}}', g: '{{g.failed}}', code: '{{g.error.code}}' },
        },
        { id: 'h', action: 'a' },
      ],
      { strict: true },
    );
    world.task = { ...world.task, input: { nolist: 5 } };
    const end = await world.run(definition);
    expect(end.warnings).toEqual([]);
    expect(world.result('s')?.output).toEqual({ l: null, q: null, g: 0, code: 'invalid_arguments' });
  });

  it('names the path or the expression that resolves to nothing', async () => {
    const world = new EngineWorld();
    const values = { a: '{{input.nope | upper}}', b: '{% input.nope %}' };
    const end = await world.run(definitionOf([{ id: 's', type: 'set', values }]));
    expect(end.warnings).toEqual([
      "step 's': '{{input.nope}}' resolves to nothing",
      "step 's': '{% input.nope %}' resolves to nothing",
    ]);
  });

  it('never reads what a value contains as a template', async () => {
    const world = new EngineWorld({ input: { evil: '{{task.id}} {% 1+1 %}' } });
    await world.run(
      definitionOf([
        { id: 'a', type: 'set', values: { v: '{{input.evil}}' } },
        { id: 'b', type: 'set', values: { v: '{{a.output.v}}', t: '<{{a.output.v}}>' } },
      ]),
    );
    expect(world.result('b')?.output).toEqual({ v: '{{task.id}} {% 1+1 %}', t: '<{{task.id}} {% 1+1 %}>' });
  });
});

describe('saving outputs (rule 6)', () => {
  it('writes output, global and saved; the saved ones ride in the checkpoint', async () => {
    const world = new EngineWorld();
    world.downstream.tools['t'] = () => structured({ n: 1 });
    const end = await world.run(
      definitionOf([
        { id: 'a', action: 't', save_output_to: 'variables.output.x.y' },
        { id: 'b', action: 't', save_output_to: 'variables.saved.last' },
        { id: 'c', action: 't', save_output_to: 'variables.global.g' },
        { id: 's', type: 'set', values: { g: '{{variables.global.g.n}}', last: '{{saved.last.n}}' } },
      ]),
    );
    expect(end.outcome).toMatchObject({ output: { x: { y: { n: 1 } } } });
    expect(world.journal.finished('b')?.saved).toEqual({ last: { n: 1 } });
    expect(world.journal.finished('a')?.saved).toBeUndefined();
    expect(world.result('s')?.output).toEqual({ g: 1, last: 1 });
  });

  it('lets the last write by journal order win, also after a restart', async () => {
    const branch = (name: string, seconds: number): readonly PlainStep[] => [
      { id: `w_${name}`, type: 'wait', seconds },
      { id: name, type: 'set', assign: { 'variables.global.winner': name } },
    ];
    const definition = definitionOf([
      { id: 'p', type: 'parallel', branches: { slow: branch('slow', 20), fast: branch('fast', 10) } },
      { id: 's', type: 'set', values: { winner: '{{variables.global.winner}}' } },
    ]);
    const world = new EngineWorld();
    await world.run(definition);
    expect(world.result('s')?.output).toEqual({ winner: 'slow' });
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(12);
  });
});

describe('targets (rules 7 and 10)', () => {
  it('run only when targeted, and the list goes on behind the failed step', async () => {
    const world = failing('bad');
    const end = await world.run(
      definitionOf([
        { id: 'a', action: 'bad', on_error: 'instead' },
        {
          id: 'instead',
          action: 'instead',
          arguments: { why: '{{error.message}}', who: '{{failed_step.id}}', code: '{{error.code}}' },
        },
        { id: 'b', type: 'set', values: { a: '{{a.status}}', out: '{{instead.output.echo.who}}' } },
      ]),
    );
    expect(world.ledger).toEqual(['a failed', 'instead completed', 'b completed']);
    expect(world.downstream.calls[1]?.args).toEqual({ why: 'bad is down', who: 'a', code: 'tool_error' });
    expect(end.outcome).toMatchObject({ output: { result: { a: 'failed', out: 'a' } } });
    const calm = new EngineWorld();
    await calm.run(
      definitionOf([
        { id: 'a', action: 'good', on_error: 'instead' },
        { id: 'instead', action: 'instead' },
      ]),
    );
    expect(calm.called).toEqual(['good']);
  });

  it('retry.on_fail wins over on_error, after every attempt', async () => {
    const world = failing('bad');
    await world.run(
      definitionOf([
        { id: 'a', action: 'bad', retry: { max_attempts: 2, delay_seconds: 1, on_fail: 'x' }, on_error: 'y' },
        { id: 'x', action: 'x' },
        { id: 'y', action: 'y' },
      ]),
    );
    expect(world.called).toEqual(['bad', 'bad', 'x']);
  });

  it('an object gives the target arguments in place of its own', async () => {
    const world = failing('bad');
    await world.run(
      definitionOf([
        { id: 'a', action: 'bad', on_error: { step: 'x', arguments: { m: 'at {{failed_step.id}}' } } },
        { id: 'x', action: 'x', arguments: { own: 1 } },
        { id: 'y', action: 'bad', on_error: { step: 'say', arguments: { message: '{{error.message}}!' } } },
        { id: 'say', type: 'emit', message: 'own' },
      ]),
    );
    expect(world.downstream.calls[1]?.args).toEqual({ m: 'at a' });
    expect(world.emitted).toEqual([{ message: 'bad is down!', level: 'info' }]);
  });

  it('handle each other in a chain; the last failure is what goes up; a cycle ends', async () => {
    const steps = (last: object): readonly PlainStep[] => [
      { id: 'a', action: 'bad1', on_error: 'b' },
      { id: 'b', action: 'bad2', on_error: 'c' },
      { id: 'c', action: 'bad3', ...last },
    ];
    const world = failing('bad1', 'bad2', 'bad3');
    expect((await world.run(definitionOf(steps({})))).outcome).toMatchObject({
      failure: { step: 'c', message: 'bad3 is down' },
    });
    const cyclic = failing('bad1', 'bad2', 'bad3');
    expect((await cyclic.run(definitionOf(steps({ on_error: 'b' })))).outcome).toMatchObject({
      failure: { step: 'c' },
    });
    expect(cyclic.called).toEqual(['bad1', 'bad2', 'bad3']);
  });

  it('have a path of their own for each place when several places name them', async () => {
    const world = failing('bad');
    const definition = definitionOf([
      { id: 'a', action: 'bad', on_error: 'x' },
      { id: 'l', type: 'loop', max_iterations: 2, steps: [{ id: 'b', action: 'bad', on_error: 'x' }] },
      { id: 'x', action: 'x' },
    ]);
    await world.run(definition);
    expect(world.ledger.filter((line) => line.includes('x'))).toEqual([
      'x@a completed',
      'l[0]/x@b completed',
      'l[1]/x@b completed',
    ]);
    expect(await crashEverywhere(() => failing('bad'), definition)).toBe(14);
  });

  it('a target that is skipped by its when handles nothing', async () => {
    const world = failing('bad');
    const steps = [
      { id: 'a', action: 'bad', on_error: 'x' },
      { id: 'x', action: 'x', when: 'false' },
    ];
    expect((await world.run(definitionOf(steps))).outcome).toMatchObject({ failure: { step: 'a' } });
  });
});

describe("the workflow's on_error, catch and finally", () => {
  const base = [
    { id: 'a', action: 'bad' },
    { id: 'alert', action: 'alert', arguments: { own: true } },
  ];

  it('on_error runs with the failure in scope, and the task still fails with it', async () => {
    const world = failing('bad');
    const on_error = { step: 'alert', arguments: { m: 'failed at {{failed_step.id}}: {{error.message}}' } };
    const end = await world.run(definitionOf(base, { on_error }));
    expect(world.downstream.calls[1]?.args).toEqual({ m: 'failed at a: bad is down' });
    expect(end.outcome).toMatchObject({ result: { isError: true }, failure: { step: 'a' } });
    expect(await crashEverywhere(() => failing('bad'), definitionOf(base, { on_error }))).toBe(4);
  });

  it('an on_error that fails itself leaves the first failure and a warning', async () => {
    const world = failing('bad', 'alert');
    const end = await world.run(definitionOf(base, { on_error: 'alert' }));
    expect(end.outcome).toMatchObject({ failure: { step: 'a' } });
    expect(end.warnings).toEqual(["on_error: step 'alert' failed (tool_error): alert is down"]);
  });

  it('a catch clause that matches and runs makes the task succeed', async () => {
    const world = failing('bad');
    const definition = definitionOf([{ id: 'a', action: 'bad' }], {
      catch: [
        { match: ['timeout'], steps: [{ id: 'x', type: 'set', values: {} }] },
        { match: ['tool_error'], steps: [{ id: 'y', type: 'set', values: { m: '{{error.message}}' } }] },
      ],
      finally: [{ id: 'z', type: 'set', values: {} }],
    });
    expect((await world.run(definition)).outcome).toMatchObject({
      kind: 'result',
      output: { result: { m: 'bad is down' } },
    });
    expect(world.ledger).toEqual(['a failed', 'y completed', 'z completed']);
    expect(await crashEverywhere(() => failing('bad'), definition)).toBe(4);
  });

  it('finally that fails fails a task that had succeeded', async () => {
    const world = failing('bad');
    const end = await world.run(
      definitionOf([{ id: 'a', action: 'good' }], { finally: [{ id: 'z', type: 'tool', server: 's', action: 'bad' }] }),
    );
    expect(end.outcome).toMatchObject({ failure: { step: 'z' } });
  });

  it('what finally writes does not change the output that was made before it', async () => {
    const definition = definitionOf(
      [{ id: 'a', type: 'set', values: { n: 1 }, save_output_to: 'variables.output.n' }],
      {
        finally: [
          { id: 'y', type: 'set', values: { n: 2 }, save_output_to: 'variables.output.n' },
          { id: 'z', type: 'set', values: {} },
        ],
      },
    );
    expect((await new EngineWorld().run(definition)).outcome).toMatchObject({ output: { n: { n: 1 } } });
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(2);
  });
});

describe('conditionals (rule 8)', () => {
  const conditional = (condition: string, more: object = {}): object => ({
    conditionals: [{ name: 'c', condition, if_true: ['yes'], if_false: ['no'], ...more }],
  });
  const targets = [
    { id: 'yes', action: 'yes' },
    { id: 'no', action: 'no' },
  ];

  it('are evaluated once, right after the last step they read', async () => {
    const world = new EngineWorld();
    world.downstream.tools['b'] = () => text('an Error here');
    const steps = [{ id: 'a', action: 'a' }, { id: 'b', action: 'b' }, { id: 'd', action: 'd' }, ...targets];
    const definition = definitionOf(
      steps,
      conditional("{{step_b.output}} contains 'Error' and {{a.status}} == 'completed'"),
    );
    await world.run(definition);
    expect(world.called).toEqual(['a', 'b', 'yes', 'd']);
  });

  it('take the other way when false', async () => {
    const world = new EngineWorld();
    await world.run(definitionOf([{ id: 'a', action: 'a' }, ...targets], conditional("{{a.output}} contains 'Error'")));
    expect(world.called).toEqual(['a', 'no']);
  });

  it('an expression is read as a condition is: right after the last step it names', async () => {
    const world = new EngineWorld();
    const steps = [{ id: 'a', action: 'a' }, { id: 'b', action: 'b' }, ...targets];
    await world.run(definitionOf(steps, conditional("{% a.status = 'completed' %}")));
    expect(world.called).toEqual(['a', 'yes', 'b']);
  });

  it('reading a variable is reading the step that writes it; reading nothing comes last', async () => {
    const world = new EngineWorld();
    const steps = [
      { id: 'a', action: 'a', save_output_to: 'variables.global.x' },
      { id: 'b', action: 'b' },
      ...targets,
    ];
    await world.run(definitionOf(steps, conditional('{{variables.global.x}} exists')));
    expect(world.called).toEqual(['a', 'yes', 'b']);
    const other = new EngineWorld();
    await other.run(definitionOf(steps, conditional('true')));
    expect(other.called).toEqual(['a', 'b', 'yes']);
  });

  it('reading steps of two branches come after the block that holds them', async () => {
    const world = new EngineWorld();
    const p = {
      id: 'p',
      type: 'parallel',
      tasks: [
        { id: 'l', action: 'l' },
        { id: 'r', action: 'r' },
      ],
    };
    await world.run(
      definitionOf(
        [p, { id: 'z', action: 'z' }, ...targets],
        conditional('{{l.output}} exists and {{r.output}} exists'),
      ),
    );
    expect(world.called).toEqual(['l', 'r', 'yes', 'z']);
  });

  it('that cannot be evaluated fail the workflow', async () => {
    const end = await new EngineWorld().run(
      definitionOf([{ id: 'a', action: 'a' }, ...targets], conditional('{{a.output}} ===')),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'condition_error', step: 'c' } });
  });

  it('keep their decision over a restart', async () => {
    const definition = definitionOf(
      [
        { id: 'a', type: 'set', assign: { 'variables.global.x': 1 } },
        ...targets,
        { id: 'more', type: 'set', assign: { 'variables.global.x': 2 } },
      ],
      {
        conditionals: [
          {
            name: 'c',
            condition: '{{a.status}} exists and {{variables.global.x}} == 1',
            if_true: ['yes', 'more'],
            if_false: ['no'],
          },
        ],
      },
    );
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(6);
  });
});

describe('when', () => {
  it('skips a step, and a retried or restarted step is not asked again', async () => {
    const world = new EngineWorld({ input: { go: false } });
    const end = await world.run(
      definitionOf([
        { id: 'a', action: 'a', when: '{{input.go}}' },
        { id: 'b', type: 'set', values: { s: '{{a.status}}' } },
      ]),
    );
    expect(end.outcome).toMatchObject({ output: { result: { s: 'skipped' } } });
    expect(world.called).toEqual([]);
  });

  it('that cannot be evaluated fails the step, without an attempt', async () => {
    const world = new EngineWorld();
    const end = await world.run(definitionOf([{ id: 'a', action: 'a', when: '1 <', retry: { max_attempts: 3 } }]));
    expect(end.outcome).toMatchObject({ failure: { code: 'condition_error', step: 'a' } });
    expect(world.result('a')?.attempts).toBe(0);
  });
});
