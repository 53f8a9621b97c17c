import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/** What the tests below read of package.json. */
interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly allowScripts: Readonly<Record<string, boolean>>;
}

/** One package of a lock. */
interface Locked {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly hasInstallScript?: boolean;
  readonly engines?: { readonly node?: string };
}

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const manifest = JSON.parse(read('package.json')) as Manifest; // our own file
const LOCKS = ['package-lock.json', 'test/inspector/package-lock.json'];

/** The packages of a lock by their folder, without the project itself. */
function locked(path: string): readonly (readonly [string, Locked])[] {
  const { packages } = JSON.parse(read(path)) as { readonly packages: Readonly<Record<string, Locked>> }; // of npm
  return Object.entries(packages).filter(([folder]) => folder !== '');
}

describe.each(LOCKS)('%s', (path) => {
  it('holds every package, also those of other platforms, to a checksum', () => {
    const loose = locked(path).filter(([, { integrity }]) => integrity?.startsWith('sha512-') !== true);
    expect(loose.map(([folder]) => folder)).toEqual([]);
  });

  it('names no registry, so that each clone uses its own', () => {
    expect(locked(path).flatMap(([, { resolved }]) => resolved ?? [])).toEqual([]);
  });
});

describe('package.json', () => {
  it('allows each install script by name, because npm 12 runs no other: without that of sqlite3 nothing starts', () => {
    const scripted = locked('package-lock.json').filter(([, { hasInstallScript }]) => hasInstallScript === true);
    const names = scripted.map(([folder]) => folder.replace(/^.*node_modules\//u, ''));
    expect(Object.keys(manifest.allowScripts)).toEqual([...new Set(names)]);
    expect(manifest.allowScripts['sqlite3']).toBe(true);
  });

  it('needs no package that refuses the oldest Node.js we promise, 20.19', () => {
    const newer = locked('package-lock.json').filter(([, { engines }]) =>
      /^>=? ?(?:2[1-9]|[3-9]\d|20\.(?:2\d|[3-9]\d))/u.test(engines?.node ?? ''),
    );
    expect(newer.map(([folder, { engines }]) => `${folder} ${engines?.node ?? ''}`)).toEqual([]);
  });

  it('pins every dependency, and each one of the product has its line in docs/decisions/0006', () => {
    const product = { ...manifest.dependencies, ...manifest.optionalDependencies };
    const versions = Object.values({ ...product, ...manifest.devDependencies });
    expect(versions.filter((version) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/u.test(version))).toEqual([]);
    const table = read('docs/decisions/0006-dependencies.md')
      .split('\n')
      .filter((line) => line.startsWith('| `'));
    // `/node` beside `@modelcontextprotocol/server` is short for the other package of the same scope.
    const listed = table.flatMap((line) => {
      const names = [...(line.split('|')[1] ?? '').matchAll(/`(?<name>[^`]+)`/gu)].map(
        ({ groups }) => groups?.['name'] ?? '',
      );
      return names.map((name) => (name.startsWith('/') ? `${names[0]?.split('/')[0] ?? ''}${name}` : name));
    });
    expect(listed.toSorted()).toEqual(Object.keys(product).toSorted());
  });
});
