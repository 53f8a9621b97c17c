import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { KeyvTaskStore } from '../../../src/store/keyv-task-store.ts';
import { under } from '../../../src/tasks/keys.ts';
import { runCli, startCli, writeWorkspace } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const SAGA = `
steps:
  - id: book
    server: everything
    action: echo
    arguments: { message: booked }
    compensate: { id: unbook, server: everything, action: echo, arguments: { message: "undone {{book.output}}" } }
  - { id: nap, type: wait, seconds: 600 }
`;

let folder: Awaited<ReturnType<typeof tempDir>>;

beforeEach(async () => {
  folder = await tempDir();
  await writeWorkspace(folder.path, { saga: SAGA });
});
afterEach(() => folder.remove());

/** True once a step waits for its timer. */
async function naps(): Promise<boolean> {
  const store = await KeyvTaskStore.open(join(folder.path, 'data/tasks.sqlite'));
  try {
    const { items } = await store.range({ ...under('j:'), limit: 100 });
    return items.some(({ value }) => JSON.stringify(value).includes('"timer"'));
  } finally {
    await store.close();
  }
}

describe('Ctrl-C of a run', () => {
  test('undoes what had been done before the process ends, and says what', async () => {
    const run = startCli(['run', 'saga', '--json'], folder.path);
    await waitUntil('it naps', naps);
    run.child.kill('SIGINT');
    const { code, stdout } = await run.finished;
    expect(code).toBe(130);
    const report = JSON.parse(stdout) as { taskId: string };
    expect(report).toMatchObject({
      status: 'cancelled',
      cleanUp: { status: 'done', compensation: [{ step: 'book', by: 'unbook', status: 'completed' }], warnings: [] },
    });
    const later = await runCli(['tasks', 'get', report.taskId, '--json'], folder.path);
    expect(JSON.parse(later.stdout)).toMatchObject({
      cleanUp: { status: 'done' },
      steps: [{ path: 'book' }, { path: 'nap', status: 'failed' }, { path: 'cleanup/unbook', status: 'completed' }],
    });
  });
});
