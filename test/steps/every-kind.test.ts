import { describe, expect, it } from 'vitest';
import { Interruption, stepFailure } from '../../src/core/failure.ts';
import type { JsonValue } from '../../src/core/json.ts';
import type { StepStatus } from '../../src/engine/journal.ts';
import { stepKinds } from '../../src/steps/index.ts';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, hanging, text, toolError } from '../support/engine-world.ts';
import type { PlainStep } from '../support/engine-world.ts';

/** A step of one kind, in the ways in which it can go. */
interface Row {
  readonly succeeds: { readonly keys: object; readonly output: JsonValue };
  readonly fails: { readonly keys: object; readonly code: string };
  /**
   * Goes on until it is stopped. `instant`: the kind is done as soon as it has begun, so it is stopped in the step
   * before it.
   */
  readonly lasts: object | 'instant';
}

/** An expression that cannot be evaluated. */
const WRONG = '{% $error("no") %}';
const ok: PlainStep = { id: 'inner', action: 'ok' };
const bad: PlainStep = { id: 'inner', action: 'bad' };
const long: PlainStep = { id: 'inner', action: 'hang' };

/** One row a kind: a kind that is added without a row fails the first test. */
const ROWS: Readonly<Record<string, Row>> = {
  tool: {
    succeeds: { keys: { action: 'ok' }, output: 'ok' },
    fails: { keys: { action: 'bad' }, code: 'tool_error' },
    lasts: { action: 'hang' },
  },
  resource: {
    succeeds: { keys: { uri: 'memo://1' }, output: 'text of memo://1' },
    fails: { keys: { uri: 'memo://bad' }, code: 'transport' },
    lasts: { uri: 'memo://hang' },
  },
  prompt: {
    succeeds: { keys: { action: 'greet' }, output: 'greet {}' },
    fails: { keys: { action: 'bad' }, code: 'transport' },
    lasts: { action: 'hang' },
  },
  set: {
    succeeds: { keys: { values: { n: 1 } }, output: { n: 1 } },
    fails: { keys: { values: { n: WRONG } }, code: 'template_error' },
    lasts: 'instant',
  },
  switch: {
    succeeds: { keys: { cases: [{ when: 'true', steps: [ok] }] }, output: 'ok' },
    fails: { keys: { cases: [{ when: 'true', steps: [bad] }] }, code: 'tool_error' },
    lasts: { cases: [{ when: 'true', steps: [long] }] },
  },
  parallel: {
    succeeds: { keys: { branches: { a: [ok] } }, output: { a: 'ok' } },
    fails: { keys: { branches: { a: [bad] } }, code: 'tool_error' },
    lasts: { branches: { a: [long] } },
  },
  loop: {
    succeeds: { keys: { max_iterations: 2, steps: [ok] }, output: 'ok' },
    fails: { keys: { max_iterations: 2, steps: [bad] }, code: 'tool_error' },
    lasts: { max_iterations: 2, steps: [long] },
  },
  foreach: {
    succeeds: { keys: { items: [1, 2], steps: [ok] }, output: ['ok', 'ok'] },
    fails: { keys: { items: [1, 2], steps: [bad] }, code: 'tool_error' },
    lasts: { items: [1, 2], steps: [long] },
  },
  group: {
    succeeds: {
      keys: { steps: [ok, { id: 'next', action: 'ok', depends_on: ['inner'] }] },
      output: { inner: 'ok', next: 'ok' },
    },
    fails: { keys: { steps: [bad, { id: 'next', action: 'ok', depends_on: ['inner'] }] }, code: 'tool_error' },
    lasts: { steps: [long] },
  },
  try: {
    succeeds: { keys: { steps: [bad], catch: [{ steps: [{ id: 'caught', action: 'ok' }] }] }, output: 'ok' },
    fails: { keys: { steps: [bad], finally: [{ id: 'last', action: 'ok' }] }, code: 'tool_error' },
    lasts: { steps: [long] },
  },
  workflow: {
    succeeds: { keys: { workflow: 'child' }, output: { from: 'child' } },
    fails: { keys: { workflow: 'child_that_fails' }, code: 'child_failed' },
    lasts: { workflow: 'child_that_lasts' },
  },
  wait: {
    succeeds: { keys: { seconds: 5 }, output: null },
    fails: { keys: { seconds: 'soon' }, code: 'invalid_arguments' },
    lasts: { seconds: 1_000_000_000 },
  },
  emit: {
    succeeds: { keys: { message: 'here' }, output: null },
    fails: { keys: { message: WRONG }, code: 'template_error' },
    lasts: 'instant',
  },
  fail: {
    // What it is for is to fail; it has ended well when it did not run.
    succeeds: { keys: { when: 'false' }, output: null },
    fails: { keys: { code: 'mine' }, code: 'mine' },
    lasts: 'instant',
  },
  succeed: {
    succeeds: { keys: { output: { done: true } }, output: { done: true } },
    fails: { keys: { output: WRONG }, code: 'template_error' },
    lasts: 'instant',
  },
  elicit: {
    succeeds: { keys: { message: 'Go on?' }, output: { yes: true } },
    fails: { keys: { message: 'No?' }, code: 'input_declined' },
    lasts: { message: 'Silence?' },
  },
  llm: {
    succeeds: { keys: { prompt: 'How many?' }, output: 'seven' },
    fails: { keys: { prompt: 'No?' }, code: '-32603' },
    lasts: { prompt: 'Silence?' },
  },
  roots: {
    succeeds: { keys: {}, output: [{ uri: 'file:///work' }] },
    fails: { keys: { id: 'no_roots' }, code: '-32601' },
    lasts: { id: 'silent_roots' },
  },
};

const kinds = [...stepKinds.keys()];
const rowOf = (kind: string): Row => {
  const row = ROWS[kind];
  if (row === undefined) throw new Error(`no row for ${kind}`);
  return row;
};

/** Everything outside: good, bad and silent, by name. `silent` questions are those that nobody answers. */
function newWorld(way: 'succeeds' | 'fails' | 'lasts'): EngineWorld {
  const world = new EngineWorld({ auto: way !== 'lasts' });
  const { downstream } = world;
  downstream.tools['ok'] = () => text('ok');
  downstream.tools['bad'] = () => toolError('no');
  downstream.tools['hang'] = (_args, { signal }) => hanging(signal);
  // The same in whichever process it runs: fails until the block it stands in has been tried once.
  downstream.tools['first_time_bad'] = (_args, { idempotencyKey }) =>
    idempotencyKey === EngineWorld.keyOf(world.task.taskId, 'outer/each[0]/flaky') ? toolError('busy') : text('ok');
  for (const reads of [downstream.resources, downstream.prompts]) {
    for (const name of ['bad', 'memo://bad']) reads[name] = () => Promise.reject(stepFailure('transport', 'gone'));
    for (const name of ['hang', 'memo://hang']) reads[name] = (_args, signal) => hanging(signal);
  }
  world.childOutcomes['child_that_fails'] = {
    kind: 'result',
    result: { content: [], isError: true },
    output: null,
    failure: { code: 'mine', message: 'no' },
  };
  world.childOutcomes['child_that_lasts'] = 'never';
  if (way !== 'lasts') world.autoAnswer = ({ method }) => answerTo(method, way === 'succeeds');
  return world;
}

function answerTo(method: string, well: boolean): JsonValue {
  if (method === 'elicitation/create')
    return well ? { action: 'accept', content: { yes: true } } : { action: 'decline' };
  if (!well) return { error: { code: method === 'roots/list' ? -32601 : -32603, message: 'no' } };
  if (method === 'roots/list') return { roots: [{ uri: 'file:///work' }] };
  return { role: 'assistant', model: 'm', content: { type: 'text', text: 'seven' } };
}

/** Inside an iteration, inside a group: two deep. */
const PLACE = 'outer/each[0]';
function nested(steps: readonly PlainStep[], more: object = {}): readonly PlainStep[] {
  return [
    { id: 'outer', type: 'group', steps: [{ id: 'each', type: 'foreach', items: ['x'], steps, ...more }] },
    { id: 'behind', action: 'ok' },
  ];
}

const stepOf = (kind: string, keys: object, more: object = {}): PlainStep => ({
  ...keys,
  ...more,
  id: 'it',
  type: kind,
});
/** How `succeeds` ends for this kind: a step that does not run is skipped. */
const goodEnd = (kind: string): StepStatus => ('when' in rowOf(kind).succeeds.keys ? 'skipped' : 'completed');

describe('a kind of step, two deep', () => {
  it('has a row here, and there is no row without a kind', () => {
    expect(Object.keys(ROWS).toSorted()).toEqual(kinds.toSorted());
  });

  it.each(kinds)('%s: success is a checkpoint with its output, and the task goes on or ends', async (kind) => {
    const { keys, output } = rowOf(kind).succeeds;
    const world = newWorld('succeeds');
    const end = await world.run(definitionOf(nested([stepOf(kind, keys)])));
    expect(world.result(`${PLACE}/it`)).toMatchObject({ status: goodEnd(kind), output });
    expect(end.outcome).toMatchObject({ kind: 'result' });
    expect(end.outcome).not.toHaveProperty('failure');
    expect(world.ledger.at(-1)).toBe(kind === 'succeed' ? `${PLACE}/it completed` : 'behind completed');
  });

  it.each(kinds)('%s: failure is a checkpoint with its code, and fails what is around it', async (kind) => {
    const { keys, code } = rowOf(kind).fails;
    const world = newWorld('fails');
    const end = await world.run(definitionOf(nested([stepOf(kind, keys)])));
    expect(world.result(`${PLACE}/it`)).toMatchObject({ status: 'failed', error: { code } });
    expect(end.outcome).toMatchObject({ failure: { code } });
    expect(world.ledger.filter((line) => line.startsWith('behind'))).toEqual([]);
  });

  it.each(kinds)('%s: a cancel stops it, leaves no checkpoint of it, and nothing starts after', async (kind) => {
    const { lasts } = rowOf(kind);
    const world = newWorld('lasts');
    const before = { id: 'before', action: lasts === 'instant' ? 'hang' : 'ok' };
    const step = stepOf(kind, lasts === 'instant' ? rowOf(kind).succeeds.keys : lasts);
    const controller = new AbortController();
    const running = world.run(definitionOf(nested([before, step])), { signal: controller.signal });
    // Everything that can happen by itself has happened.
    for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    const called = world.called.length;
    expect(called).toBeGreaterThan(0);
    controller.abort(new Interruption('cancel'));
    await expect(running).rejects.toThrow('cancel');
    expect(world.ledger).toEqual(lasts === 'instant' ? [] : [`${PLACE}/before completed`]);
    expect(world.called).toHaveLength(called);
  });

  it.each(kinds)('%s: a retry of its own makes it again after the delay, and counts the attempts', async (kind) => {
    const { keys, code } = rowOf(kind).fails;
    const world = newWorld('fails');
    const retry = { max_attempts: 3, delay_seconds: 60, retry_on: [code] };
    await world.run(definitionOf(nested([stepOf(kind, keys, { retry })])));
    expect(world.result(`${PLACE}/it`)).toMatchObject({ status: 'failed', attempts: 3, error: { code } });
    expect(world.clock.monotonic()).toBe(120_000);
  });

  it.each(kinds)('%s: a retried block makes it anew, under a path of its own', async (kind) => {
    const { keys, output } = rowOf(kind).succeeds;
    const world = newWorld('succeeds');
    const flaky = { id: 'flaky', action: 'first_time_bad' };
    const block = nested([flaky, stepOf(kind, keys)], { retry: { max_attempts: 2, delay_seconds: 1 } });
    const end = await world.run(definitionOf(block));
    expect(end.outcome).not.toHaveProperty('failure');
    expect(world.result(`${PLACE}/it`)).toBeUndefined();
    expect(world.result('outer/each#2[0]/it')).toMatchObject({ status: goodEnd(kind), output });
  });

  it.each(kinds)('%s: a crash at each of its checkpoints changes neither its success nor its failure', async (kind) => {
    const { succeeds, fails } = rowOf(kind);
    const twice = nested([{ id: 'flaky', action: 'first_time_bad' }, stepOf(kind, succeeds.keys)], {
      retry: { max_attempts: 2, delay_seconds: 1 },
    });
    expect(await crashEverywhere(() => newWorld('succeeds'), definitionOf(twice))).toBeGreaterThan(4);
    const retry = { max_attempts: 2, delay_seconds: 1, retry_on: [fails.code] };
    const failing = nested([stepOf(kind, fails.keys, { retry })]);
    expect(await crashEverywhere(() => newWorld('fails'), definitionOf(failing))).toBeGreaterThan(4);
  });
});
