import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

/** Of `npm run test:tasks-2025`, which holds any server to the requirements. */
export default defineConfig({
  test: {
    root: fileURLToPath(new URL('../..', import.meta.url)),
    include: ['test/e2e/tasks-2025-subject.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
});
