// `npm run soak -- --minutes N [--seed S]`: random workflows on two servers that are killed and stopped, with clocks
// that are set, full disks and a downstream server that dies; each is compared with what it does when nothing goes
// wrong. Prints the seed of every round; the same seed makes the same workflows, faults and answers. A round is always
// finished: `--minutes 0` is one.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } } });
const numbers = [values.minutes, ...(values.seed === undefined ? [] : [values.seed])].map(Number);
if (numbers.some((value) => !Number.isFinite(value) || value < 0)) {
  console.error('usage: npm run soak -- --minutes N [--seed S]');
  process.exit(2);
}
const seed = values.seed === undefined ? {} : { SOAK_SEED: values.seed };
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.soak.config.ts'], {
  stdio: 'inherit',
  env: { ...process.env, SOAK_MINUTES: values.minutes, ...seed },
});
process.exitCode = status ?? 1;
