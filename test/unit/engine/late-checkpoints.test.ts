import { describe, expect, it } from 'vitest';
import type { RunPorts } from '../../../src/engine/ports.ts';
import { stepKinds } from '../../../src/steps/index.ts';
import { definitionOf, EngineWorld, hanging, text, type PlainStep } from '../../support/engine-world.ts';

const set = (id: string, from = '1'): PlainStep => ({ id, type: 'set', values: { from } });
const call = (id: string): PlainStep => ({ id, action: id });
const names = (count: number, prefix: string): readonly string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

/** Notes what the journal holds whenever the run touches the world outside. */
class WatchedWorld extends EngineWorld {
  readonly seen: { readonly contact: string; readonly durable: readonly string[] }[] = [];

  override ports(crash: Parameters<EngineWorld['ports']>[0]): RunPorts {
    const ports = super.ports(crash);
    const look = (contact: string): void => {
      const durable = this.journal.entries().flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
      this.seen.push({ contact, durable });
    };
    const watched = <T extends object>(target: T, methods: readonly string[]): T =>
      new Proxy(target, {
        get: (object, name) => {
          const member: unknown = Reflect.get(object, name);
          if (typeof member !== 'function') return member;
          return (...args: unknown[]): unknown => {
            if (methods.includes(String(name))) look(String(name));
            return Reflect.apply(member, object, args) as unknown;
          };
        },
      });
    return {
      ...ports,
      downstream: watched(ports.downstream, ['callTool', 'readResource', 'getPrompt']),
      input: watched(ports.input, ['ask']),
      children: watched(ports.children, ['start']),
      progress: watched(ports.progress, ['emit']),
      clock: watched(ports.clock, ['sleep']),
    };
  }
}

/** A step of each kind that has an effect outside, and the first touch that it makes. */
const EFFECTS: { readonly [type: string]: readonly [contact: string, step: PlainStep] } = {
  tool: ['callTool', call('x')],
  resource: ['readResource', { id: 'x', type: 'resource', uri: 'x://y' }],
  prompt: ['getPrompt', { id: 'x', type: 'prompt', prompt_name: 'p' }],
  workflow: ['start', { id: 'x', type: 'workflow', workflow: 'w' }],
  wait: ['sleep', { id: 'x', type: 'wait', seconds: 5 }],
  emit: ['emit', { id: 'x', type: 'emit', message: 'hello' }],
  elicit: ['ask', { id: 'x', type: 'elicit', message: 'What?', schema: { type: 'object', properties: {} } }],
  llm: ['ask', { id: 'x', type: 'llm', prompt: 'Say' }],
  roots: ['ask', { id: 'x', type: 'roots' }],
};

/** Ends the task: what it leaves is written with the outcome or before it, like all else. */
const ENDS = ['fail'];

describe('checkpoints of computation', () => {
  it('have a row here, or their kind has no effect outside the run', () => {
    const effectful = [...stepKinds.values()].filter(({ effectFree }) => effectFree !== true).map(({ type }) => type);
    expect(effectful.toSorted()).toEqual([...Object.keys(EFFECTS), ...ENDS].toSorted());
  });

  it.each(Object.entries(EFFECTS))(
    'are durable before a step of kind %s touches anything outside (E3)',
    async (_kind, [contact, step]) => {
      const world = new WatchedWorld();
      world.canAsk = true;
      world.autoAnswer = () => ({ action: 'accept', content: {}, role: 'assistant', model: 'm', roots: [] });
      await world.run(
        definitionOf([set('a'), { id: 'g', type: 'group', steps: [set('b'), { ...set('c'), when: 'false' }] }, step]),
      );
      const first = world.seen.find((seen) => seen.contact === contact);
      expect(first?.durable).toEqual(['a', 'g/b', 'g/c', 'g']);
      expect(world.journal.deferrals).toBeGreaterThan(0);
    },
  );

  it('share the commit of what follows, and that of the outcome', async () => {
    const world = new EngineWorld();
    const steps = [set('a'), set('b'), call('x'), set('c'), set('d')];
    const end = await world.run(definitionOf(steps, { output: { last: '{{d.output.from}}' } }));
    expect(end.outcome).toMatchObject({ output: { last: '1' } });
    expect(world.ledger).toEqual(['a', 'b', 'x', 'c', 'd'].map((id) => `${id} completed`));
    // a and b before the call, its result, and what is left with the outcome.
    expect(world.journal.appends).toBe(3);
  });

  it('are durable before a call also when another branch is just writing them', async () => {
    const world = new WatchedWorld();
    const branches = Object.fromEntries(
      names(8, 'b').map((name) => [name, [set(`${name}_set`), call(`${name}_call`)]]),
    );
    await world.run(definitionOf([{ id: 'p', type: 'parallel', branches }]));
    const calls = world.seen.filter(({ contact }) => contact === 'callTool');
    expect(calls).toHaveLength(8);
    for (const [index, { durable }] of calls.entries()) expect(durable).toContain(`p/b${index}_set`);
  });

  it('become durable while the run waits for something else', async () => {
    const world = new EngineWorld({ auto: false });
    let release = (): void => undefined;
    world.downstream.tools['slow'] = () => new Promise((resolve) => (release = () => resolve(text('done'))));
    const running = world.run(
      definitionOf([{ id: 'p', type: 'parallel', branches: { one: [call('slow')], two: [set('quick')] } }]),
    );
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(world.journal.finished('p/quick')).toBeDefined();
    release();
    await running;
  });

  it('do not gather without end: a long computation is written in parts', async () => {
    const world = new EngineWorld();
    await world.run(definitionOf(names(1000, 's').map((id) => set(id))));
    expect(world.ledger).toHaveLength(1000);
    expect(world.journal.appends).toBeGreaterThanOrEqual(15);
  });

  it('of a step that can be undone are durable at once: whether it succeeded decides what a cancel does', async () => {
    const world = new EngineWorld();
    await world.run(definitionOf([{ ...set('a'), compensate: call('undo') }, set('b')]));
    expect(world.journal.appends).toBe(2);
  });

  it('of a failed step are durable before anything handles it', async () => {
    const world = new WatchedWorld();
    await world.run(definitionOf([{ ...set('a', '{{nothing.here}}'), on_error: 'x' }, call('x')], { strict: true }));
    expect(world.seen[0]).toEqual({ contact: 'callTool', durable: ['a'] });
  });

  it('of a `succeed` are durable before what runs beside it is stopped (E3)', async () => {
    const world = new EngineWorld();
    let durable: readonly string[] = [];
    world.downstream.tools['slow'] = (_args, { signal }) => {
      signal.addEventListener('abort', () => {
        durable = world.journal.entries().flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
      });
      return hanging(signal);
    };
    const two = [set('a'), { id: 'enough', type: 'succeed', output: { by: 'two' } }];
    const end = await world.run(
      definitionOf([{ id: 'p', type: 'parallel', branches: { one: [call('slow')], two } }, set('z')]),
    );
    expect(end.outcome).toMatchObject({ output: { by: 'two' } });
    expect(durable).toEqual(['p/a', 'p/enough']);
  });

  it('keep the order of writes to one variable that the journal has', async () => {
    const world = new EngineWorld();
    const write = (id: string): PlainStep => ({ id, type: 'set', assign: { 'variables.global.last': id } });
    const branches = Object.fromEntries(names(6, 'b').map((id) => [id, [call(`${id}_c`), write(`${id}_w`)]]));
    const definition = definitionOf([
      { id: 'p', type: 'parallel', branches },
      { id: 'end', type: 'set', values: { last: '{{variables.global.last}}' } },
    ]);
    const end = await world.run(definition);
    const last = world.entries.findLast((entry) => entry.type === 'finished' && entry.path.endsWith('_w'));
    expect(end.outcome).toMatchObject({ output: { result: { last: last?.type === 'finished' ? last.step : '' } } });
  });
});
