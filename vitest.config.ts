import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            'test/{unit,steps,property,store,architecture,protocol}/**/*.test.ts',
            'test/cases/unit/**/*.test.ts',
          ],
          // No test waits for time: a minute is for a machine that has other things to do.
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/{integration,e2e,recovery,samples}/**/*.test.ts', 'test/cases/process/**/*.test.ts'],
          setupFiles: ['test/support/wire-watch-setup.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
          maxWorkers: 2,
          // After the unit tests: real processes need the machine to themselves.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
