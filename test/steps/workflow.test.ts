import { describe, expect, it } from 'vitest';
import { crashEverywhere } from '../support/crash-everywhere.ts';
import { definitionOf, EngineWorld } from '../support/engine-world.ts';

const sub = { id: 'sub', type: 'workflow', workflow: 'child', input: { n: '{{input.n}}' } };

describe('workflow', () => {
  it("runs the child with rendered input and gives the child's output", async () => {
    const world = new EngineWorld({ input: { n: 3 } });
    const end = await world.run(
      definitionOf([sub, { id: 'i', type: 'set', values: { id: '{{sub.task_id}}', from: '{{sub.output.from}}' } }]),
    );
    expect(world.children).toEqual([{ path: 'sub', workflow: 'child', input: { n: 3 } }]);
    expect(end.outcome).toMatchObject({ output: { result: { id: 'child of sub', from: 'child' } } });
  });

  it('puts a question of the child where its own would be put, under a path of its own', async () => {
    const world = new EngineWorld({ input: { n: 3 } });
    const request = { method: 'elicitation/create', params: { message: 'Sure?' } };
    world.childAsks['child'] = { path: 'ask', request };
    const running = world.run(definitionOf([sub]));
    const question = await world.nextQuestion();
    expect(question).toMatchObject({ path: 'sub!ask', request });
    question.answer({ action: 'decline' });
    expect((await running).outcome).toMatchObject({ output: { result: { answer: { action: 'decline' } } } });
  });

  it('fails with child_failed when the child failed, with an error code or was cancelled', async () => {
    const outcomes = [
      {
        kind: 'result',
        result: { content: [], isError: true },
        output: null,
        failure: { code: 'timeout', message: 'late' },
      },
      { kind: 'error', code: -32_000, message: 'no', failure: { code: '-32000', message: 'no' } },
      { kind: 'cancelled', reason: 'enough' },
    ] as const;
    const texts: unknown[] = [];
    for (const outcome of outcomes) {
      const world = new EngineWorld();
      world.childOutcomes['child'] = outcome;
      const end = await world.run(definitionOf([sub]));
      texts.push(
        end.outcome.kind === 'result' ? [end.outcome.failure?.code, end.outcome.failure?.message] : end.outcome,
      );
    }
    expect(texts).toEqual([
      ['child_failed', "workflow 'child' failed (timeout): late"],
      ['child_failed', "workflow 'child' failed (-32000): no"],
      ['child_failed', "workflow 'child' was cancelled: enough"],
    ]);
  });

  it('starts another child for a retry, and the same one after a crash', async () => {
    const world = new EngineWorld();
    world.childOutcomes['child'] = { kind: 'cancelled', reason: 'x' };
    await world.run(definitionOf([{ ...sub, retry: { max_attempts: 2 } }]));
    expect(world.children.map((child) => child.path)).toEqual(['sub', 'sub#2']);
    expect(await crashEverywhere(() => new EngineWorld(), definitionOf([sub]))).toBe(2);
  });

  it('refuses to nest deeper than the limit', async () => {
    const world = new EngineWorld();
    world.task = { ...world.task, depth: 16 };
    expect((await world.run(definitionOf([sub]))).outcome).toMatchObject({ failure: { code: 'limit_exceeded' } });
  });
});
