import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { ALLOWED, lintOverrides, OWN_CLOCK, ROOMS } from './rooms.ts';

const SRC = resolve(dirname(fileURLToPath(import.meta.url)), '../../src');

interface Import {
  readonly file: string;
  readonly target: string;
  readonly typeOnly: boolean;
}

const files = readdirSync(SRC, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(SRC, join(entry.parentPath, entry.name)));

const sources = new Map(files.map((file) => [file, readFileSync(join(SRC, file), 'utf8')]));

/** `import … from './x.ts'`, `export … from`, `import './x.ts'` and `import('./x.ts')`. */
const IMPORT =
  /(?:^|\n)\s*(?:import|export)(?<type> type)?\s[^'"();]*?from\s*['"](?<from>[^'"]+)['"]|import\s*\(?\s*['"](?<bare>[^'"]+)['"]/g;

function importsOf(file: string, source: string): readonly Import[] {
  return [...source.matchAll(IMPORT)].map((match) => {
    const target = match.groups?.['from'] ?? match.groups?.['bare'] ?? '';
    return { file, target, typeOnly: match.groups?.['type'] !== undefined };
  });
}

/** Imports of other files of ours, with their paths under src. */
const own = files.flatMap((file) =>
  importsOf(file, sources.get(file) ?? '')
    .filter(({ target }) => target.startsWith('.'))
    .map((entry) => Object.assign(entry, { path: relative(SRC, resolve(SRC, dirname(file), entry.target)) })),
);

/** `engine/ports.ts` → `engine`; `config.ts` → `config`. */
function roomOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '');
}

describe('arrows between rooms', () => {
  test('the scan sees imports at all, of every form', () => {
    const text = `import type { A } from './a.ts';\nimport {\n  b,\n} from './b.ts';\nexport * from './c.ts';\nimport './d.ts';\nawait import('./e.ts');`;
    expect(importsOf('x.ts', text).map((entry) => entry.target)).toEqual([
      './a.ts',
      './b.ts',
      './c.ts',
      './d.ts',
      './e.ts',
    ]);
    expect(own.length).toBeGreaterThan(30);
  });

  test('every file of src is in a room of the table', () => {
    expect(files.filter((file) => !ROOMS.includes(roomOf(file)))).toEqual([]);
  });

  test('imports go left only', () => {
    const wrong = own.filter(({ file, path }) => {
      const from = roomOf(file);
      const to = roomOf(path);
      return from !== to && !ALLOWED[from]?.some((door) => path === door || path.startsWith(`${door}/`));
    });
    expect(wrong.map(({ file, path }) => `${file} must not import ${path}`)).toEqual([]);
  });

  test('the linter has the same arrows', () => {
    const config = JSON.parse(readFileSync(resolve(SRC, '../.oxlintrc.json'), 'utf8')) as {
      overrides: readonly object[];
    };
    expect(
      config.overrides.filter((override) => 'no-restricted-imports' in (override as { rules: object }).rules),
    ).toEqual(lintOverrides());
  });

  test('imports name the file with its ending', () => {
    expect(own.filter(({ target }) => !/\.(?:ts|json)$/.test(target))).toEqual([]);
  });

  test('there is no cycle of imports between files', () => {
    const graph = new Map(files.map((file) => [file, own.filter((entry) => entry.file === file)]));
    const done = new Set<string>();
    const cycles: string[] = [];
    const visit = (file: string, trail: readonly string[]): void => {
      if (trail.includes(file)) cycles.push([...trail.slice(trail.indexOf(file)), file].join(' → '));
      if (done.has(file) || trail.includes(file)) return;
      for (const { path } of graph.get(file) ?? []) visit(path, [...trail, file]);
      done.add(file);
    };
    for (const file of files) visit(file, []);
    expect(cycles).toEqual([]);
  });
});

describe('the modules of the web pages', () => {
  const PAGE = resolve(SRC, 'ui/page');
  const modules = readdirSync(PAGE).filter((file) => file !== 'tsconfig.json');

  test('import one another and nothing else, since a browser has no way to a package', () => {
    expect(modules.length).toBeGreaterThan(5);
    const imports = modules.flatMap((file) => importsOf(file, readFileSync(join(PAGE, file), 'utf8')));
    const far = imports.filter(({ target }) => !/^\.\/[a-z-]+\.tsx$/.test(target));
    expect(far.map(({ file, target }) => `${file} ${target}`)).toEqual(['preact.tsx preact', 'preact.tsx preact']);
  });

  test('make no markup of texts', () => {
    const made = modules.filter((file) =>
      /innerHTML|outerHTML|insertAdjacent|document\.write|srcdoc/i.test(readFileSync(join(PAGE, file), 'utf8')),
    );
    expect(made).toEqual([]);
  });
});

describe('what has one place', () => {
  function containing(pattern: RegExp): readonly string[] {
    return files.filter((file) => pattern.test(withoutComments(sources.get(file) ?? '')));
  }

  test('the environment is read in config.ts alone', () => {
    expect(containing(/process\.env\b|process\[['"]env/)).toEqual(['config.ts']);
  });

  test('JSON-RPC error numbers are written in protocol/errors.ts alone', () => {
    expect(containing(/-32_?[067]\d\d\b/)).toEqual(['protocol/errors.ts']);
  });

  test('below compose nothing reads the clock of the machine or randomness but the files that say why', () => {
    const below = /^(?:core|definition|engine|steps|tasks|store|schedule|downstream|protocol|transports)\//;
    const global = containing(/\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(/);
    expect(global.filter((file) => below.test(file))).toEqual(Object.keys(OWN_CLOCK));
  });

  test('nothing but the command line writes to standard output', () => {
    const writers = containing(/process\.stdout|console\.(?:log|info|debug)/);
    expect(writers.filter((file) => !file.startsWith('cli') && !file.startsWith('transports/stdio'))).toEqual([]);
  });

  test('there are no rooms for left-overs', () => {
    expect(files.filter((file) => /(?:^|\/)(?:utils?|helpers?|common|misc|shared)(?:\/|\.ts$)/.test(file))).toEqual([]);
  });

  test('file names are kebab-case, except for the generations of MCP, which are dated', () => {
    const names = files.flatMap((file) => file.split('/')).map((part) => part.replace(/\.ts$/, ''));
    expect(names.filter((name) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(name))).toEqual([]);
  });
});

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
