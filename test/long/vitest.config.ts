import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Of `npm run test:long`: what takes minutes of waiting, all at once. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/long/**/*.test.ts'],
    setupFiles: ['test/support/wire-watch-setup.ts'],
    testTimeout: 400_000,
    hookTimeout: 60_000,
    maxConcurrency: 20,
  },
});
