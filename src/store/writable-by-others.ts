import { stat } from 'node:fs/promises';

const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/**
 * Those of the paths that every user of the machine can write. One that does not exist is not among them. Never
 * rejects.
 */
export async function writableByOthers(paths: readonly string[]): Promise<readonly string[]> {
  if (process.platform === 'win32') return [];
  const found = await Promise.all(
    paths.map(async (path) => {
      const mode = await stat(path).then(
        (entry) => entry.mode,
        () => 0,
      );
      return (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0 ? [path] : [];
    }),
  );
  return found.flat();
}
