import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** The titles of the tests that are not skipped in a source file of the repository, as they are written there. */
export function titlesOf(file: string): readonly string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  const calls =
    /\b(?:it|test)(?:\.(?!skip\b|todo\b)[a-zA-Z]+(?:\([^]*?\)|<[^>]*>\([^]*?\))?)*\(\s*(?<quote>['"`])(?<title>[^]*?)(?<!\\)\k<quote>/g;
  return [...source.matchAll(calls)].map(({ groups }) => groups?.['title'] ?? '');
}

/**
 * The entries (`A3`, `G7`) that texts in a source file begin with, as titles of tests, of groups and of rows of a table
 * do: `A3: …`, `G7, G8: …`.
 */
export function entriesCitedIn(file: string): readonly string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  const texts = /(?<!\.(?:skip|todo)\(\s*)['"`](?<ids>[A-Z]\d+(?:(?:, | and )[A-Z]\d+)*): /g;
  return [...source.matchAll(texts)].flatMap(({ groups }) => (groups?.['ids'] ?? '').split(/, | and /));
}
