import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * A piece of the seed's text with the heading it stands under. `document`: a whole workflow. `fragment`: a part of one.
 */
export interface SeedText {
  readonly name: string;
  readonly kind: 'document' | 'fragment';
  readonly text: string;
}

const FOLDER = new URL('../fixtures/seed/', import.meta.url);

/** Heading of each piece and the heading that follows it; the piece is every byte between. */
const PIECES: readonly (readonly [name: string, kind: SeedText['kind'], heading: string, next: string])[] = [
  ['simple-chain', 'document', 'Simple Chain\n', 'Conditional Workflow\n'],
  ['conditional', 'document', 'Conditional Workflow\n', 'Parallel Execution\n'],
  ['parallel', 'document', 'Parallel Execution\n', 'Loop Until Condition\n'],
  ['loop', 'document', 'Loop Until Condition\n', 'Variable Passing\n'],
  ['retry', 'fragment', 'Retry Strategies\n', 'Fallback Steps\n'],
  ['fallback', 'fragment', 'Fallback Steps\n', 'Error Callbacks\n'],
  ['error-callback', 'fragment', 'Error Callbacks\n', 'Scheduling\n'],
  ['cron', 'fragment', 'Cron Schedules\n', 'Interval Schedules\n'],
  ['interval', 'fragment', 'Interval Schedules\n', 'One-Shot (Scheduled)\n'],
  ['once', 'fragment', 'One-Shot (Scheduled)\n', 'MCP Client Implementation\n'],
  ['daily-site-check', 'document', 'Example 1: Daily Website Check\n', 'Example 2: '],
  ['form-test', 'document', 'Example 2: Multi-Server Form Test\n', 'Example 3: '],
  ['compare-sites', 'document', 'Example 3: Parallel Site Comparison\n', 'Next Steps: Build'],
];

/** The seed as it was given. */
export function seedText(): string {
  return readFileSync(new URL('seed-001.txt', FOLDER), 'utf8');
}

/** The seed's seven documents and six fragments, cut out of its text byte for byte. */
export function seedTexts(): readonly SeedText[] {
  const seed = seedText();
  return PIECES.map(([name, kind, heading, next]) => {
    const start = seed.indexOf(heading);
    const end = seed.indexOf(next, start + heading.length);
    if (start === -1 || end === -1) throw new Error(`the seed has no '${heading.trim()}'`);
    return { name, kind, text: seed.slice(start + heading.length, end) };
  });
}

/** Where the copy of one piece is kept. */
export function seedFixture(piece: SeedText): string {
  return fileURLToPath(new URL(`${piece.name}.${piece.kind === 'document' ? 'json' : 'fragment.txt'}`, FOLDER));
}
