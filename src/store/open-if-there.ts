import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { KeyvTaskStore } from './keyv-task-store.ts';

/**
 * The store in a folder, for somebody who only looks: nothing, and nothing is made, where the folder does not exist, or
 * neither the file nor its log is in it.
 * @throws StoreError when something else is there
 */
export async function openIfThere(folder: string, name: string): Promise<KeyvTaskStore | undefined> {
  const file = join(folder, name);
  return (await isFree(folder, file)) ? undefined : await KeyvTaskStore.open(file);
}

async function isFree(folder: string, file: string): Promise<boolean> {
  try {
    // A log without its database is no empty folder: opening says so (D14).
    return (await stat(folder)).isDirectory() && !existsSync(file) && !existsSync(`${file}-wal`);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT';
  }
}
