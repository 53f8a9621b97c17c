import { describe, expect, it } from 'vitest';
import { StepFailure, stepFailure } from '../../src/core/failure.ts';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, hanging, structured, text, toolError } from '../support/engine-world.ts';

describe('tool', () => {
  it('offers structured content, text, json and content of its result', async () => {
    const world = new EngineWorld();
    world.downstream.tools['s'] = () => structured({ a: 1 });
    world.downstream.tools['t'] = () => text('{"b":[2]}');
    world.downstream.tools['mixed'] = () => ({
      content: [
        { type: 'text', text: 'see' },
        { type: 'image', data: 'AA==', mimeType: 'image/png' },
      ],
    });
    await world.run(
      definitionOf([
        { id: 's', action: 's' },
        { id: 't', action: 't' },
        { id: 'm', action: 'mixed' },
        {
          id: 'read',
          type: 'set',
          values: {
            a: '{{s.output.a}}',
            s_text: '{{s.text}}',
            b: '{{t.json.b[0]}}',
            t_content: '{{t.content}}',
            error: '{{t.is_error}}',
            m_text: '{{m.text}}',
            m_second: '{{m.output[1].type}}',
            status: '{{m.status}}',
            attempts: '{{m.attempts}}',
          },
        },
      ]),
    );
    expect(world.result('read')?.output).toEqual({
      a: 1,
      s_text: '{"a":1}',
      b: 2,
      t_content: [{ type: 'text', text: '{"b":[2]}' }],
      error: false,
      m_text: 'see',
      m_second: 'image',
      status: 'completed',
      attempts: 1,
    });
    expect(world.result('s')).toEqual({ status: 'completed', output: { a: 1 }, attempts: 1 });
  });

  it('retries with back-off, the same key on every attempt, and says how many attempts it took', async () => {
    const world = new EngineWorld();
    const at: number[] = [];
    world.downstream.tools['flaky'] = (_args, _context, call) => {
      at.push(world.clock.monotonic());
      return call < 3 ? toolError('busy') : text('ok');
    };
    const retry = { max_attempts: 4, delay_seconds: 5, backoff: 'exponential' };
    await world.run(definitionOf([{ id: 'a', action: 'flaky', retry }]));
    expect(at).toEqual([0, 5000, 15_000]);
    expect(new Set(world.downstream.calls.map((call) => call.key)).size).toBe(1);
    expect(world.result('a')).toMatchObject({ status: 'completed', attempts: 3 });
    expect(world.progress.map((progress) => progress.message)).toContain(
      'step 1 of 1: a, attempt 2 failed (tool_error), waiting 10.0 s before attempt 3',
    );
  });

  it('does not retry what trying again cannot help, nor what no_retry_on names, but what retry_on names', async () => {
    const world = new EngineWorld();
    world.downstream.tools['gone'] = () => Promise.reject(stepFailure('tool_not_found', 'no such tool'));
    world.downstream.tools['named'] = () => Promise.reject(stepFailure('tool_not_found', 'no such tool'));
    world.downstream.tools['excluded'] = () => toolError('Quota EXCEEDED for today');
    const steps = [
      { id: 'a', action: 'gone', retry: { max_attempts: 3 }, can_fail_safely: true },
      { id: 'b', action: 'named', retry: { max_attempts: 3, retry_on: ['tool_not_found'] }, can_fail_safely: true },
      {
        id: 'c',
        action: 'excluded',
        retry: { max_attempts: 3, no_retry_on: [{ contains: 'quota exceeded' }] },
        can_fail_safely: true,
      },
    ];
    await world.run(definitionOf(steps));
    expect(world.called).toEqual(['gone', 'named', 'named', 'named', 'excluded']);
  });

  it("waits as long as the server's Retry-After says when that is longer", async () => {
    const world = new EngineWorld();
    world.downstream.tools['limited'] = (_args, _context, call) => {
      if (call === 1) throw new StepFailure({ code: 'transport', message: '429', retryAfterMs: 30_000 });
      return text('ok');
    };
    await world.run(definitionOf([{ id: 'a', action: 'limited', retry: { max_attempts: 2, delay_seconds: 1 } }]));
    expect(world.clock.monotonic()).toBe(30_000);
  });

  it('gives up an attempt after timeout_seconds and aborts the call', async () => {
    const world = new EngineWorld();
    let aborted = 0;
    world.downstream.tools['hangs'] = (_args, context) =>
      new Promise(() => {
        context.signal.addEventListener('abort', () => {
          aborted += 1;
        });
      });
    const end = await world.run(
      definitionOf([{ id: 'a', action: 'hangs', timeout_seconds: 2, retry: { max_attempts: 2, delay_seconds: 1 } }]),
    );
    expect(end.outcome).toMatchObject({ failure: { code: 'timeout', step: 'a' } });
    expect(aborted).toBe(2);
    expect(world.clock.monotonic()).toBe(5000);
  });

  it('settles with the reason of a cancel, the call aborted, nothing committed', async () => {
    const world = new EngineWorld();
    const controller = new AbortController();
    const reason = new Error('cancelled');
    world.downstream.tools['long'] = (_args, context) =>
      new Promise((_resolve, reject) => {
        context.signal.addEventListener('abort', () => {
          reject(new Error('call aborted'));
        });
        controller.abort(reason);
      });
    const steps = [
      { id: 'a', action: 'long', retry: { max_attempts: 3 } },
      { id: 'b', action: 'never' },
    ];
    await expect(world.run(definitionOf(steps), { signal: controller.signal })).rejects.toBe(reason);
    expect(world.ledger).toEqual([]);
    expect(world.called).toEqual(['long']);
  });

  it('goes on from any crash, retries included', async () => {
    const definition = definitionOf([
      { id: 'a', action: 'flaky', retry: { max_attempts: 3, delay_seconds: 60 } },
      { id: 'b', action: 'two', arguments: { a: '{{a.output}}' }, save_output_to: 'variables.output.b' },
      { id: 'c', action: 'three', arguments: { n: '{{variables.output.b.echo.a}}' } },
    ]);
    const make = (): EngineWorld => {
      const world = new EngineWorld();
      // The first attempt fails, in whichever process it is made.
      world.downstream.tools['flaky'] = () =>
        world.journal.lastAttempt('a') === undefined ? toolError('busy') : text('ok');
      return world;
    };
    expect(await crashEverywhere(make, definition)).toBe(8);
  });
});

describe('a tool call that is not known to be safe to repeat', () => {
  const definition = definitionOf([
    { id: 'a', action: 'pay' },
    { id: 'b', action: 'after' },
  ]);
  const unsafe = (): EngineWorld => {
    const world = new EngineWorld();
    world.downstream.repeatable['pay'] = 'unknown';
    return world;
  };

  it('has its intent recorded before the call', async () => {
    const world = unsafe();
    let seen: unknown;
    world.downstream.tools['pay'] = () => {
      seen = world.journal.lastAttempt('a');
      return text('paid');
    };
    await world.run(definition);
    expect(seen).toMatchObject({ type: 'started', attempt: 1 });
  });

  it('that was in flight at a crash is made again when its server, asked at the restart, says that this is safe', async () => {
    const world = unsafe();
    await expect(world.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    world.downstream.learnable['pay'] = 'idempotent';
    expect((await world.run(definition)).outcome).toMatchObject({ kind: 'result' });
    expect(world.called).toEqual(['pay', 'pay', 'after']);
  });

  it('that was in flight at a crash fails as interrupted where nobody can be asked', async () => {
    const world = unsafe();
    await expect(world.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    const end = await world.run(definition);
    expect(end.outcome).toMatchObject({ failure: { code: 'interrupted', step: 'a' } });
    expect(world.called).toEqual(['pay']);
  });

  it('that was cut off by the end of its task is asked about in these words when that is resumed', async () => {
    const world = unsafe();
    world.canAsk = true;
    world.entries = [
      { seq: 1, at: 1, type: 'started', path: 'a', step: 'a', attempt: 1 },
      { seq: 2, at: 2, type: 'settled', status: 'failed' },
      { seq: 3, at: 3, type: 'resumed', dropped: [] },
    ];
    const running = world.run(definition);
    const question = await world.nextQuestion();
    expect(question.request.params['message']).toContain('was running when the task stopped');
    question.answer({ action: 'accept', content: { action: 'fail' } });
    expect((await running).outcome).toMatchObject({
      failure: { message: 'the task stopped during attempt 1; whether it took effect is unknown' },
    });
  });

  it('is not retried by a retry policy that does not name interrupted', async () => {
    const world = unsafe();
    const retried = definitionOf([{ id: 'a', action: 'pay', retry: { max_attempts: 5 } }]);
    await expect(world.run(retried, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    expect((await world.run(retried)).outcome).toMatchObject({ failure: { code: 'interrupted' } });
    expect(world.called).toEqual(['pay']);
  });

  it.each([
    ['run_again', ['pay', 'pay', 'after'], { kind: 'result' }],
    ['skip', ['pay', 'after'], { kind: 'result' }],
    ['fail', ['pay'], { failure: { code: 'interrupted' } }],
  ])('asks where somebody can answer, and does what the answer says: %s', async (action, called, outcome) => {
    const world = unsafe();
    world.canAsk = true;
    await expect(world.run(definition, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    const running = world.run(definition);
    const question = await world.nextQuestion();
    expect(question.request.method).toBe('elicitation/create');
    question.answer({ action: 'accept', content: { action } });
    expect((await running).outcome).toMatchObject(outcome);
    expect(world.called).toEqual(called);
  });

  it.each(['idempotent', 'read_only'] as const)(
    'is reported or asked about by the word of its author, also where it is known to be %s',
    async (known) => {
      const world = unsafe();
      world.downstream.repeatable['pay'] = known;
      const reported = definitionOf([{ id: 'a', action: 'pay', idempotent: true, on_interrupt: 'fail' }]);
      await expect(world.run(reported, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
      expect((await world.run(reported)).outcome).toMatchObject({ failure: { code: 'interrupted' } });
      expect(world.called).toEqual(['pay']);

      const other = unsafe();
      other.downstream.repeatable['pay'] = known;
      other.canAsk = true;
      const asked = definitionOf([{ id: 'a', action: 'pay', on_interrupt: 'ask' }]);
      await expect(other.run(asked, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
      const running = other.run(asked);
      (await other.nextQuestion()).answer({ action: 'accept', content: { action: 'skip' } });
      await running;
      expect(other.called).toEqual(['pay']);
    },
  );

  it('is made again without asking with on_interrupt: retry, with the same key', async () => {
    const world = unsafe();
    const again = definitionOf([{ id: 'a', action: 'pay', on_interrupt: 'retry' }]);
    await expect(world.run(again, { crash: { at: 2, when: 'before' } })).rejects.toThrow('died');
    await world.run(again);
    expect(world.called).toEqual(['pay', 'pay']);
    expect(new Set(world.downstream.calls.map((call) => call.key)).size).toBe(1);
  });

  it('re-attaches to the downstream task whose handle was kept', async () => {
    const world = unsafe();
    world.downstream.tools['pay'] = async (_args, context) => {
      if (context.handle === undefined) await context.onHandle?.({ task: 'remote-1' });
      return text('paid');
    };
    await expect(world.run(definition, { crash: { at: 3, when: 'before' } })).rejects.toThrow('died');
    const end = await world.run(definition);
    expect(end.outcome.kind).toBe('result');
    expect(world.downstream.calls.map((call) => call.handle ?? null)).toEqual([null, { task: 'remote-1' }, null]);
  });

  it('leaves a downstream task to the clean-up, which cancels it whoever ended the task, and warns where it cannot (D5)', async () => {
    const world = unsafe();
    world.downstream.tools['pay'] = async (_args, context) => {
      await context.onHandle?.({ task: 'remote-1' });
      return text('paid');
    };
    await expect(world.run(definition, { crash: { at: 3, when: 'before' } })).rejects.toThrow('died');
    expect(world.needsCleanUp(definition)).toBe(true);
    expect(await world.cleanUp(definition)).toEqual({ undone: [], warnings: [] });
    expect(world.downstream.abandoned).toEqual([{ server: 's', handle: { task: 'remote-1' } }]);
    world.downstream.abandonFails = stepFailure('transport', 'unplugged');
    expect((await world.cleanUp(definition)).warnings).toEqual([
      "the task of step 'a' on its server was not cancelled: unplugged",
    ]);
  });

  it('leaves nothing to cancel once it has ended, or a block around it', async () => {
    const ended = unsafe();
    ended.downstream.tools['pay'] = async (_args, context) => {
      await context.onHandle?.({ task: 'remote-1' });
      return text('paid');
    };
    await ended.run(definition);
    expect(ended.needsCleanUp(definition)).toBe(false);

    const stopped = unsafe();
    stopped.downstream.tools['pay'] = async (_args, context) => {
      await context.onHandle?.({ task: 'remote-1' });
      return hanging(context.signal);
    };
    stopped.downstream.tools['bad'] = () => toolError('no');
    const race = definitionOf([
      {
        id: 'p',
        type: 'parallel',
        tasks: [
          { id: 'a', action: 'pay' },
          { id: 'b', type: 'wait', seconds: 1 },
          { id: 'c', action: 'bad', retry: { max_attempts: 2, delay_seconds: 5 } },
        ],
      },
    ]);
    expect((await stopped.run(race)).outcome).toMatchObject({ failure: { code: 'tool_error' } });
    expect(stopped.entries.some(({ type }) => type === 'handle')).toBe(true);
    expect(stopped.needsCleanUp(race)).toBe(false);
  });
});
