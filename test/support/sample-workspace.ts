import { cp, mkdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp-dir.ts';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));

/**
 * The clone as a newcomer has it after `npm ci`, as far as the samples use it: what they write does not reach the real
 * one.
 */
export interface SampleWorkspace {
  readonly path: string;
  /** What the servers of servers.json take from the environment. */
  readonly env: Readonly<Record<string, string>>;
  remove(): Promise<void>;
}

/** Copies `definitions`, `servers.json` and the tracked part of `work`; the installed packages are the real ones. */
export async function newSampleWorkspace(env: Readonly<Record<string, string>> = {}): Promise<SampleWorkspace> {
  const { path, remove } = await tempDir();
  await mkdir(join(path, 'work'));
  for (const part of ['definitions', 'servers.json', 'work/inbox', 'work/site']) {
    await cp(join(ROOT, part), join(path, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(path, 'node_modules'));
  // The memory server's own default is a path beside its code.
  return { path, env: { MEMORY_FILE_PATH: join(path, 'work/memory.jsonl'), ...env }, remove };
}
