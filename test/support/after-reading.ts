import { setTimeout as sleep } from 'node:timers/promises';

/** Long enough for whoever takes a faster answer for that of a host which shows nothing. */
const READING_MS = 300;

/** An answer that comes when a person has read the question. */
export function afterReading<T>(answer: T): Promise<T> {
  return sleep(READING_MS, answer);
}
