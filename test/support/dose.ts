/**
 * How much of a test that could go on for ever: `ci` in every run, `full` with `npm run test:full`. For numbers of runs
 * and for the time they may take.
 */
export function dose(ci: number, full: number): number {
  return process.env['FULL_DOSE'] === '1' ? full : ci;
}
