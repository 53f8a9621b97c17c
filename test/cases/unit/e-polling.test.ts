import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { crashEverywhere } from '../../support/crash-everywhere.ts';
import { EngineWorld, hanging, text, toolError } from '../../support/engine-world.ts';
import { yamlDefinition } from '../../support/yaml-definition.ts';

/** Runs it; the times of the calls of `look`, in seconds from the beginning, and the outcome. */
async function timesOf(yaml: string, world = new EngineWorld()): Promise<readonly number[]> {
  const times: number[] = [];
  world.downstream.tools['look'] = () => {
    times.push(world.clock.monotonic() / 1000);
    return text('not yet');
  };
  await world.run(yamlDefinition(yaml));
  return times;
}

const poll = (keys: string, steps = '{ id: look, server: s, action: look }'): string =>
  `variables: { input: { n: 2, d: 3, t: 7, word: '7' } }\nsteps:\n  - { id: poll, type: loop, on_exhausted: continue, until: "{{look.text}} == 'ready'", ${keys}, steps: [${steps}] }\n`;

describe('E6: a loop that polls', () => {
  it.each([
    ['fixed', 'backoff: fixed', [0, 1, 2, 3, 4]],
    ['linear', 'backoff: linear', [0, 1, 3, 6, 10]],
    ['exponential', 'backoff: exponential', [0, 1, 3, 7, 15]],
    ['exponential, up to a bound', 'backoff: exponential, max_delay_seconds: 3', [0, 1, 3, 6, 9]],
    ['linear, up to a bound', 'backoff: linear, max_delay_seconds: 2', [0, 1, 3, 5, 7]],
  ])('E6: %s: the delays between its iterations grow', async (_what, keys, times) => {
    expect(await timesOf(poll(`max_iterations: 5, delay_seconds: 1, ${keys}`))).toEqual(times);
  });

  it('E6: knows the number of its iteration inside, the first is 1, also in a loop in a loop', async () => {
    const world = new EngineWorld();
    const inner = `{ id: inner, type: loop, max_iterations: 2, steps: [{ id: c, server: s, action: c, arguments: { at: '{{outer.iteration}}.{{inner.iteration}}', n: '{{outer.iteration}}' } }] }`;
    const yaml = `steps:\n  - { id: outer, type: loop, max_iterations: 2, until: '{{outer.iteration}} == 2', steps: [${inner}] }\n`;
    const end = await world.run(yamlDefinition(yaml));
    expect(world.downstream.calls.map(({ args }) => args)).toEqual([
      { at: '1.1', n: 1 },
      { at: '1.2', n: 1 },
      { at: '2.1', n: 2 },
      { at: '2.2', n: 2 },
    ]);
    expect(end.outcome.failure).toBeUndefined();
    expect(end.warnings).toEqual([]);
    expect(parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes).issues).toEqual([]);
  });

  it('E6: goes on from any crash with the same delays and numbers', async () => {
    const step = `{ id: look, server: s, action: look, arguments: { n: '{{poll.iteration}}' } }`;
    const yaml = poll("max_iterations: '{{input.d}}', delay_seconds: '{{input.n}}', backoff: exponential", step);
    expect(await crashEverywhere(() => new EngineWorld(), yamlDefinition(yaml))).toBeGreaterThan(6);
  });
});

describe('E6: a number that is a template', () => {
  it.each([
    ['max_iterations and delay_seconds', "max_iterations: '{{input.d}}', delay_seconds: '{{input.n}}'", [0, 2, 4]],
    [
      'max_delay_seconds',
      "max_iterations: 4, delay_seconds: 1, backoff: exponential, max_delay_seconds: '{{input.n}}'",
      [0, 1, 3, 5],
    ],
    ['an expression', "max_iterations: '{% input.n + 1 %}', delay_seconds: '{% input.d / 2 %}'", [0, 1.5, 3]],
    ['a text that reads as a number', "max_iterations: 2, delay_seconds: '{{input.word}}'", [0, 7]],
  ])('E6: of a loop: %s', async (_what, keys, times) => {
    expect(await timesOf(poll(keys))).toEqual(times);
  });

  it.each([
    ['a step', `steps:\n  - { id: s, server: s, action: hang, timeout_seconds: '{{input.t}}' }\n`],
    [
      'a block',
      `steps:\n  - { id: b, type: group, timeout_seconds: '{{input.t}}', steps: [{ id: s, server: s, action: hang }] }\n`,
    ],
    ['a workflow', `timeout_seconds: '{{input.t}}'\nsteps:\n  - { id: s, server: s, action: hang }\n`],
  ])('E6: timeout_seconds of %s', async (_what, yaml) => {
    const world = new EngineWorld({ input: { t: 7 } });
    world.downstream.tools['hang'] = (_args, { signal }) => hanging(signal);
    const end = await world.run(yamlDefinition(`variables: { input: { t: null } }\n${yaml}`));
    expect(end.outcome).toMatchObject({ failure: { code: 'timeout' } });
    expect(world.clock.monotonic()).toBe(7000);
  });

  it('E6: timeout_seconds of a question', async () => {
    const world = new EngineWorld();
    const running = world.run(
      yamlDefinition(
        `variables: { input: { t: 7 } }\nsteps:\n  - { id: ask, type: elicit, message: Go on?, timeout_seconds: '{{input.t}}' }\n`,
      ),
    );
    const question = await world.nextQuestion();
    expect(question.timeoutSeconds).toBe(7);
    question.answer({ action: 'accept', content: {} });
    await running;
  });

  it('E6: max_attempts and delay_seconds of retry', async () => {
    const world = new EngineWorld();
    const times: number[] = [];
    world.downstream.tools['fails'] = () => {
      times.push(world.clock.monotonic() / 1000);
      return toolError('no');
    };
    const retry = `{ max_attempts: '{{input.d}}', delay_seconds: '{{input.n}}' }`;
    await world.run(
      yamlDefinition(
        `variables: { input: { n: 2, d: 3 } }\nsteps:\n  - { id: s, server: s, action: fails, retry: ${retry} }\n`,
      ),
    );
    expect(times).toEqual([0, 2, 4]);
  });

  it.each([
    [
      'foreach',
      `{ id: b, type: foreach, items: [1, 2, 3, 4], max_concurrency: '{{input.n}}', steps: [{ id: c, server: s, action: c }] }`,
    ],
    [
      'parallel',
      `{ id: b, type: parallel, max_concurrency: '{{input.n}}', tasks: [{ id: w, server: s, action: c }, { id: x, server: s, action: c }, { id: y, server: s, action: c }] }`,
    ],
    [
      'group',
      `{ id: b, type: group, max_concurrency: '{{input.n}}', steps: [{ id: w, server: s, action: c }, { id: x, server: s, action: c }, { id: y, server: s, action: c }, { id: z, server: s, action: c, depends_on: [w] }] }`,
    ],
  ])('E6: max_concurrency of a %s', async (_what, step) => {
    const world = new EngineWorld();
    let running = 0;
    let most = 0;
    world.downstream.tools['c'] = async () => {
      running += 1;
      most = Math.max(most, running);
      await world.clock.sleep(10);
      running -= 1;
      return text('done');
    };
    await world.run(yamlDefinition(`variables: { input: { n: 2 } }\nsteps:\n  - ${step}\n`));
    expect(most).toBe(2);
  });

  it.each([
    ['a word', 'soon'],
    ['nothing', null],
    ['less than nothing', -1],
    ['a list', [1]],
  ])('E6: that turns out to be %s fails the step, and nothing is called', async (_what, t) => {
    const world = new EngineWorld({ input: { t } });
    const end = await world.run(
      yamlDefinition(
        `variables: { input: { t: null } }\nsteps:\n  - { id: s, server: s, action: c, timeout_seconds: '{{input.t}}' }\n`,
      ),
    );
    expect(end.outcome).toMatchObject({ failure: { step: 's', message: expect.stringContaining('timeout_seconds') } });
    expect(world.called).toEqual([]);
  });
});
