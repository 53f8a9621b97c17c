import { defineConfig } from 'vitest/config';

/** `npm run soak`: takes as long as it is told, so it is no part of `npm test`. */
export default defineConfig({
  test: { include: ['test/soak/**/*.test.ts'], maxWorkers: 1, disableConsoleIntercept: true },
});
