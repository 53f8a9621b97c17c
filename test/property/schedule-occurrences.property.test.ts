import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../src/definition/model.ts';
import { fireTime, occurrencesOf } from '../../src/schedule/occurrence.ts';
import { clockChanges, DAY, localMinute, MINUTE, offsetAt } from '../support/local-time.ts';

/**
 * Zones whose clocks change by an hour, by half an hour, at midnight, backwards in winter, by law at short notice, or
 * by a day.
 */
const ZONES = [
  'Europe/Berlin',
  'Europe/Dublin',
  'America/New_York',
  'America/St_Johns',
  'America/Havana',
  'America/Santiago',
  'Africa/Cairo',
  'Africa/Casablanca',
  'Asia/Beirut',
  'Asia/Kolkata',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
  'Pacific/Apia',
  'Antarctica/Troll',
];
const FROM = Date.UTC(2011, 0, 1);
const TO = Date.UTC(2027, 0, 1);
const changes = new Map(ZONES.map((zone) => [zone, clockChanges(zone, FROM, TO)]));

const zone = fc.constantFrom(...ZONES);
/** A moment, mostly within two days of a change of the clocks. */
const around = zone.chain((name) => {
  const known = changes.get(name) ?? [];
  const near = fc
    .tuple(fc.constantFrom(...(known.length === 0 ? [FROM] : known)), fc.integer({ min: -2 * DAY, max: 2 * DAY }))
    .map(([change, away]) => change + away);
  const anywhere = fc.integer({ min: FROM, max: TO });
  return fc.record({ zone: fc.constant(name), at: fc.oneof({ weight: 4, arbitrary: near }, anywhere) });
});

const hour = fc.integer({ min: 0, max: 23 });
const minute = fc.integer({ min: 0, max: 59 });
/** Hours around which clocks are put forward or back. */
const changingHour = fc.oneof({ weight: 3, arbitrary: fc.integer({ min: 0, max: 4 }) }, hour);
const list = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.uniqueArray(of, { minLength: 1, maxLength: 3 });
const ascending = (numbers: readonly number[]): string => [...numbers].sort((a, b) => a - b).join(',');

const cron = (expression: string, timezone: string): Schedule => ({ type: 'cron', expression, timezone });

function runsBetween(schedule: Schedule, from: number, to: number): readonly number[] {
  const { next } = occurrencesOf(schedule);
  const runs: number[] = [];
  for (let time = next(from); time !== undefined && time <= to; time = next(time)) runs.push(time);
  return runs;
}

describe('occurrences (S1)', () => {
  it('the next one does not depend on where in the span before it one asks', () => {
    const expression = fc.oneof(
      fc.tuple(list(minute), list(changingHour)).map(([m, h]) => `${ascending(m)} ${ascending(h)} * * *`),
      fc.tuple(fc.integer({ min: 1, max: 30 }), changingHour).map(([step, h]) => `*/${step} ${h} * * *`),
      fc.tuple(minute, fc.integer({ min: 1, max: 5 })).map(([m, step]) => `${m} */${step} * * *`),
      fc.tuple(minute, changingHour, fc.integer({ min: 0, max: 6 })).map(([m, h, d]) => `${m} ${h} * * ${d}`),
      fc.tuple(minute, changingHour, fc.integer({ min: 1, max: 28 })).map(([m, h, d]) => `${m} ${h} ${d} * *`),
    );
    fc.assert(
      fc.property(expression, around, fc.double({ min: 0, max: 1, noNaN: true }), (text, { zone: name, at }, where) => {
        // Each answer from a value of its own, because one remembers.
        const next = (after: number): number | undefined => occurrencesOf(cron(text, name)).next(after);
        const following = next(at) ?? 0;
        expect(following).toBeGreaterThan(at);
        const between = Math.min(following - 1, Math.floor(at + (following - at) * where));
        expect(next(between)).toBe(following);
        expect(next(following - 1)).toBe(following);
      }),
      { numRuns: 2000 },
    );
  });

  it('a fixed time of day runs once on every date, at the first moment after a gap and at the first pass of an overlap', () => {
    fc.assert(
      fc.property(around, changingHour, minute, ({ zone: name, at }, h, m) => {
        const from = at - 2 * DAY;
        const to = at + 2 * DAY;
        const expected = new Map<string, number>();
        const start = Math.ceil((from + 1) / MINUTE) * MINUTE;
        // From the local midnight before, so that a first pass before the span is known.
        for (let time = start - 2 * DAY; time <= to; time += MINUTE) {
          const local = localMinute(name, time);
          const jumpedOver =
            offsetAt(name, time) > offsetAt(name, time - MINUTE) && skips(name, time, local.date, h * 60 + m);
          if ((local.hour !== h || local.minute !== m) && !jumpedOver) continue;
          if (!expected.has(local.date)) expected.set(local.date, time);
        }
        const times = [...expected.values()].filter((time) => time > from);
        expect(runsBetween(cron(`${m} ${h} * * *`, name), from, to).map(iso)).toEqual(times.map(iso));
      }),
      { numRuns: 60 },
    );
  });

  it('an expression with a step runs at every moment whose local time matches, in both passes of an overlap and nowhere in a gap', () => {
    fc.assert(
      fc.property(around, fc.constantFrom(5, 10, 15, 20, 30), changingHour, ({ zone: name, at }, step, h) => {
        const from = at - DAY;
        const to = at + DAY;
        const expected: number[] = [];
        for (let time = Math.floor(from / MINUTE) * MINUTE + MINUTE; time <= to; time += MINUTE) {
          const local = localMinute(name, time);
          if (local.hour === h && local.minute % step === 0) expected.push(time);
        }
        expect(runsBetween(cron(`*/${step} ${h} * * *`, name), from, to).map(iso)).toEqual(expected.map(iso));
      }),
      { numRuns: 60 },
    );
  });

  it('the newest ones of a span are the end of all of them', () => {
    const schedule = fc.oneof(
      fc.tuple(minute, hour, zone).map(([m, h, name]) => cron(`${m} ${h} * * *`, name)),
      fc.tuple(minute, zone).map(([m, name]) => cron(`${m} * * * *`, name)),
      fc.integer({ min: 600, max: 100_000 }).map((seconds): Schedule => ({ type: 'interval', seconds })),
      fc
        .integer({ min: FROM, max: FROM + 60 * DAY })
        .map((at): Schedule => ({ type: 'once', at: new Date(at).toISOString() })),
    );
    fc.assert(
      fc.property(
        schedule,
        fc.integer({ min: FROM, max: FROM + 30 * DAY }),
        fc.integer({ min: 0, max: 20 * DAY }),
        fc.integer({ min: 1, max: 50 }),
        (given, from, span, limit) => {
          const all = runsBetween(given, from, from + span);
          expect(occurrencesOf(given).latest(from, from + span, limit)).toEqual(all.slice(-limit));
        },
      ),
      { numRuns: 200 },
    );
  });
});

describe('jitter (S2)', () => {
  it('is the same for everybody, never early, and never reaches the next occurrence', () => {
    fc.assert(
      fc.property(
        fc.string({ minLength: 1 }),
        fc.integer({ min: 1, max: 7200 }),
        fc.integer({ min: FROM, max: TO }),
        (workflow, jitter_seconds, at) => {
          const schedule: Schedule = { type: 'cron', expression: '*/10 * * * *', jitter_seconds };
          const occurrences = occurrencesOf(schedule);
          const time = occurrences.next(at) ?? 0;
          const fire = fireTime(workflow, schedule, occurrences, time);
          expect(fire).toBe(fireTime(workflow, { ...schedule }, occurrencesOf(schedule), time));
          expect(fire).toBeGreaterThanOrEqual(time);
          expect(fire).toBeLessThan(Math.min(time + jitter_seconds * 1000, occurrences.next(time) ?? 0));
        },
      ),
    );
  });
});

/** Whether the clocks, put forward at `time`, jump over this minute of the day on `date`. */
function skips(name: string, time: number, date: string, minuteOfDay: number): boolean {
  const before = localMinute(name, time - MINUTE);
  const after = localMinute(name, time);
  const wanted = Date.parse(`${date}T00:00:00Z`) + minuteOfDay * MINUTE;
  return wanted > clockTime(before) && wanted < clockTime(after);
}

function clockTime(local: ReturnType<typeof localMinute>): number {
  return Date.parse(`${local.date}T00:00:00Z`) + (local.hour * 60 + local.minute) * MINUTE;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
