import { expect, it } from 'vitest';
import type { StoredEntry } from '../../../src/engine/journal.ts';
import { usageIn } from '../../../src/tasks/usage.ts';

const at = { at: 1, step: 'a' };
const result = { status: 'completed', output: null, attempts: 1 } as const;
const entries: readonly StoredEntry[] = [
  { ...at, seq: 1, type: 'decision', path: 'a!turn-1', value: {}, used: { tokens: 100, usd: 0.1 } },
  { ...at, seq: 2, type: 'decision', path: 'a!turn-2', value: {}, used: { tokens: 10, usd: 0.2 } },
  { ...at, seq: 3, type: 'attempt_failed', path: 'a', attempt: 1, failure: { code: 'x', message: 'x' }, used: {} },
  { ...at, seq: 4, type: 'decision', path: 'a#2!turn-1', value: {}, used: { tokens: 1 } },
  { ...at, seq: 5, type: 'finished', path: 'a', kind: 'llm', startedAt: 1, result, used: { bytes: 5 } },
  { ...at, seq: 6, type: 'finished', path: 'f[1]/b', kind: 'llm', startedAt: 1, result, used: { tokens: 7 } },
  { ...at, seq: 7, type: 'finished', path: 'c', kind: 'tool', startedAt: 1, result, used: { tool_calls: 2 } },
  { ...at, seq: 8, type: 'decision', path: 'c!when', value: true },
];

it('usage of a task is the sum of what its entries used, and that of a step is of all its attempts and turns', () => {
  const { usage, ofStep } = usageIn(entries);
  expect(usage).toEqual({ tool_calls: 2, tokens: 118, usd: 0.3 });
  expect([...ofStep]).toEqual([
    ['a', { tokens: 111, usd: 0.3 }],
    ['f[1]/b', { tokens: 7 }],
  ]);
});
