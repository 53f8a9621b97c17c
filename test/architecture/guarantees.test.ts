import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DEFAULT_ENGINE_LIMITS } from '../../src/engine/limits.ts';
import { SETTINGS } from '../../src/settings.ts';
import { DEFAULT_LIMITS } from '../../src/tasks/limits.ts';
import { titlesOf } from '../support/test-titles.ts';

const root = new URL('../../', import.meta.url);
const text = readFileSync(new URL('docs/guarantees.md', root), 'utf8');

/** One `- `file`: test name` line of the document. */
interface Proof {
  readonly guarantee: string;
  readonly file: string;
  readonly name: string;
}

const sections = text.split(/^## /m).filter((section) => /^D\d/.test(section));
const proofs = sections.flatMap((section): readonly Proof[] => {
  const guarantee = /^D\d+/.exec(section)?.[0] ?? '';
  return [...section.matchAll(/^- `(?<file>[^`]+)`: (?<name>.+)$/gm)].map(({ groups }) => ({
    guarantee,
    file: groups?.['file'] ?? '',
    name: groups?.['name'] ?? '',
  }));
});

/** `20 000`, `4 MiB`, `7 days` as numbers of bytes, milliseconds or things. */
function valueOf(cell: string): number {
  const [, digits = '', unit = ''] = /^([\d ]+?) ?(MiB|days)?$/.exec(cell.trim()) ?? [];
  const units: Readonly<Record<string, number>> = { MiB: 1024 * 1024, days: 86_400_000, '': 1 };
  return Number(digits.replaceAll(' ', '')) * (units[unit] ?? Number.NaN);
}

describe('docs/guarantees.md', () => {
  it('states D1 to D16, in order, each with a proof', () => {
    const stated = sections.map((section) => /^D\d+/.exec(section)?.[0]);
    const expected = Array.from({ length: 16 }, (_, index) => `D${index + 1}`);
    expect(stated).toEqual(expected);
    expect([...new Set(proofs.map(({ guarantee }) => guarantee))]).toEqual(expected);
  });

  it.each(proofs)('$guarantee: $file has a test "$name" that is not skipped', ({ file, name }) => {
    expect(existsSync(new URL(file, root))).toBe(true);
    expect(titlesOf(file)).toContain(name);
  });

  it('publishes the limits that hold', () => {
    const rows = [...text.matchAll(/^\| (?<what>[^|]+?) +\| (?<value>[\d][^|]*?) +\| `(?<setting>\w+)` +\|$/gm)];
    const published = Object.fromEntries(
      rows.map(({ groups }) => [groups?.['what'] ?? '', valueOf(groups?.['value'] ?? '')]),
    );
    const fallbacks = new Map<string, unknown>(Object.entries(SETTINGS).map(([key, { fallback }]) => [key, fallback]));
    for (const { groups } of rows)
      expect(fallbacks.get(groups?.['setting'] ?? ''), groups?.['what'] ?? '').toBe(valueOf(groups?.['value'] ?? ''));
    expect(published).toEqual({
      'open tasks a process': DEFAULT_LIMITS.openTasks,
      'open tasks of one principal': DEFAULT_LIMITS.openTasksPerPrincipal,
      'bytes of the arguments': DEFAULT_LIMITS.argumentBytes,
      'nesting of the arguments': DEFAULT_LIMITS.argumentDepth,
      'bytes of one journal entry': DEFAULT_LIMITS.entryBytes,
      'journal entries of one task': DEFAULT_LIMITS.entries,
      'bytes of a result': DEFAULT_LIMITS.outcomeBytes,
      'nesting of child workflows': DEFAULT_LIMITS.depth,
      'tasks below one root task': DEFAULT_LIMITS.descendants,
      'checkpoints of one task': DEFAULT_ENGINE_LIMITS.stepsPerTask,
      'items of a `foreach`, branches': DEFAULT_ENGINE_LIMITS.fanOut,
      'running at once in one task': DEFAULT_ENGINE_LIMITS.lanes,
      'iterations of a `loop`': DEFAULT_ENGINE_LIMITS.loopIterations,
      "bytes of one step's output": DEFAULT_ENGINE_LIMITS.outputBytes,
      'ttl, when the caller names none': DEFAULT_LIMITS.ttlDefault,
      'ttl at most': DEFAULT_LIMITS.ttlMax,
    });
  });
});
