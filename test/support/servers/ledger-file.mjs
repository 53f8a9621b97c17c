// The ledger: one JSON line per call, fsynced before the call is answered. Without LEDGER nothing is written.
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const file = process.env.LEDGER;
const IDEMPOTENCY_KEY = 'dev.mcp-workflow/idempotency-key';

/** `entry` has `tool` or `method`, `args`, `key`, `pid`; `at` (wall clock, ms) is added. */
export function appendToLedger(entry) {
  if (file === undefined) return;
  const descriptor = openSync(file, 'a');
  try {
    writeSync(descriptor, `${JSON.stringify({ ...entry, at: Date.now() })}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

export function readLedger(path = file) {
  if (path === undefined || !existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Calls of a tool with a label that were noted so far: the state of `flaky` and `fail_times`, safe from restarts. */
export function countInLedger(tool, label) {
  return readLedger().filter((entry) => entry.tool === tool && entry.args?.label === label).length;
}

/**
 * Resolves when the test lets the calls pass that it holds (`release` of its workspace), or rejects when the call is
 * cancelled.
 */
export async function released(signal) {
  while (!existsSync(`${file}.released`)) await sleep(10, undefined, { signal });
}

export function idempotencyKeyOf(params) {
  return params._meta?.[IDEMPOTENCY_KEY] ?? null;
}
