import { readdirSync, watch, type FSWatcher } from 'node:fs';
import path from 'node:path';

const MAX_FOLDER_DEPTH = 16;

/**
 * Notices changes in a folder and its sub-folders. One watcher for each folder, not Node's recursive one: that one
 * follows the files themselves on Linux and goes deaf for a file as soon as an editor has replaced it by renaming.
 */
export class FolderWatch {
  readonly #dir: string;
  readonly #changed: () => void;
  readonly #failed: (error: unknown) => void;
  #watchers: readonly FSWatcher[] = [];

  /**
   * @param changed called for every event, often several times for one change; call `refresh` before reading the folder
   * @param failed a folder cannot be watched, its changes will be missed
   * @throws when the folder itself cannot be watched
   */
  constructor(dir: string, changed: () => void, failed: (error: unknown) => void) {
    this.#dir = dir;
    this.#changed = changed;
    this.#failed = failed;
    this.#watchers = [this.#watch(dir), ...this.#watchInside(dir, 0)];
  }

  /**
   * Watches the folders that there are now. All anew: one that was removed and made again cannot be told from one that
   * stayed, since file systems give its number to the next.
   */
  refresh(): void {
    const before = this.#watchers;
    try {
      this.#watchers = [this.#watch(this.#dir), ...this.#watchInside(this.#dir, 0)];
    } catch (error) {
      this.#failed(error);
      return;
    }
    for (const watcher of before) watcher.close();
  }

  close(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #watch(folder: string): FSWatcher {
    const watcher = watch(folder, { persistent: false }, () => this.#changed());
    watcher.on('error', (error) => this.#failed(error));
    return watcher;
  }

  #watchInside(folder: string, depth: number): readonly FSWatcher[] {
    if (depth >= MAX_FOLDER_DEPTH) return [];
    return foldersIn(folder).flatMap((inside) => {
      try {
        return [this.#watch(inside), ...this.#watchInside(inside, depth + 1)];
      } catch (error) {
        // One that went away meanwhile is an event of the folder above; anything else is worth a word.
        if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) this.#failed(error);
        return [];
      }
    });
  }
}

function foldersIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.') && entry.name !== 'node_modules')
      .map((entry) => path.join(folder, entry.name));
  } catch {
    return [];
  }
}
