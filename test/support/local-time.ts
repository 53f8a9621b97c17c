/** A minute as a wall clock in a zone shows it. */
export interface LocalMinute {
  readonly date: string;
  readonly weekday: number;
  readonly day: number;
  readonly month: number;
  readonly hour: number;
  readonly minute: number;
}

export const MINUTE = 60_000;
export const DAY = 86_400_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** What clocks in `zone` show at an instant, by the machine's own time zone data. */
export function localMinute(zone: string, epochMs: number): LocalMinute {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-GB', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
    });
    formats.set(zone, format);
  }
  // 29/03/2026, 03:00
  const [day = 0, month = 0, year = 0, hour = 0, minute = 0] = format
    .format(epochMs)
    .split(/[^0-9]+/)
    .map(Number);
  const midnight = Date.UTC(year, month - 1, day);
  return {
    date: new Date(midnight).toISOString().slice(0, 10),
    weekday: new Date(midnight).getUTCDay(),
    day,
    month,
    hour,
    minute,
  };
}

/** Milliseconds by which clocks in `zone` are ahead of UTC. */
export function offsetAt(zone: string, epochMs: number): number {
  const at = Math.floor(epochMs / MINUTE) * MINUTE;
  const local = localMinute(zone, at);
  return Date.parse(`${local.date}T00:00:00Z`) + (local.hour * 60 + local.minute) * MINUTE - at;
}

/** The instants in a span at which the zone's clocks are put forward or back. */
export function clockChanges(zone: string, from: number, to: number): readonly number[] {
  const changes: number[] = [];
  for (let day = from; day < to; day += DAY) {
    if (offsetAt(zone, day) === offsetAt(zone, day + DAY)) continue;
    let low = day;
    let high = day + DAY;
    while (high - low > MINUTE) {
      const middle = low + Math.floor((high - low) / 2 / MINUTE) * MINUTE;
      if (offsetAt(zone, middle) === offsetAt(zone, day)) low = middle;
      else high = middle;
    }
    changes.push(high);
  }
  return changes;
}
