// `npm run soak -- --minutes N [--seed S]`: random workflows under kills, full disks and a flaky downstream server, each compared with
// what the engine does with it when nothing goes wrong. Prints the seed of every round; the same seed makes the same trees and choices.
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
