import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../../..');

test('the demo kills the server in the middle, gets the finished result by the old id, and fits on a screen', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, ['scripts/demo.mjs'], { cwd: ROOT });
  const lines = stdout.trimEnd().split('\n');
  // Only the result is wider than a terminal: two lines more.
  expect(lines.length).toBeLessThanOrEqual(24);
  const killed = lines.findIndex((line) => line.includes('SIGKILL'));
  expect(killed).toBeGreaterThan(0);
  expect(lines.slice(0, killed).join('\n')).toContain(' 25 %');
  expect(lines.slice(killed).join('\n')).toContain('started again');
  expect(lines.slice(killed).join('\n')).toMatch(/completed +█+ 100 %/);
  expect(lines.at(-1)).toContain('tasks/result → {"regions":["Long running operation completed.');
});
