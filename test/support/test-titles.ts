import { readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

/** A call of one of `names`, also `.each(…)` and the like but no skipped one, up to its title. */
function calls(names: string): RegExp {
  const modified = String.raw`(?:\.(?!skip\b|todo\b)[a-zA-Z]+(?:\([^]*?\)|<[^>]*>\([^]*?\))?)*`;
  const title = String.raw`(?<quote>['"${'`'}])(?<title>[^]*?)(?<!\\)\k<quote>`;
  return new RegExp(String.raw`\b(?:${names})${modified}\(\s*${title}`, 'g');
}

function matches(file: string, pattern: RegExp): readonly string[] {
  const source = readFileSync(new URL(file, root), 'utf8');
  return [...source.matchAll(pattern)].map(({ groups }) => groups?.['title'] ?? '');
}

/** The titles of the tests that are not skipped in a source file of the repository, as they are written there. */
export function titlesOf(file: string): readonly string[] {
  return matches(file, calls('it|test'));
}

/** As `titlesOf`, with the titles of groups and those that rows of a table give (`title: '…'`). */
export function allTitlesOf(file: string): readonly string[] {
  return [
    ...matches(file, calls('it|test|describe')),
    ...matches(file, /\btitle: (?<quote>['"`])(?<title>.*?)\k<quote>/g),
  ];
}
