import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

/**
 * What reads the clock of the machine or waits for it, with the reason: what a busy machine takes longer for fails none
 * of them.
 */
const OWN_CLOCK: Readonly<Record<string, string>> = {
  'e2e/client.mjs': 'polls, and answers as a person does',
  'e2e/restart-2025.test.ts': 'waits until a request is old enough to be kept',
  'integration/downstream/http.test.ts': 'a date in a header',
  'integration/hostile/definitions.test.ts': 'stops a process that hangs',
  'integration/limits/limits.test.ts': 'nothing came too early',
  'integration/schedule/schedules.test.ts': 'what came before and after a moment',
  'integration/seed/fragments.test.ts': 'what comes after a moment',
  'recovery/disk-full.test.ts': 'waits until a time has passed',
  'support/after-reading.ts': 'answers as a person does',
  'support/durable-world.ts': 'lets the disk take its turn',
  'support/kill-lane.ts': 'kills at a random moment',
  'support/read-gate.mjs': 'polls',
  'support/servers/hostile.mjs': 'a server that is slow',
  'support/servers/ledger-file.mjs': 'polls, and notes when a call came',
  'support/servers/ledger.mjs': 'a server that is slow',
  'support/servers/soak-ledger.mjs': 'a server that is slow',
  'support/servers/stand-in.mjs': 'a server that is slow',
  'support/servers/task-server.mjs': 'a server whose tasks take a while',
  'support/shifted-clock.mjs': 'sets the clock of a process',
  'support/wait-until.ts': 'polls, and gives up what hangs',
  'cases/support/f-cost-subject.ts': 'gives up what hangs',
};

const CLOCK = /\bDate\.now\(|\bperformance\.now\(|\bhrtime\b|\bsetTimeout\b/;
/**
 * Limits of a test's own: a number of milliseconds behind its function or among its options, and waiting that gives up
 * after a second.
 */
const OWN_LIMIT =
  /^\s*\}, ?[\d_]{4,}\);|\b(?:testTimeout|hookTimeout|timeout): ?[\d_]{4,}|\bexpect\.poll\(|\bvi\.wait(?:For|Until)\(/m;

const root = new URL('../', import.meta.url);
/** Not those that are about time: they run by themselves, as long as they are told. */
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter(
  (file) =>
    !/(?:^|\/)node_modules\//.test(file) &&
    /(?<!\.config)\.(?:ts|mjs)$/.test(file) &&
    !/^(?:soak|long|suites|conformance|architecture)\//.test(file),
);
const containing = (pattern: RegExp): readonly string[] =>
  files.filter((file) => pattern.test(readFileSync(new URL(file, root), 'utf8')));

describe('tests say nothing of how fast a machine is', () => {
  it('the clock of the machine is read where the table says why, and nowhere else', () => {
    expect(containing(CLOCK).toSorted()).toEqual(Object.keys(OWN_CLOCK).toSorted());
  });

  it('only vitest.config.ts and test/support/patience.ts say when something hangs', () => {
    expect(containing(OWN_LIMIT)).toEqual([]);
  });
});
