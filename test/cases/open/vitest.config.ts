import { defineConfig } from 'vitest/config';

/** See README.md: faults that are known and not mended. */
export default defineConfig({
  test: {
    include: ['test/cases/open/**/*.test.ts'],
    setupFiles: ['test/support/wire-watch-setup.ts'],
    maxWorkers: 1,
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
