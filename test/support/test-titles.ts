import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** The titles of the tests that are not skipped in a source file of the repository, as they are written there. */
export function titlesOf(file: string): readonly string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  const calls =
    /\b(?:it|test)(?:\.(?!skip\b|todo\b)[a-zA-Z]+(?:\([^]*?\)|<[^>]*>\([^]*?\))?)*\(\s*(?<quote>['"`])(?<title>[^]*?)(?<!\\)\k<quote>/g;
  return [...source.matchAll(calls)].map(({ groups }) => groups?.['title'] ?? '');
}
