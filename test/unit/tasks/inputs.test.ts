import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { digestOf } from '../../../src/definition/snapshot.ts';
import { createWorkflowRunner } from '../../../src/engine/runner.ts';
import { stepKinds } from '../../../src/steps/index.ts';
import { definitionOf } from '../../support/engine-world.ts';
import { aborted } from '../../support/scripted-runner.ts';
import { ended, TaskWorld, viewWhere } from '../../support/task-world.ts';

const me = 'local';
const question = {
  method: 'elicitation/create',
  params: {
    message: 'How many?',
    requestedSchema: { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] },
  },
};
const answer = (n: JsonValue): JsonValue => ({ action: 'accept', content: { n } });

let world: TaskWorld;
beforeEach(() => {
  world = new TaskWorld();
  world.define('ask', ({ step, ports }) => step('a', async () => (await ports.input.ask('a', question)) ?? 'nothing'));
  world.define('hurry', ({ step, ports }) =>
    step('a', async () => (await ports.input.ask('a', question, { timeoutSeconds: 60 })) ?? 'nothing'),
  );
});
afterEach(() => world.dispose());

async function asked(process: Awaited<ReturnType<TaskWorld['started']>>, workflow = 'ask'): Promise<string> {
  const { taskId } = await process.tasks.create({ workflow, arguments: {}, principal: me });
  await viewWhere(process.tasks, taskId, (view) => view.status === 'input_required');
  return taskId;
}

describe('an input request', () => {
  it('makes the task input_required, is answered once, and the first valid answer wins (D8)', async () => {
    const process = await world.started();
    const { tasks } = process;
    const taskId = await asked(process);
    const view = await tasks.get(taskId, me);
    expect(view?.inputs).toMatchObject([{ key: 'in-1', path: 'a', request: question }]);
    await expect(tasks.respond(taskId, me, 'in-1', answer('five'))).rejects.toMatchObject({
      code: 'invalid_input_response',
    });
    for (const bad of [1, {}, { action: 'maybe' }, { action: 'accept' }]) {
      await expect(tasks.respond(taskId, me, 'in-1', bad)).rejects.toMatchObject({ code: 'invalid_input_response' });
    }
    const answers = await Promise.all([1, 2, 3].map((n) => tasks.respond(taskId, me, 'in-1', answer(n))));
    expect(answers).toEqual(['accepted', 'ignored', 'ignored']);
    await ended(tasks, taskId);
    expect(await tasks.outcome(taskId, me)).toMatchObject({ output: answer(1) });
    expect(await tasks.respond(taskId, me, 'in-1', answer(4))).toBe('ignored');
    expect(await tasks.respond(taskId, me, 'in-9', answer(4))).toBe('ignored');
  });

  it('for a model or for roots may be refused with an error, a form may not', async () => {
    const refusal = { error: { code: -1, message: 'User rejected sampling request' } };
    for (const method of ['sampling/createMessage', 'roots/list']) {
      world.define('turn', ({ step, ports }) =>
        step('a', async () => (await ports.input.ask('a', { method, params: {} })) ?? 'nothing'),
      );
      const process = await world.started();
      const taskId = await asked(process, 'turn');
      const malformed = [
        { role: 'assistant', content: 'text', roots: 'text' },
        { role: 'assistant', content: [{ text: 'no type' }], roots: [{ name: 'no uri' }] },
        { role: 'assistant', content: { type: 'text' }, roots: ['file:///a'] },
      ];
      for (const bad of [{}, { error: 'no' }, { error: { code: 1 } }, ...malformed]) {
        await expect(process.tasks.respond(taskId, me, 'in-1', bad)).rejects.toMatchObject({
          code: 'invalid_input_response',
        });
      }
      expect(await process.tasks.respond(taskId, me, 'in-1', refusal)).toBe('accepted');
      await ended(process.tasks, taskId);
      expect(await process.tasks.outcome(taskId, me)).toMatchObject({ output: refusal });
      const form = await asked(process);
      await expect(process.tasks.respond(form, me, 'in-1', refusal)).rejects.toThrow();
      await process.tasks.close();
    }
  });

  it('is asked once: a restart finds it under the same key, and an answer given meanwhile counts', async () => {
    const first = await world.started();
    const taskId = await asked(first);
    const other = await asked(first);
    await first.tasks.close();
    const none = await world.started({ claims: 'none' });
    expect((await none.tasks.get(taskId, me))?.inputs.map(({ key }) => key)).toEqual(['in-1']);
    expect(await none.tasks.respond(taskId, me, 'in-1', answer(7))).toBe('accepted');
    const second = await world.started();
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(await second.tasks.outcome(taskId, me)).toMatchObject({ output: answer(7) });
    expect((await second.tasks.get(other, me))?.inputs.map(({ key }) => key)).toEqual(['in-1']);
    expect(await second.tasks.respond(other, me, 'in-1', answer(8))).toBe('accepted');
    expect(await ended(second.tasks, other)).toMatchObject({ status: 'completed' });
  });

  it('can be answered through another process while this one runs the task', async () => {
    const runs = await world.started();
    const answers = await world.started({ claims: 'none' });
    const taskId = await asked(runs);
    expect(await answers.tasks.respond(taskId, me, 'in-1', answer(3))).toBe('accepted');
    const end = ended(runs.tasks, taskId);
    const seenElsewhere = ended(answers.tasks, taskId);
    await world.clock.advance(1000);
    expect(await end).toMatchObject({ status: 'completed' });
    expect(await seenElsewhere).toMatchObject({ status: 'completed' });
  });

  it('times out after its time, not before, also over a restart; the key is then ignored', async () => {
    const first = await world.started();
    const taskId = await asked(first, 'hurry');
    await world.clock.advance(30_000);
    expect(await first.tasks.get(taskId, me)).toMatchObject({ status: 'input_required' });
    await first.tasks.close();
    const second = await world.started();
    await world.clock.advance(29_000);
    expect(await second.tasks.get(taskId, me)).toMatchObject({ status: 'input_required' });
    await world.clock.advance(1001);
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(await second.tasks.outcome(taskId, me)).toMatchObject({ output: 'nothing' });
    expect(await second.tasks.respond(taskId, me, 'in-1', answer(1))).toBe('ignored');
  });

  it('that timed out while nobody ran fires at the next start', async () => {
    const first = await world.started();
    const taskId = await asked(first, 'hurry');
    await first.tasks.close();
    await world.clock.advance(3_600_000);
    const second = await world.started();
    await world.clock.advance(1);
    expect(await ended(second.tasks, taskId)).toMatchObject({ status: 'completed' });
    expect(await second.tasks.outcome(taskId, me)).toMatchObject({ output: 'nothing' });
  });

  it('vanishes with the step that asked, and keys are never reused', async () => {
    world.define('two', async ({ step, ports, signal }) => {
      const left = ports.input.ask('a/inner', question);
      left.catch(() => undefined);
      await step('a', async () => {
        await Promise.race([left, ports.clock.sleep(1000, signal)]);
        return 1;
      });
      return (await ports.input.ask('b', question)) ?? null;
    });
    const process = await world.started();
    const taskId = await asked(process, 'two');
    await world.clock.advance(1001);
    const view = await viewWhere(process.tasks, taskId, ({ inputs }) => inputs[0]?.path === 'b');
    expect(view.inputs.map(({ key }) => key)).toEqual(['in-2']);
    expect(await process.tasks.respond(taskId, me, 'in-1', answer(1))).toBe('ignored');
    expect(await process.tasks.respond(taskId, me, 'in-2', answer(2))).toBe('accepted');
    await ended(process.tasks, taskId);
  });

  it('is asked anew by the next attempt after one has failed', async () => {
    world.define('again', async ({ ports }) => {
      await ports.input.ask('a', question);
      const failure = { code: 'input_declined', message: 'no' };
      await ports.journal.append({ type: 'attempt_failed', path: 'a', step: 'a', attempt: 1, failure });
      return (await ports.input.ask('a', question)) ?? null;
    });
    const { tasks } = await world.started();
    const { taskId } = await tasks.create({ workflow: 'again', arguments: {}, principal: me });
    await viewWhere(tasks, taskId, ({ inputs }) => inputs[0]?.key === 'in-1');
    await tasks.respond(taskId, me, 'in-1', { action: 'decline' });
    await viewWhere(tasks, taskId, ({ inputs }) => inputs[0]?.key === 'in-2');
    await tasks.respond(taskId, me, 'in-2', answer(2));
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed' });
  });

  it('lets a run go whenever it is stopped, also while the request is being written', async () => {
    world.define('bare', async ({ ports }) => (await ports.input.ask('a', question)) ?? null);
    for (let ticks = 0; ticks < 60; ticks += 1) {
      const { tasks } = await world.started({ claims: 'own' });
      await tasks.create({ workflow: 'bare', arguments: {}, principal: me });
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      await tasks.close();
      expect(tasks.health().running).toBe(0);
    }
  });

  it('that nobody wants any more is withdrawn: the task works again, a late answer is ignored, the key is not reused', async () => {
    const unwanted: AbortController[] = [];
    world.define('twice', async ({ step, ports }) => {
      for (const path of ['a', 'b']) {
        const stop = new AbortController();
        unwanted.push(stop);
        await step(path, async () => {
          try {
            return (await ports.input.ask(path, question, { signal: stop.signal })) ?? 'nothing';
          } catch {
            return 'gave up';
          }
        });
      }
      return 'done';
    });
    const process = await world.started();
    const { tasks } = process;
    const taskId = await asked(process, 'twice');
    unwanted[0]?.abort(new Error('a sibling failed'));
    const view = await viewWhere(tasks, taskId, ({ inputs }) => inputs.some(({ key }) => key === 'in-2'));
    expect(view.inputs).toHaveLength(1);
    expect(await tasks.respond(taskId, me, 'in-1', answer(1))).toBe('ignored');
    unwanted[1]?.abort(new Error('a sibling failed'));
    expect(await ended(tasks, taskId)).toMatchObject({ status: 'completed', inputs: [] });
  });

  it('withdrawn before a crash is asked anew when the run comes to it again, not taken for timed out', async () => {
    let crashed = false;
    world.define('again', async ({ ports, signal }) => {
      const stop = new AbortController();
      const answered = ports.input.ask('a', question, { signal: stop.signal });
      if (crashed) return (await answered) ?? 'timed out';
      await ports.journal.append({ type: 'decision', path: 'x', value: 1 });
      stop.abort(new Error('a deadline passed'));
      await answered.catch(() => undefined);
      return aborted(signal);
    });
    const first = await world.started();
    const { taskId } = await first.tasks.create({ workflow: 'again', arguments: {}, principal: me });
    await viewWhere(first.tasks, taskId, ({ status, rev }) => status === 'working' && rev > 3);
    first.kill();
    crashed = true;
    const second = await world.started();
    const { inputs } = await viewWhere(second.tasks, taskId, ({ status }) => status === 'input_required');
    expect(inputs.map(({ key }) => key)).toEqual(['in-2']);
    await second.tasks.respond(taskId, me, 'in-2', answer(2));
    await ended(second.tasks, taskId);
    expect(await second.tasks.outcome(taskId, me)).toMatchObject({ output: answer(2) });
  });

  it('of a branch whose sibling failed is withdrawn while the workflow goes on', async () => {
    const definition = definitionOf(
      [
        {
          id: 'both',
          type: 'parallel',
          can_fail_safely: true,
          tasks: [
            { id: 'ask', type: 'elicit', message: 'Sure?' },
            { id: 'bad', type: 'fail', code: 'nope', message: 'no' },
          ],
        },
        { id: 'next', type: 'elicit', message: 'Next?' },
      ],
      { name: 'branches' },
    );
    world.definitions.set('branches', { definition, digest: digestOf(definition), file: 'branches.yaml' });
    const { tasks } = await world.started({ workflows: createWorkflowRunner(stepKinds) });
    const { taskId } = await tasks.create({ workflow: 'branches', arguments: {}, principal: me });
    const { inputs } = await viewWhere(tasks, taskId, (view) => view.inputs.some(({ path }) => path === 'next'));
    expect(inputs.map(({ path }) => path)).toEqual(['next']);
    const requested = (await tasks.journal(taskId, me)).filter(({ type }) => type === 'input_requested');
    expect(requested).toMatchObject([{ path: 'both/ask', key: 'in-1' }, { key: 'in-2' }]);
  });
});
