import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Of `npm run test:suites`: the suites of other projects, out of checkouts of theirs. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/suites/**/*.test.ts'],
    testTimeout: 120_000,
  },
});
