// `npm run soak -- --minutes N [--seed S]`: random workflows on two servers that are killed and stopped, with clocks that are set, full disks and a downstream server
// that dies; each is compared with what it does when nothing goes wrong. Prints the seed of every round; the same seed makes the same workflows, faults and answers.
// `--small`: one round with a short list of faults and, unless told otherwise, always the same seed.
import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';

const FIXED_SEED = '20261128';
const { values } = parseArgs({
  options: { minutes: { type: 'string' }, seed: { type: 'string' }, small: { type: 'boolean', default: false } },
});
const minutes = values.minutes ?? '10';
const seed = values.seed ?? (values.small ? FIXED_SEED : undefined);
const numbers = [minutes, ...(seed === undefined ? [] : [seed])].map(Number);
if (numbers.some((value) => !Number.isFinite(value) || value < 0) || (values.small && values.minutes !== undefined)) {
  console.error('usage: npm run soak -- [--minutes N | --small] [--seed S]');
  process.exit(2);
}
const { status } = spawnSync('npx', ['vitest', 'run', '--config', 'vitest.soak.config.ts'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    SOAK_MINUTES: minutes,
    ...(values.small ? { SOAK_SMALL: '1' } : {}),
    ...(seed === undefined ? {} : { SOAK_SEED: seed }),
  },
});
process.exitCode = status ?? 1;
