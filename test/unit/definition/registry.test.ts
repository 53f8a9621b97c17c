import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { DefinitionRegistry, type RegistryChange } from '../../../src/definition/registry.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

let dir: string;
let remove: () => Promise<void>;
let registry: DefinitionRegistry | undefined;

beforeEach(async () => {
  ({ path: dir, remove } = await tempDir());
});
afterEach(async () => {
  registry?.close();
  registry = undefined;
  await remove();
});

const good = (name: string, action = 't'): string => `name: ${name}\nsteps: [{id: a, server: s, action: ${action}}]\n`;
const write = (file: string, text: string): Promise<void> => writeFile(join(dir, file), text);

async function load(servers?: ReadonlySet<string>): Promise<DefinitionRegistry> {
  registry = await DefinitionRegistry.load({
    dir,
    syntaxes: stepSyntaxes,
    logger: silentLogger,
    clock: systemClock,
    ...(servers === undefined ? {} : { servers }),
  });
  return registry;
}

function names(from: DefinitionRegistry): string[] {
  return from.list().map(({ definition }) => definition.name);
}

function codes(from: DefinitionRegistry): string[] {
  return from.issues().map(({ severity, file, code }) => `${severity} ${file.slice(dir.length + 1)} ${code}`);
}

describe('DefinitionRegistry', () => {
  it('reads json, yaml and yml of the folder and its sub-folders, sorted by name', async () => {
    await mkdir(join(dir, 'more'));
    await write('2.yaml', good('beta'));
    await write('more/1.yml', good('alpha'));
    await write('3.json', '{"name": "Gamma", "steps": [{"id": "a", "server": "s", "action": "t"}]}');
    await write('notes.txt', 'not a definition');
    await write('.hidden.yaml', 'not: one');
    const loaded = await load();
    expect(names(loaded)).toEqual(['Gamma', 'alpha', 'beta']);
    expect(loaded.get('alpha')?.file).toBe(join(dir, 'more/1.yml'));
    expect(loaded.get('nope')).toBeUndefined();
    expect(loaded.issues()).toEqual([]);
  });

  it('reports a bad file and serves the others', async () => {
    await write('bad.yaml', 'name: bad\nsteps: []\nstesp: 1');
    await write('broken.json', '{');
    await write('good.yaml', good('good'));
    const loaded = await load();
    expect(names(loaded)).toEqual(['good']);
    expect(codes(loaded)).toEqual([
      'error bad.yaml invalid_value',
      'error bad.yaml unknown_key',
      'error broken.json syntax',
    ]);
  });

  it('of two files with one name the first by path is served and both are reported', async () => {
    await write('b.yaml', good('same', 'second'));
    await write('a.yaml', good('same', 'first'));
    const loaded = await load();
    expect(loaded.get('same')?.definition.steps[0]?.['action']).toBe('first');
    expect(codes(loaded)).toEqual(['warning a.yaml duplicate_name', 'error b.yaml duplicate_name']);
  });

  it('an unknown server is a warning: the step fails when it is called', async () => {
    await write('a.yaml', good('a'));
    const loaded = await load(new Set(['other']));
    expect(names(loaded)).toEqual(['a']);
    expect(codes(loaded)).toEqual(['warning a.yaml unknown_server']);
  });

  it('refuses links that lead out of the folder and what is not a file', async () => {
    const outside = await tempDir();
    try {
      await writeFile(join(outside.path, 'secret.yaml'), good('secret'));
      await write('real.yaml', good('real'));
      await symlink(join(outside.path, 'secret.yaml'), join(dir, 'link.yaml'));
      await symlink(join(dir, 'real.yaml'), join(dir, 'inside.yaml'));
      await symlink('/dev/zero', join(dir, 'zero.yaml'));
      await mkdir(join(dir, 'folder.yaml'));
      await write('big.yaml', `# ${'x'.repeat(1_100_000)}`);
      const loaded = await load();
      expect(names(loaded)).toEqual(['real']);
      expect(codes(loaded)).toEqual([
        'error big.yaml too_large',
        'warning inside.yaml duplicate_name',
        'error link.yaml outside_folder',
        'error real.yaml duplicate_name',
        'error zero.yaml outside_folder',
      ]);
    } finally {
      await outside.remove();
    }
  });

  it('a folder that does not exist, or is a file, is a clear error', async () => {
    await write('file.yaml', good('a'));
    const options = { syntaxes: stepSyntaxes, logger: silentLogger, clock: systemClock };
    await expect(DefinitionRegistry.load({ ...options, dir: join(dir, 'nope') })).rejects.toThrow(
      /nope.*does not exist/,
    );
    await expect(DefinitionRegistry.load({ ...options, dir: join(dir, 'file.yaml') })).rejects.toThrow(
      'is not a folder',
    );
  });

  it('tells what a reload changed, with new digests, and nothing when nothing changed', async () => {
    await write('a.yaml', good('a'));
    await write('b.yaml', good('b'));
    const loaded = await load();
    const changes: RegistryChange[] = [];
    const stop = loaded.onChange((change) => changes.push(change));
    const before = loaded.get('a')?.digest;
    await loaded.reload();
    expect(changes).toEqual([]);
    await write('a.yaml', good('a', 'other'));
    await write('c.yaml', good('c'));
    await rm(join(dir, 'b.yaml'));
    await loaded.reload();
    expect(changes).toEqual([{ added: ['c'], changed: ['a'], removed: ['b'] }]);
    expect(loaded.get('a')?.digest).not.toBe(before);
    stop();
    await rm(join(dir, 'c.yaml'));
    await loaded.reload();
    expect(changes).toHaveLength(1);
  });

  it('a broken edit keeps the last good version and is reported until it is right again', async () => {
    await write('a.yaml', good('a'));
    const loaded = await load();
    const before = loaded.get('a');
    await write('a.yaml', 'name: a\nsteps: [{id: a');
    await loaded.reload();
    expect(loaded.get('a')).toBe(before);
    expect(new Set(codes(loaded))).toEqual(new Set(['error a.yaml syntax']));
    await write('a.yaml', good('a', 'mended'));
    await loaded.reload();
    expect(loaded.get('a')?.definition.steps[0]?.['action']).toBe('mended');
    expect(loaded.issues()).toEqual([]);
  });

  it('keeps its definitions when the folder vanishes', async () => {
    await write('a.yaml', good('a'));
    const loaded = await load();
    await rename(dir, `${dir}-gone`);
    try {
      await loaded.reload();
      expect(names(loaded)).toEqual(['a']);
      expect(loaded.issues().map(({ code }) => code)).toEqual(['unreadable']);
    } finally {
      await rename(`${dir}-gone`, dir);
    }
  });

  it('reads changed, new and removed files by itself while it watches', async () => {
    await write('a.yaml', good('a'));
    await mkdir(join(dir, 'sub'));
    const loaded = await load();
    loaded.watch();
    await write('a.yaml', good('a', 'changed'));
    await waitUntil('the change is read', () => loaded.get('a')?.definition.steps[0]?.['action'] === 'changed');
    await write('sub/b.yaml', good('b'));
    await waitUntil('the new file is read', () => loaded.get('b') !== undefined);
    await rm(join(dir, 'a.yaml'));
    await waitUntil('the removal is seen', () => loaded.get('a') === undefined);
  });

  it('goes on noticing a file that editors replace by renaming, again and again, in sub-folders too', async () => {
    await mkdir(join(dir, 'sub'));
    for (const file of ['a.yaml', 'sub/b.yaml']) await write(file, good(file.replace(/\W/gu, '_')));
    const loaded = await load();
    loaded.watch();
    for (const round of ['one', 'two', 'three']) {
      for (const file of ['a.yaml', 'sub/b.yaml']) {
        const name = file.replace(/\W/gu, '_');
        await write(`${file}.tmp`, good(name, round));
        await rename(join(dir, `${file}.tmp`), join(dir, file));
        await waitUntil(
          `save ${round} of ${file} is read`,
          () => loaded.get(name)?.definition.steps[0]?.['action'] === round,
        );
      }
    }
  });

  it('notices what is written into a folder that is new, and into one that was replaced', async () => {
    const loaded = await load();
    loaded.watch();
    for (const round of ['one', 'two']) {
      await rm(join(dir, 'new'), { recursive: true, force: true });
      await mkdir(join(dir, 'new/inner'), { recursive: true });
      await write('new/inner/c.yaml', good('c', round));
      await waitUntil(`folder ${round} is read`, () => loaded.get('c')?.definition.steps[0]?.['action'] === round);
      await write('new/inner/c.yaml', good('c', `${round} again`));
      await waitUntil(
        `folder ${round} is followed`,
        () => loaded.get('c')?.definition.steps[0]?.['action'] === `${round} again`,
      );
    }
  });
});
