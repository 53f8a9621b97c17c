import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new empty folder and its removal. */
export async function tempDir(): Promise<{ readonly path: string; readonly remove: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'mcp-workflow-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
