import { join } from 'node:path';
import { expect, it } from 'vitest';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import { startCli } from '../support/cli-process.ts';
import type { Running } from '../support/cli-process.ts';
import { checkHistories } from '../support/history-checker.ts';
import type { Told } from '../support/kill-lane.ts';
import { rawCreate, rawStatus } from '../support/raw-client.ts';
import { stoppedWhen } from '../support/stop-server.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';

const STEPS = 30;
const DEFINITION = `
name: long
task: required
steps:
  - id: laps
    type: loop
    max_iterations: ${STEPS}
    steps:
      - { id: lap, server: ledger, action: record, idempotent: true, arguments: { label: lap, delay_ms: 400 } }
`;
const TASKS = 6;

async function serve(folder: string): Promise<{ readonly server: Running; readonly url: string }> {
  const server = startCli(['serve', '--http', '127.0.0.1:0'], folder);
  const url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
  return { server, url };
}

it('a server that is stopped past its time and goes on writes nothing; the other one finishes its tasks (D6)', async () => {
  const workspace = await newWorkspace({ definitions: { 'long.yaml': DEFINITION }, standIns: { ledger: {} } });
  const [first, second] = [await serve(workspace.path), await serve(workspace.path)];
  try {
    const told = new Map<string, Told>();
    for (let task = 0; task < TASKS; task += 1) {
      const taskId = await rawCreate(first.url, 'long');
      told.set(taskId, {
        taskId,
        workflow: 'long',
        cancelAcked: false,
        answersAcked: [],
        ended: undefined,
        status: 'working',
      });
    }
    await waitUntil('the first one has called', () => workspace.ledger().length >= TASKS);
    const running = new Set(workspace.ledger().map(({ pid }) => pid));
    expect(running.size).toBe(1);

    // Not in the middle of a write: whoever is stopped there holds the store, and nobody can take anything over.
    await waitUntil('it is stopped', () => stoppedWhen(workspace.path, first.server, false));
    await waitUntil('the second one has taken over', () => workspace.ledger().some(({ pid }) => !running.has(pid)));
    // Both run now, and the first one believes the tasks to be its own.
    first.server.child.kill('SIGCONT');
    for (const [index, task] of [...told.values()].entries()) {
      const url = index % 2 === 0 ? first.url : second.url;
      await waitUntil('it ends', async () => (await rawStatus(url, task.taskId)) === 'completed');
      expect([await rawStatus(first.url, task.taskId), await rawStatus(second.url, task.taskId)]).toEqual([
        'completed',
        'completed',
      ]);
      task.status = 'completed';
    }
    for (const { server } of [first, second]) {
      server.child.kill('SIGTERM');
      await server.finished;
    }
    const store = await KeyvTaskStore.open(join(workspace.path, 'data', 'tasks.sqlite'));
    const history = { told, kills: 0, killsOfWork: 0, violations: [] };
    const { violations, calls } = await checkHistories(history, workspace.ledger(), store);
    await store.close();
    expect(violations).toEqual([]);
    // In flight when it was stopped, or begun just before it noticed: at most two calls a task are made twice.
    expect(calls).toBeGreaterThanOrEqual(TASKS * STEPS);
    expect(calls).toBeLessThanOrEqual(TASKS * (STEPS + 2));
  } finally {
    for (const { server } of [first, second]) server.child.kill('SIGKILL');
    await Promise.all([first.server.finished, second.server.finished]);
    await workspace.remove();
  }
});
