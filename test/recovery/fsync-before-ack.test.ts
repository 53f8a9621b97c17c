import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CLI } from '../support/cli-process.ts';
import { waitUntil } from '../support/wait-until.ts';
import { newWorkspace } from '../support/workspace.ts';

const CREATES = 20;
const hasStrace = spawnSync('strace', ['-V']).status === 0;
/** On CI nothing may pass by being left out: .ci/run installs strace. */
const isCi = process.env['CI'] !== undefined;

const DEFINITION = `
name: nap
task: required
steps:
  - { id: nap, type: wait, seconds: 600 }
`;

/** One finished system call: what it was, on which file, and the text that strace showed of it. */
interface SystemCall {
  readonly name: string;
  readonly text: string;
}

/** The calls in the order in which they ended. A call that was interrupted by another thread's stands in two lines. */
function endedCalls(trace: string): readonly SystemCall[] {
  const begun = new Map<string, string>();
  return trace.split('\n').flatMap((line): readonly SystemCall[] => {
    const [, thread = '', rest = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. (?<name>\w+) resumed>(?<tail>.*)$/.exec(rest);
    if (rest.endsWith('<unfinished ...>')) {
      begun.set(thread, rest);
      return [];
    }
    const text = resumed === null ? rest : `${begun.get(thread) ?? ''}${resumed.groups?.['tail'] ?? ''}`;
    const name = /^\w+/.exec(text)?.[0];
    return name === undefined ? [] : [{ name, text }];
  });
}

it.skipIf(!hasStrace && !isCi)('the log is synced between reading tools/call and writing the handle (D1)', async () => {
  expect(hasStrace, 'strace is installed').toBe(true);
  const workspace = await newWorkspace({ definitions: { 'nap.yaml': DEFINITION }, standIns: {} });
  const trace = join(workspace.path, 'trace');
  const calls = 'trace=read,write,writev,pwrite64,fsync,fdatasync';
  const child = spawn(
    'strace',
    ['-f', '-y', '-s', '100000', '-e', calls, '-o', trace, process.execPath, CLI, 'serve', '--stdio'],
    { cwd: workspace.path, stdio: ['pipe', 'pipe', 'ignore'], env: { PATH: process.env['PATH'] } },
  );
  try {
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    const send = (message: object): boolean => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    const answered = (id: number): Promise<unknown> =>
      waitUntil(`an answer to ${id}`, () => out.includes(`"id":${id}`));
    const clientInfo = { name: 'test', version: '1' };
    send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo } });
    await answered(1);
    send({ method: 'notifications/initialized' });
    for (let id = 1001; id <= 1000 + CREATES; id += 1) {
      send({ id, method: 'tools/call', params: { name: 'nap', arguments: {}, task: { ttl: 60_000 } } });
      await answered(id);
    }
    expect(out.match(/"taskId"/g)?.length).toBeGreaterThanOrEqual(CREATES);
    child.stdin.end();
    await once(child, 'exit');

    const ended = endedCalls(readFileSync(trace, 'utf8'));
    for (let id = 1001; id <= 1000 + CREATES; id += 1) {
      const mark = `\\"id\\":${id}`;
      const asked = ended.findIndex(
        ({ name, text }) => name === 'read' && text.startsWith('read(0<') && text.includes(mark),
      );
      const told = ended.findIndex(
        ({ name, text }) => /^writev?$/.test(name) && /^writev?\(1</.test(text) && text.includes(mark),
      );
      expect(asked, `request ${id} was read`).toBeGreaterThanOrEqual(0);
      expect(told, `request ${id} was answered`).toBeGreaterThan(asked);
      const between = ended.slice(asked, told).filter(({ text }) => text.includes('tasks.sqlite-wal>'));
      const written = between.findLastIndex(({ name }) => name === 'pwrite64');
      const synced = between.findLastIndex(
        ({ name, text }) => /^f(?:data)?sync$/.test(name) && text.trim().endsWith('= 0'),
      );
      expect(written, `the task of ${id} was written`).toBeGreaterThanOrEqual(0);
      expect(synced, `the log was synced before the handle of ${id} left`).toBeGreaterThan(
        between.findIndex(({ name }) => name === 'pwrite64'),
      );
    }
  } finally {
    child.kill('SIGKILL');
    await workspace.remove();
  }
});
