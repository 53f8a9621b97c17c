import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { hostileFiles } from '../../support/hostile-definitions.ts';
import { slowness } from '../../support/machine-speed.ts';
import { PATIENCE_MS } from '../../support/patience.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** `HOSTILE_FILES` and `HOSTILE_SEED` give the full dose (`npm run test:hostile`). */
const FILES = Number(process.env['HOSTILE_FILES'] ?? 5_000);
const SEED = Number(process.env['HOSTILE_SEED'] ?? 20_260_704);

/**
 * Milliseconds of processor time for one file, on the machine that `slowness` knows. What takes longer is read again:
 * compiling, and collecting after the files before, may fall into it.
 */
const CPU_MS = 200;
const TRIES = 12;
const WARM_UP = 300;
/** The reader itself takes about 30 MB: 50 are left to a file. */
const HEAP_MB = 80;

const READER = fileURLToPath(new URL('../../support/definition-reader.mjs', import.meta.url));
const DIST = fileURLToPath(new URL('../../../dist', import.meta.url));

interface Line {
  readonly code?: string;
  readonly message?: string;
  readonly issues?: number;
  readonly longest?: number;
  readonly cpu: number;
  readonly polluted: boolean;
}

let folder: { readonly path: string; remove(): Promise<void> };
const what = new Map<string, string>();

beforeAll(async () => {
  folder = await tempDir();
  await mkdir(join(folder.path, 'definitions'));
  let number = 0;
  for (const file of hostileFiles(FILES, SEED)) {
    const path = join(folder.path, 'definitions', `${String((number += 1)).padStart(6, '0')}.${file.extension}`);
    what.set(path, file.what);
    await writeFile(path, file.bytes);
  }
});

afterAll(async () => folder.remove());

interface Reading {
  readonly lines: ReadonlyMap<string, Line>;
  /** Milliseconds of each, in order. */
  readonly costs: readonly number[];
  readonly problem?: string;
}

/** Reads files in a process of their own; one that dies, or hangs at a file, ends with it. */
async function readAll(paths: readonly string[]): Promise<Reading> {
  const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, READER, DIST], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const closed = once(child, 'close');
  const lines = new Map<string, Line>();
  const hang = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  child.stdin.on('error', () => undefined);
  child.stdin.end(paths.join('\n'));
  const costs: number[] = [];
  for await (const text of createInterface({ input: child.stdout })) {
    // Our own reader wrote it.
    const line = JSON.parse(text) as Line;
    hang.refresh();
    lines.set(paths[costs.length] ?? '', line);
    costs.push(line.cpu);
  }
  const [code, signal] = (await closed) as [number | null, string | null];
  clearTimeout(hang);
  if (code === 0) return { lines, costs };
  const last = what.get(paths[costs.length] ?? '') ?? 'the end';
  return { lines, costs, problem: `ended with ${code ?? signal} at ${last}: ${stderr.slice(-500)}` };
}

/** The least that each of `paths` took, in a process that has read others before, as a server has. */
async function bestOf(paths: readonly string[], others: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const best = new Map<string, number>();
  for (const path of paths) {
    const { costs } = await readAll([...others, ...Array.from({ length: TRIES }, () => path)]);
    best.set(path, Math.min(...costs.slice(others.length)));
  }
  return best;
}

describe('hostile definitions, each read as a server reads it', () => {
  test(`${FILES} files: a clean error or a definition, within ${CPU_MS} ms and 50 MB`, async () => {
    const paths = [...what.keys()];
    const { lines, problem } = await readAll(paths);
    expect(problem).toBeUndefined();
    expect(lines.size).toBe(FILES);
    const named = (wrong: (line: Line) => boolean): string[] =>
      [...lines].flatMap(([path, line]) => (wrong(line) ? [`${what.get(path)}: ${JSON.stringify(line)}`] : []));
    expect(named(({ code }) => code === undefined || code === 'thrown')).toEqual([]);
    expect(named(({ polluted }) => polluted)).toEqual([]);
    // What a person gets to see has an end, and no stack of calls.
    expect(
      named(
        ({ message = '', issues = 0, longest = 0 }) => /\n {4}at /.test(message) || issues > 500 || longest > 20_000,
      ),
    ).toEqual([]);
    const before = slowness();
    const slow = [...lines].filter(([, { cpu }]) => cpu > CPU_MS * before).map(([path]) => path);
    expect(slow.length).toBeLessThan(FILES / 100);
    const best = await bestOf(slow, paths.slice(-WARM_UP));
    const allowed = CPU_MS * Math.max(before, slowness());
    expect(
      slow.flatMap((path) =>
        (best.get(path) ?? Infinity) > allowed ? [`${what.get(path)}: ${best.get(path)} of ${allowed}`] : [],
      ),
    ).toEqual([]);
    // The fuzz reaches both ends: what is refused early, and what is taken.
    const codes = new Set([...lines.values()].map(({ code }) => code));
    expect(codes.size).toBeGreaterThan(20);
    expect([...lines.values()].filter(({ code }) => code === 'ok').length).toBeGreaterThan(FILES / 100);
  });
});
