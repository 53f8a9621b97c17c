/*
 * How long a test waits before it says that something hangs. No claim about speed: it is many times what anything takes
 * on a quiet machine, so a machine with many other things to do takes longer and fails nothing.
 */

/**
 * Milliseconds that one thing may take: an answer, or a condition to come true. Less where a bug is planted, so that
 * most never come.
 */
export const PATIENCE_MS = Number(process.env['PATIENCE_MS'] ?? 180_000);

/** Milliseconds for a whole test of `npm test`, for one of `npm run test:all`, and for one at its full dose. */
export const TEST_MS = { quick: 900_000, all: 3_600_000, full: 36_000_000 } as const;
