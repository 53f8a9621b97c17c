import { createHash } from 'node:crypto';
import { canonicalJson } from '../core/json.ts';
import type { Schedule } from '../definition/model.ts';
import { DEFAULT_TIME_ZONE, parseCron, parseInstant } from '../definition/schedule-times.ts';

/*
 * S1 An occurrence is a point in time that depends on the schedule's text alone: not on when it was loaded, on other
 *    occurrences, or on who asks. So all processes agree on it, and its time is its identity.
 * S2  Jitter depends on workflow and occurrence alone, and never reaches the next occurrence: the order stays.
 */

/** When a schedule comes. All times are epoch milliseconds. Pure. */
export interface Occurrences {
  /** The first one after `after` (exclusive). `undefined` = none any more. */
  readonly next: (after: number) => number | undefined;
  /**
   * The newest ones in `after` (exclusive) … `upTo` (inclusive), oldest first, at most `limit`. Costs what it returns,
   * however long the span.
   */
  readonly latest: (after: number, upTo: number, limit: number) => readonly number[];
  /** Equal for schedules that come at the same times by the same rule; policies do not count. */
  readonly trigger: string;
}

/** The occurrences of a schedule. Throws `ScheduleTextError` for texts that `validate` reports. */
export function occurrencesOf(schedule: Schedule): Occurrences {
  const next = nextOf(schedule);
  return { next, latest: (after, upTo, limit) => latest(next, after, upTo, limit), trigger: triggerOf(schedule) };
}

function nextOf(schedule: Schedule): Occurrences['next'] {
  const zone = schedule.timezone ?? DEFAULT_TIME_ZONE;
  switch (schedule.type) {
    case 'cron': {
      const cron = parseCron(schedule.expression, zone);
      return remembered((after) => cron.nextRun(new Date(after))?.getTime());
    }
    case 'interval': {
      // Counted from the epoch, not from the start of a process: a restart does not shift it.
      const period = Math.max(1, Math.round(schedule.seconds * 1000));
      return (after) => (Math.floor(after / period) + 1) * period;
    }
    case 'once': {
      const at = parseInstant(schedule.at, zone);
      return (after) => (after < at ? at : undefined);
    }
  }
}

/** Answers again for the span it has answered for last: a scheduler asks many times about the same one. */
function remembered(compute: Occurrences['next']): Occurrences['next'] {
  let from = Number.POSITIVE_INFINITY;
  let found: number | undefined;
  return (after) => {
    if (after >= from && found !== undefined && after < found) return found;
    found = compute(after);
    from = after;
    return found;
  };
}

function triggerOf(schedule: Schedule): string {
  const { type } = schedule;
  const zone = schedule.timezone ?? DEFAULT_TIME_ZONE;
  switch (schedule.type) {
    case 'cron':
      return canonicalJson({ type, expression: schedule.expression, zone });
    case 'interval':
      return canonicalJson({ type, seconds: schedule.seconds });
    case 'once':
      return canonicalJson({ type, at: schedule.at, zone });
  }
}

const FIRST_SPAN_MS = 60_000;
/** What is tried from the beginning of the span first: mostly one or two have come. */
const FEW = 8;

function latest(next: Occurrences['next'], after: number, upTo: number, limit: number): readonly number[] {
  const few = collect(next, after, upTo, FEW);
  if (few.length < FEW) return few.slice(-limit);
  // Looks back over longer and longer spans until one holds enough, so that years without a look cost no more than a
  // minute.
  for (let span = FIRST_SPAN_MS; ; span *= 4) {
    const from = Math.max(after, upTo - span);
    const found = collect(next, from, upTo, Number.POSITIVE_INFINITY);
    if (found.length >= limit || from <= after) return found.slice(-limit);
  }
}

function collect(next: Occurrences['next'], after: number, upTo: number, most: number): number[] {
  const found: number[] = [];
  for (let time = next(after); time !== undefined && time <= upTo && found.length < most; time = next(time)) {
    found.push(time);
  }
  return found;
}

/**
 * When an occurrence begins: its time, plus `jitter_seconds` at most, and before the next occurrence in any case. The
 * same for every process and every try (S2).
 */
export function fireTime(workflow: string, schedule: Schedule, occurrences: Occurrences, time: number): number {
  const jitter = (schedule.jitter_seconds ?? 0) * 1000;
  if (jitter <= 0) return time;
  const following = occurrences.next(time);
  const room = following === undefined ? jitter : Math.min(jitter, following - time - 1);
  return time + Math.floor(fraction(`${workflow}\0${time}`) * room);
}

/** A number in [0, 1) that looks random and depends on the text alone. */
function fraction(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) / 2 ** 32;
}
