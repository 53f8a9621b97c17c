import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stepKinds } from '../../src/steps/index.ts';
import { dose } from '../support/dose.ts';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld, text, toolError, type PlainStep } from '../support/engine-world.ts';
import { Crash } from '../support/memory-journal.ts';

/** A tree of step kinds without ids; they are given in document order afterwards. */
type Shape = { readonly kind: string; readonly seed: number; readonly lists: readonly (readonly Shape[])[] };

const LEAVES = [
  'ok',
  'ok',
  'flaky',
  'bad',
  'set',
  'wait',
  'emit',
  'skipped',
  'ask',
  'model',
  'roots',
  'reads',
  'greets',
  'child',
  'unsafe',
  'gives_up',
  'succeed',
];
const BLOCKS = [
  'sequence',
  'parallel',
  'collect',
  'loop',
  'foreach',
  'foreach_collect',
  'try',
  'switch',
  'graph',
  'handled',
  'undone',
];

const shape: fc.Arbitrary<Shape> = fc.letrec<{ node: Shape; leaf: Shape; block: Shape }>((tie) => ({
  leaf: fc.record({ kind: fc.constantFrom(...LEAVES), seed: fc.nat(7), lists: fc.constant([]) }),
  block: fc.record({
    kind: fc.constantFrom(...BLOCKS),
    seed: fc.nat(7),
    lists: fc.array(fc.array(tie('node'), { minLength: 1, maxLength: 3 }), { minLength: 3, maxLength: 3 }),
  }),
  node: fc.oneof({ maxDepth: 3, depthSize: 'small', withCrossShrink: true }, tie('leaf'), tie('block')),
})).node;

/**
 * Steps whose outcome does not depend on timing: what runs at the same time as something else never fails the block and
 * never ends the task.
 */
class Grower {
  #next = 0;
  readonly targets: PlainStep[] = [];

  list(shapes: readonly Shape[], calm: boolean): readonly PlainStep[] {
    return shapes.map((one) => this.step(one, calm));
  }

  step({ kind, seed, lists }: Shape, calm: boolean): PlainStep {
    const id = `s${this.#next}`;
    this.#next += 1;
    const [first = [], second = [], third = []] = lists;
    switch (kind) {
      case 'ok':
        return {
          id,
          action: 'ok',
          arguments: { v: `{{variables.global.g}} {{item}}` },
          // Branches that write one variable race, so there each writes its own.
          save_output_to: `variables.global.g${calm ? id : seed}`,
        };
      case 'unsafe':
        return { id, action: 'ok', idempotent: false, on_interrupt: 'retry' };
      case 'flaky':
        return { id, action: 'flaky', retry: { max_attempts: 3, delay_seconds: seed } };
      case 'bad':
        return {
          id,
          action: 'bad',
          retry: { max_attempts: 1 + (seed % 2) },
          ...safely(seed > 5),
        };
      case 'set':
        return {
          id,
          type: 'set',
          values: { n: seed },
          // In a race neither the last value nor the order of the names is fixed.
          ...(calm ? {} : { assign: { [`variables.output.${id}`]: seed, 'variables.saved.last': id } }),
        };
      case 'wait':
        return { id, type: 'wait', seconds: seed };
      case 'emit':
        return { id, type: 'emit', message: `at ${id}` };
      case 'skipped':
        return { id, action: 'never', when: `${seed} > 90` };
      case 'ask':
        return { id, type: 'elicit', message: 'ok?', schema: {}, on_decline: 'continue' };
      case 'model':
        return { id, type: 'llm', prompt: `how many at ${id}?` };
      case 'roots':
        return { id, type: 'roots' };
      case 'reads':
        return { id, type: 'resource', uri: `memo://${seed}` };
      case 'greets':
        return { id, type: 'prompt', action: 'greet', arguments: { n: seed } };
      case 'child':
        return { id, type: 'workflow', workflow: seed > 4 ? 'child_that_fails' : 'child', ...safely(seed > 5 || calm) };
      case 'gives_up':
        return { id, type: 'fail', code: 'other', when: `${seed} > 3`, ...safely(seed > 5 || calm) };
      case 'succeed':
        return { id, type: 'succeed', when: calm ? 'false' : `${seed} > 5`, output: { at: id } };
      case 'sequence':
        return { id, type: 'group', steps: this.list(first, calm) };
      case 'parallel':
      case 'collect':
        return {
          id,
          type: 'parallel',
          on_error: 'collect',
          branches: { a: this.list(first, true), b: this.list(second, true) },
        };
      case 'loop':
        return {
          id,
          type: 'loop',
          max_iterations: 1 + (seed % 3),
          delay_seconds: seed % 2,
          steps: this.list(first, calm),
        };
      case 'foreach':
        return { id, type: 'foreach', items: ['x', 'y'].slice(0, 1 + (seed % 2)), steps: this.list(first, calm) };
      case 'foreach_collect':
        return {
          id,
          type: 'foreach',
          items: ['x', 'y', 'z'],
          max_concurrency: 2,
          on_item_error: 'collect',
          steps: this.list(first, true),
        };
      case 'try':
        return {
          id,
          type: 'try',
          steps: this.list(first, calm),
          catch: [{ match: seed > 3 ? ['tool_error'] : ['other'], steps: this.list(second, calm) }],
          ...(seed % 2 === 0 ? { finally: this.list(third, calm) } : {}),
        };
      case 'switch':
        return {
          id,
          type: 'switch',
          cases: [{ when: `${seed} > 3`, steps: this.list(first, calm) }],
          default: this.list(second, calm),
        };
      case 'graph': {
        const steps = [...this.list(first, true), ...this.list(second, true)];
        const last = steps.at(-1);
        const graph = steps.map((step) => (step === last ? { ...step, depends_on: [steps[0]?.id ?? ''] } : step));
        return { id, type: 'group', steps: steps.length > 1 ? graph : steps };
      }
      case 'handled': {
        const target = this.step({ kind: 'set', seed, lists: [] }, calm);
        this.targets.push(target);
        return { id, type: 'group', on_error: target.id, steps: this.list(first, calm) };
      }
      default:
        return {
          id,
          action: 'ok',
          compensate: { id: `${id}_undo`, type: 'tool', server: 's', action: 'undo', arguments: { item: '{{item}}' } },
        };
    }
  }
}

function safely(can: boolean): object {
  return can ? { can_fail_safely: true } : {};
}

function makeWorld(): EngineWorld {
  const world = new EngineWorld();
  world.downstream.tools['ok'] = () => text('ok');
  world.downstream.tools['bad'] = () => toolError('no');
  // Fails as long as the step has no failed attempt behind it: the same in whichever process it runs.
  world.downstream.tools['flaky'] = (_args, context) => {
    const failed = world.journal
      .entries()
      .some((entry) => entry.type === 'attempt_failed' && keyOf(world, entry.path) === context.idempotencyKey);
    return failed ? text('ok') : toolError('busy');
  };
  world.childOutcomes['child_that_fails'] = {
    kind: 'result',
    result: { content: [], isError: true },
    output: null,
    failure: { code: 'mine', message: 'no' },
  };
  world.autoAnswer = ({ method }) => {
    if (method === 'roots/list') return { roots: [{ uri: 'file:///work' }] };
    if (method === 'elicitation/create') return { action: 'decline' };
    return { role: 'assistant', model: 'm', content: { type: 'text', text: 'seven' } };
  };
  return world;
}

const keys = new Map<string, string>();
function keyOf(world: EngineWorld, path: string): string {
  const known = keys.get(path);
  if (known !== undefined) return known;
  const key = EngineWorld.keyOf(world.task.taskId, path);
  keys.set(path, key);
  return key;
}

function definitionFrom(shapes: readonly Shape[], seed: number): ReturnType<typeof definitionOf> {
  const grower = new Grower();
  const steps = grower.list(shapes, false);
  return definitionOf([...steps, ...grower.targets], {
    ...(seed % 3 === 0 ? { finally: [{ id: 'fin', type: 'set', values: {} }] } : {}),
    ...(seed % 2 === 0 ? { output: { g: '{{variables.global.g1}}', last: '{{saved.last}}' } } : {}),
  });
}

/** Every `type` in steps, at any depth, with how deep it stands. */
function typesIn(value: unknown, depth = 0): readonly (readonly [type: string, depth: number])[] {
  if (typeof value !== 'object' || value === null) return [];
  const own = 'id' in value && 'type' in value && typeof value.type === 'string' ? [[value.type, depth] as const] : [];
  return [...own, ...Object.values(value).flatMap((member) => typesIn(member, depth + own.length))];
}

describe('a random tree of step kinds', () => {
  it('is drawn from every kind there is, each also two deep', () => {
    const deepest = new Map<string, number>();
    for (const tree of fc.sample(fc.array(shape, { minLength: 1, maxLength: 3 }), { numRuns: 600, seed: 1 })) {
      for (const [type, depth] of typesIn(definitionFrom(tree, 1).steps))
        deepest.set(type, Math.max(depth, deepest.get(type) ?? 0));
    }
    expect([...deepest.keys()].toSorted()).toEqual([...stepKinds.keys()].toSorted());
    expect([...deepest].filter(([, depth]) => depth < 2)).toEqual([]);
  });

  it('gives the same outcome and the same checkpoints whenever it is killed (D3, E2, E3)', async () => {
    let crashes = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(shape, { minLength: 1, maxLength: 3 }), fc.nat(5), async (shapes, seed) => {
        crashes += await crashEverywhere(makeWorld, definitionFrom(shapes, seed));
      }),
      { numRuns: dose(60, 1500), endOnFailure: false },
    );
    expect(crashes).toBeGreaterThan(500);
  });

  it('gives the same outcome when it is killed again and again', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(shape, { minLength: 1, maxLength: 3 }),
        fc.nat(5),
        fc.array(fc.boolean(), { minLength: 1 }),
        async (shapes, seed, whens) => {
          const definition = definitionFrom(shapes, seed);
          const calm = makeWorld();
          const expected = await calm.run(definition);
          const world = makeWorld();
          // Each life makes two appends and dies at the second, so that every life gets on.
          for (let life = 0; life <= calm.journal.appends; life += 1) {
            const when = whens[life % whens.length] === true ? 'before' : 'after';
            try {
              const end = await world.run(definition, { crash: { at: 2, when } });
              expect(end.outcome).toEqual(expected.outcome);
              return;
            } catch (error) {
              if (!(error instanceof Crash)) throw error;
            }
          }
          const end = await world.run(definition);
          expect(end.outcome).toEqual(expected.outcome);
        },
      ),
      { numRuns: dose(60, 1500) },
    );
  });
});
