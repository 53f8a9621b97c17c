import { describe, expect, test } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { Schedules } from '../../../src/schedule/schedules.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { FakeTaskService } from '../../support/fake-task-service.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { definitionOf } from '../../support/protocol-deps.ts';
import { waitUntil } from '../../support/wait-until.ts';

const tasks = new FakeTaskService();
tasks.define('one', () => Promise.resolve({ content: [], structuredContent: {} }));

async function graph(...args: readonly string[]) {
  const terminal = new FakeTerminal(false);
  const definition = definitionOf('one', { steps: [{ id: 's', type: 'set', values: {} }] });
  const loaded = { definition, digest: 'd'.repeat(64), file: 'one.yaml' };
  const definitions = {
    list: () => [loaded],
    get: (name: string) => (name === 'one' ? loaded : undefined),
    issues: () => [],
    errorsOf: () => [],
  };
  const code = await runCli(['graph', ...args], '0', {
    terminal,
    clock: systemClock,
    openEngine: () =>
      Promise.resolve({
        definitions,
        tasks,
        schedules: new Schedules({ store: new MemoryTaskStore(), tasks, definitions, clock: systemClock }),
        schema: () => ({}),
        serveHttp: () => Promise.reject(new Error('not here')),
        serveStdio: () => Promise.reject(new Error('not here')),
        close: () => Promise.resolve(),
      }),
    openServers: () => Promise.reject(new Error('not here')),
    environment: {},
    cwd: '/nowhere',
    exitCode: 0,
  });
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

describe('graph', () => {
  test('a workflow as Mermaid', async () => {
    const { code, stdout } = await graph('one');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^flowchart TD\n/);
    expect(stdout).not.toContain('classDef');
  });

  test('--task colours the steps that ran', async () => {
    const { taskId } = await tasks.create({ workflow: 'one', arguments: {}, principal: 'local' });
    await waitUntil('the task has ended', async () => (await tasks.outcome(taskId, 'local')) !== undefined);
    const { code, stdout } = await graph('one', '--task', taskId);
    expect(code).toBe(0);
    expect(stdout).toContain('class n1 completed');
  });

  test('--format svg is a picture, with the colours of a task if one is named', async () => {
    const plain = await graph('one', '--format', 'svg');
    expect(plain).toMatchObject({ code: 0, stderr: '' });
    expect(plain.stdout).toMatch(/^<svg .*<\/svg>\n$/su);
    expect(plain.stdout).not.toContain('#d7f5dd');
    const { taskId } = await tasks.create({ workflow: 'one', arguments: {}, principal: 'local' });
    await waitUntil('the task has ended', async () => (await tasks.outcome(taskId, 'local')) !== undefined);
    expect((await graph('one', '--format', 'svg', '--task', taskId)).stdout).toContain('#d7f5dd');
  });

  test('what there is not: exit 2 and what there is', async () => {
    expect(await graph('oen')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("did you mean 'one'?") as string,
    });
    expect(await graph('one', '--task', 'none')).toMatchObject({ code: 2 });
    expect(await graph('one', '--format', 'png')).toMatchObject({ code: 2 });
  });
});
