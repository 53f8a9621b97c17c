import { MAX_SECONDS } from '../core/duration.ts';

/**
 * A time as the clock on the wall of `zone` shows it, `YYYY-MM-DD HH:MM:SS`; without a zone, that of this machine.
 * Never throws: a zone that is not known here is UTC.
 */
export function localTime(epochMs: number, zone?: string): string {
  const bounded = Number.isNaN(epochMs) ? 0 : Math.min(Math.max(epochMs, 0), MAX_SECONDS * 2000);
  return formatOf(zone).format(new Date(bounded));
}

function formatOf(zone: string | undefined): Intl.DateTimeFormat {
  const parts = { dateStyle: 'short', timeStyle: 'medium' } as const;
  try {
    // Sweden writes dates as ISO 8601 does.
    return new Intl.DateTimeFormat('sv-SE', zone === undefined ? parts : { ...parts, timeZone: zone });
  } catch {
    return new Intl.DateTimeFormat('sv-SE', { ...parts, timeZone: 'UTC' });
  }
}
