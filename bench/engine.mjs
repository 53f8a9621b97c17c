// An engine of the build in dist/, on folders of its own, for figures that are measured inside one process.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEngine } from '../dist/compose.js';
import { loadConfig } from '../dist/config.js';

export const PRINCIPAL = 'bench';

const silent = { child: () => silent, debug() {}, info() {}, warn() {}, error() {}, trace() {}, fatal() {} };

/** A folder with `definitions/` (name → definition) and room for data; `remove` when done. */
export async function folder(definitions = {}) {
  const path = await mkdtemp(join(tmpdir(), 'mcp-workflow-bench-'));
  await mkdir(join(path, 'definitions'));
  for (const [name, definition] of Object.entries(definitions)) {
    await writeFile(join(path, 'definitions', `${name}.json`), JSON.stringify({ name, ...definition }));
  }
  await writeFile(join(path, 'servers.json'), '{"mcpServers":{}}');
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** The settings of a server on that folder, as flags of the command line. */
export function flagsOf(path) {
  return {
    definitions: join(path, 'definitions'),
    servers: join(path, 'servers.json'),
    data: join(path, 'data'),
    max_open_tasks: '200000',
    max_open_tasks_per_principal: '200000',
  };
}

/** Opens the engine as `serve` does, without a transport. */
export function open(path, options = {}) {
  return openEngine(loadConfig(flagsOf(path), {}, path), { claims: 'all', logger: silent, ...options });
}

/**
 * Runs `count` tasks of a workflow, `width` at a time; resolves with the milliseconds it took, from first call to last
 * durable outcome.
 */
export async function runTasks(engine, workflow, count, width, args = {}) {
  const waiting = new Map();
  const failed = [];
  const stop = engine.tasks.subscribe((event) => {
    if (event.type !== 'changed' || event.view.endedAt === undefined) return;
    if (event.view.status !== 'completed') failed.push(event.view.statusMessage);
    waiting.get(event.view.taskId)?.();
    waiting.delete(event.view.taskId);
  });
  let left = count;
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      const { taskId } = await engine.tasks.create({ workflow, arguments: args, principal: PRINCIPAL });
      await new Promise((resolve) => waiting.set(taskId, resolve));
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: width }, worker));
  const ms = performance.now() - began;
  stop();
  if (failed.length > 0) throw new Error(`${failed.length} of ${count} tasks did not complete: ${failed[0]}`);
  return ms;
}
