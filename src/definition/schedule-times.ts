import { Cron } from 'croner';
import { messageOf } from '../core/failure.ts';

/** The zone of a schedule that names none. */
export const DEFAULT_TIME_ZONE = 'UTC';

/** A schedule's text cannot be read; the message says which and why, and is fit to be shown. */
export class ScheduleTextError extends Error {
  override readonly name = 'ScheduleTextError';
}

/** Throws `ScheduleTextError` unless this machine knows the IANA zone. */
export function requireTimeZone(zone: string): void {
  // Offsets such as `+02:00` are taken by newer engines and not by others, and they know no daylight saving.
  if (/^[A-Za-z]/.test(zone)) {
    try {
      Intl.DateTimeFormat('en', { timeZone: zone });
      return;
    } catch {
      // Said below.
    }
  }
  throw new ScheduleTextError(`'${zone}' is not a time zone; IANA names such as Europe/Berlin or UTC are expected`);
}

/**
 * A cron expression in a zone, by the Open Cron Pattern Specification: five fields, or six with seconds in front, or
 * seven with a year at the end; names, `L`, `#`, `W`, `@daily` and its like. It only computes; it holds no timer.
 *
 * Daylight saving: a time of day that is skipped runs at the first moment after the gap; one that comes twice runs at
 * the first. An expression with `*` or a step in seconds, minutes or hours follows the elapsed time instead: nothing in
 * the gap, both passes of the hour that comes twice. Throws `ScheduleTextError`.
 */
export function parseCron(expression: string, zone: string): Cron {
  requireTimeZone(zone);
  let cron: Cron;
  try {
    cron = new Cron(expression, { timezone: zone, paused: true, fixedTimeRule: 'no-wildcard' });
  } catch (error) {
    throw new ScheduleTextError(messageOf(error).replace(/^CronPattern: /, ''), { cause: error });
  }
  // The parser takes a date, too; that is a schedule of type `once`.
  if (cron.getPattern() === undefined) throw new ScheduleTextError(`'${expression}' is a time, not a cron expression`);
  return cron;
}

const DATE_TIME =
  /^(?<year>\d{4})-(?<month>\d{2})-(?<day>\d{2})[Tt ](?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d)(?::(?<second>[0-5]\d)(?:\.\d{1,9})?)?(?<offset>[Zz]|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?$/;

/**
 * A point in time from ISO 8601 text, in epoch milliseconds. Without an offset it is local time in `zone`: one that
 * daylight saving skips is read with the offset before the gap, one that comes twice is the first. Throws
 * `ScheduleTextError`.
 */
export function parseInstant(text: string, zone: string): number {
  requireTimeZone(zone);
  const groups = DATE_TIME.exec(text.trim())?.groups;
  if (groups === undefined || !isDay(groups['year'], groups['month'], groups['day'])) {
    throw new ScheduleTextError(`'${text}' is not a time; ISO 8601 such as 2026-02-04T14:30:00Z is expected`);
  }
  if (groups['offset'] !== undefined) {
    const offset = groups['offset'].toUpperCase().replace(/^(?<hours>[+-]\d\d)(?=\d)/, '$<hours>:');
    const at = Date.parse(`${text.trim().slice(0, -groups['offset'].length).replace(/[t ]/, 'T')}${offset}`);
    if (Number.isNaN(at)) throw new ScheduleTextError(`'${text}' is not a time`);
    return at;
  }
  const local = [groups['year'], groups['month'], groups['day']].join('-');
  const once = new Cron(`${local}T${groups['hour']}:${groups['minute']}:${groups['second'] ?? '00'}`, {
    timezone: zone,
    paused: true,
    allowPast: true,
  }).getOnce();
  if (once === null) throw new ScheduleTextError(`'${text}' is not a time in ${zone}`);
  return once.getTime();
}

function isDay(year: string | undefined, month: string | undefined, day: string | undefined): boolean {
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
}
