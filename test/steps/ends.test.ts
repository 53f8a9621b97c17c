import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, toolError } from '../support/engine-world.ts';

describe('fail', () => {
  it('ends the task with its own code, rendered message and data', async () => {
    const world = new EngineWorld({ input: { p: 'a.txt' } });
    const definition = definitionOf([
      { id: 'f', type: 'fail', code: 'too_large', message: '{{input.p}} is too large', data: { p: '{{input.p}}' } },
      { id: 'never', action: 'never' },
    ]);
    expect((await world.run(definition)).outcome).toMatchObject({
      kind: 'result',
      result: { isError: true, content: [{ text: "step 'f' failed (too_large): a.txt is too large" }] },
      failure: { code: 'too_large', step: 'f', data: { p: 'a.txt' } },
    });
    expect(world.called).toEqual([]);
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(2);
  });

  it('with a whole number as code makes the outcome a JSON-RPC error', async () => {
    const end = await new EngineWorld().run(
      definitionOf([{ id: 'f', type: 'fail', code: -32_050, message: 'm', data: [1] }]),
    );
    expect(end.outcome).toEqual({
      kind: 'error',
      code: -32_050,
      message: 'm',
      data: [1],
      failure: { code: '-32050', message: 'm', data: [1], step: 'f' },
    });
  });

  it('can be caught like any failure', async () => {
    const world = new EngineWorld();
    const body = [{ id: 'f', type: 'fail', code: 'mine' }];
    await world.run(
      definitionOf([
        { id: 't', type: 'try', steps: body, catch: [{ match: ['mine'], steps: [{ id: 'c', action: 'c' }] }] },
      ]),
    );
    expect(world.called).toEqual(['c']);
  });
});

describe('succeed', () => {
  const definition = definitionOf([
    {
      id: 'p',
      type: 'foreach',
      items: [1, 2, 3],
      steps: [
        {
          id: 't',
          type: 'try',
          steps: [
            { id: 'a', action: 'a' },
            { id: 'done', type: 'succeed', when: '{{item}} == 2', output: { found: '{{item}}' } },
          ],
          catch: [{ steps: [{ id: 'caught', action: 'caught' }] }],
          finally: [{ id: 'last', action: 'last' }],
        },
      ],
    },
    { id: 'never', action: 'never' },
  ]);

  it('ends the task from any depth with its output; finally runs, catch does not', async () => {
    const world = new EngineWorld();
    const end = await world.run(definition);
    expect(end.outcome).toMatchObject({
      kind: 'result',
      result: { structuredContent: { found: 2 } },
      output: { found: 2 },
    });
    expect(world.called).toEqual(['a', 'last', 'a', 'last']);
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(16);
  });

  it("turns a failing task into a success when the workflow's on_error reaches it", async () => {
    const world = new EngineWorld();
    world.downstream.tools['bad'] = () => toolError('no');
    const end = await world.run(
      definitionOf(
        [
          { id: 'a', action: 'bad' },
          { id: 'ok', type: 'succeed', output: { why: '{{error.message}}' } },
        ],
        { on_error: 'ok' },
      ),
    );
    expect(end.outcome).toMatchObject({ kind: 'result', output: { why: 'no' } });
  });
});

describe('emit', () => {
  it('sends its rendered message once, keeps it in the journal, and has no output', async () => {
    const world = new EngineWorld({ input: { n: 2 } });
    const definition = definitionOf([
      { id: 'e', type: 'emit', message: 'at {{input.n}}', level: 'notice', progress: '{{input.n}}', total: 4 },
    ]);
    await world.run(definition);
    await world.run(definition);
    expect(world.emitted).toEqual([{ message: 'at 2', level: 'notice', progress: 2, total: 4 }]);
    expect(world.entries[0]).toMatchObject({ type: 'emitted', path: 'e', message: 'at 2', level: 'notice' });
    expect(world.result('e')?.output).toBeNull();
  });
});

describe('set', () => {
  it('renders values and writes variables, all from what was there before', async () => {
    const definition = definitionOf(
      [
        {
          id: 's',
          type: 'set',
          values: { n: '{% variables.global.n + 1 %}' },
          assign: { 'variables.global.n': '{% variables.global.n + 1 %}', 'variables.saved.x.y': 1 },
        },
        { id: 'r', type: 'set', values: { n: '{{variables.global.n}}', saved: '{{saved.x}}' } },
      ],
      { variables: { input: {}, global: { n: 1 }, saved: { x: { z: 0 } } } },
    );
    const world = new EngineWorld();
    await world.run(definition);
    expect(world.result('s')?.output).toEqual({ n: 2 });
    expect(world.result('r')?.output).toEqual({ n: 2, saved: { z: 0, y: 1 } });
    expect(world.journal.finished('s')?.saved).toEqual({ x: { z: 0, y: 1 } });
    expect(await crashEverywhere(() => new EngineWorld(), definition)).toBe(2);
  });

  it('refuses targets that are no variables and names that reach a prototype', async () => {
    for (const target of [
      'input.x',
      'variables.input.x',
      'variables.global.__proto__',
      'variables.output.a.constructor',
    ]) {
      const end = await new EngineWorld().run(definitionOf([{ id: 's', type: 'set', assign: { [target]: 1 } }]));
      expect(end.outcome, target).toMatchObject({ failure: { code: 'template_error' } });
    }
  });
});

describe('resource and prompt', () => {
  it('give text where it is text, and the parts', async () => {
    const world = new EngineWorld();
    world.downstream.resources['two'] = () => [
      { uri: 'a', text: 'A' },
      { uri: 'b', blob: 'AA==' },
    ];
    world.downstream.prompts['greet'] = (args) => [
      { role: 'user', content: { type: 'text', text: `hello ${args['who'] as string}` } },
      { role: 'assistant', content: { type: 'text', text: 'hi' } },
    ];
    await world.run(
      definitionOf([
        { id: 'one', type: 'resource', action: 'read', uri: 'x/{{input.q}}y' },
        { id: 'two', type: 'resource', uri: 'two' },
        { id: 'p', type: 'prompt', action: 'greet', arguments: { who: ['a', 'b'], none: null } },
        { id: 'q', type: 'prompt', action: 'execute', prompt_name: 'greet', arguments: { who: 'c' } },
        {
          id: 'n',
          type: 'set',
          values: {
            t: '{{two.text}}',
            c: '{{two.contents[1].blob}}',
            m: '{{p.messages[1].role}}',
            one: '{{one.contents[0].uri}}',
          },
        },
      ]),
    );
    expect(world.result('one')?.output).toBe('text of x/y');
    expect(world.result('two')?.output).toHaveLength(2);
    expect(world.result('p')?.output).toBe('hello ["a","b"]\nhi');
    expect(world.result('q')?.output).toBe('hello c\nhi');
    expect(world.result('n')?.output).toEqual({ t: 'A', c: 'AA==', m: 'assistant', one: 'x/y' });
  });
});
