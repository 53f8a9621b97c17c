// `npm run test:full [-- FILES or -t NAME]`: the property tests, torn logs, the kill loop and all costly inputs at
// their full dose; takes hours.
import { spawnSync } from 'node:child_process';

const given = process.argv.slice(2);
const ALL = [
  'test/property',
  'test/store/torn-log.test.ts',
  'test/recovery/kill-loop.test.ts',
  'test/cases/process/f-cost.test.ts',
];
const files = given.length > 0 ? given : ALL;
const { status } = spawnSync('npx', ['vitest', 'run', ...files], {
  stdio: 'inherit',
  env: { ...process.env, FULL_DOSE: '1' },
});
process.exitCode = status ?? 1;
