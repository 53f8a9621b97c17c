import { defineConfig } from 'vitest/config';
import { dose } from './test/support/dose.ts';
import { TEST_MS } from './test/support/patience.ts';

/** Tests without processes and without the clock of the machine. */
const UNIT = ['test/{unit,steps,property,store,architecture,protocol}/**/*.test.ts', 'test/cases/unit/**/*.test.ts'];

/** Tests of the built command, with real processes, files and pipes. */
const PROCESSES = ['test/{integration,e2e,recovery,samples}/**/*.test.ts', 'test/cases/process/**/*.test.ts'];

/** Tests of the store on a real PostgreSQL server: they fail where it is not installed. */
const POSTGRES = ['test/postgres/**/*.test.ts'];

/*
 * `npm test` is what a new user waits for: the unit tests, and of those with processes the ones that show that this machine runs what is promised. It takes
 * at most five minutes on two quiet cores. All others run with `npm run test:all`, as in CI. A new file belongs to the others unless it is named here.
 */
const QUICK = [
  // The command line, and what the README shows.
  'test/integration/cli/{command-line,interrupted-run,missing-driver,readme}.test.ts',
  // Both generations of the protocol, over pipe and HTTP, with tasks, questions and lost connections.
  'test/integration/protocol/{http,http-streams,raw-pipe,stdio,tasks-2025}.test.ts',
  'test/integration/protocol-2026/**/*.test.ts',
  // Servers below, the documents of the seed, budgets and limits.
  'test/integration/downstream/{http,remote-task,stdio}.test.ts',
  'test/integration/seed/documents.test.ts',
  // A task over a kill of its server, at its most important moments and at random ones.
  'test/integration/lifecycle/restart.test.ts',
  'test/recovery/{crash-every-write,some-kills}.test.ts',
];

const withProcesses = {
  setupFiles: ['test/support/wire-watch-setup.ts'],
  maxWorkers: 2,
  // After the unit tests: real processes need the machine to themselves.
  sequence: { groupOrder: 1 },
};

/** A test is given up when it hangs, not when it is slow. */
const limits = (ms: number): { testTimeout: number; hookTimeout: number } => {
  const limit = dose(ms, TEST_MS.full);
  return { testTimeout: limit, hookTimeout: limit };
};

export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', include: UNIT, sequence: { groupOrder: 0 }, ...limits(TEST_MS.quick) } },
      { test: { name: 'quick', include: QUICK, ...withProcesses, ...limits(TEST_MS.quick) } },
      // A PostgreSQL server of their own, so they are not part of `npm test`.
      { test: { name: 'postgres', include: POSTGRES, ...withProcesses, ...limits(TEST_MS.all) } },
      { test: { name: 'rest', include: PROCESSES, exclude: QUICK, ...withProcesses, ...limits(TEST_MS.all) } },
    ],
  },
});
