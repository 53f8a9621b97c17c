import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeFolder } from '../../src/store/make-folder.ts';

test('makes every missing level, for the owner alone, and is content with what is there', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'make-folder-'));
  try {
    const path = join(dir, 'a', 'b', 'c');
    await makeFolder(path);
    await makeFolder(path);
    expect((await stat(path)).mode & 0o777).toBe(0o700);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('says no where there is a file in the way, or where the system allows no folder, instead of trying for ever', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'make-folder-'));
  try {
    await writeFile(join(dir, 'file'), '');
    await expect(makeFolder(join(dir, 'file', 'below'))).rejects.toThrow('ENOTDIR');
    await expect(makeFolder('/proc/nope/deeper')).rejects.toThrow(/ENOENT|EACCES|EPERM/);
  } finally {
    await rm(dir, { recursive: true });
  }
});
