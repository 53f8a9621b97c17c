import type { Clock } from './clock.ts';

/** `Retry-After` in either of its forms (RFC 9110, 10.2.3), as milliseconds from now; never negative. */
export function readRetryAfter(header: string | null, clock: Pick<Clock, 'now'>): number | undefined {
  if (header === null || header.trim() === '') return undefined;
  const seconds = Number(header);
  if (Number.isFinite(seconds)) return Math.max(0, Math.round(seconds * 1000));
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - clock.now());
}
