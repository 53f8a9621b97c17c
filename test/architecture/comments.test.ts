import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const COLUMNS = 120;

it.each(['src', 'test', 'scripts'])('comments in %s have at most 120 columns', (folder) => {
  const root = join(import.meta.dirname, '../..', folder);
  const long = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(?:ts|tsx|mjs)$/u.test(path) && !path.includes('node_modules'))
    .flatMap((path) =>
      readFileSync(join(root, path), 'utf8')
        .split('\n')
        .filter((line) => /^\s*(?:\*|\/\/|\/\*\*)/u.test(line) && line.length > COLUMNS)
        .map((line) => `${path}: ${line.trim().slice(0, 60)}`),
    );
  expect(long).toEqual([]);
});
