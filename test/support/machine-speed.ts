import { parse } from 'yaml';

/**
 * Milliseconds of processor time that the work below takes on the machine for which bounds are written, when nothing
 * else runs there.
 */
const AT_HOME_MS = 50;
const TRIES = 8;

const TEXT = Array.from(
  { length: 1500 },
  (_, index) => `- { id: step_${index}, type: set, values: { n: ${index} } }`,
).join('\n');

/**
 * Milliseconds of processor time since `before` (of `process.cpuUsage`), of all threads of this process: what other
 * processes do does not count.
 */
export function processorMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * How many times longer this machine takes now for work that is none of ours (reading YAML by the library alone), at
 * least 1. A bound in milliseconds of processor time is multiplied by it: a slow or busy machine slows down both, and
 * only what we do badly fails.
 */
export function slowness(): number {
  let best = Infinity;
  for (let tries = 0; tries < TRIES; tries += 1) {
    const before = process.cpuUsage();
    parse(TEXT);
    best = Math.min(best, processorMsSince(before));
  }
  return Math.max(1, best / AT_HOME_MS);
}
