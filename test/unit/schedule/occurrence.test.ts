import { describe, expect, it } from 'vitest';
import type { Schedule } from '../../../src/definition/model.ts';
import { ScheduleTextError } from '../../../src/definition/schedule-times.ts';
import { fireTime, occurrencesOf } from '../../../src/schedule/occurrence.ts';
import { processorMsSince } from '../../support/machine-speed.ts';

const cron = (expression: string, timezone?: string): Schedule => ({
  type: 'cron',
  expression,
  ...(timezone !== undefined && { timezone }),
});

function runs(schedule: Schedule, after: string, count: number): string[] {
  const { next } = occurrencesOf(schedule);
  const times: string[] = [];
  for (let time = next(Date.parse(after)); time !== undefined && times.length < count; time = next(time)) {
    times.push(new Date(time).toISOString().replace(':00.000Z', 'Z'));
  }
  return times;
}

/** Clock changes in ten zones: what runs around them, as instants. Taken from the zones' published rules. */
const CLOCK_CHANGES: readonly [
  what: string,
  expression: string,
  zone: string,
  after: string,
  expected: readonly string[],
][] = [
  [
    'a fixed time in the gap runs at the first moment after it',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-03-28T00:00Z',
    ['2026-03-28T01:30Z', '2026-03-29T01:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'a fixed time that comes twice runs at the first pass',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-24T00:00Z',
    ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    'asked between the two passes, it is the next day',
    '30 2 * * *',
    'Europe/Berlin',
    '2026-10-25T00:30Z',
    ['2026-10-26T01:30Z'],
  ],
  [
    'a list of fixed times in the gap runs once after it',
    '0,30 2 * * *',
    'Europe/Berlin',
    '2026-03-29T00:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'two fixed times that fall together run once',
    '0 2,3 * * *',
    'Europe/Berlin',
    '2026-03-29T00:00Z',
    ['2026-03-29T01:00Z', '2026-03-30T00:00Z', '2026-03-30T01:00Z'],
  ],
  [
    'a step inside the gap does not run that day',
    '*/30 2 * * *',
    'Europe/Berlin',
    '2026-03-29T00:00Z',
    ['2026-03-30T00:00Z', '2026-03-30T00:30Z'],
  ],
  [
    'a step goes on through both passes',
    '*/30 * * * *',
    'Europe/Berlin',
    '2026-10-24T23:30Z',
    [
      '2026-10-25T00:00Z',
      '2026-10-25T00:30Z',
      '2026-10-25T01:00Z',
      '2026-10-25T01:30Z',
      '2026-10-25T02:00Z',
      '2026-10-25T02:30Z',
    ],
  ],
  [
    'every hour is every elapsed hour',
    '@hourly',
    'America/New_York',
    '2026-11-01T04:30Z',
    ['2026-11-01T05:00Z', '2026-11-01T06:00Z', '2026-11-01T07:00Z'],
  ],
  [
    'the gap of New York',
    '15 2 * * *',
    'America/New_York',
    '2026-03-08T05:00Z',
    ['2026-03-08T07:00Z', '2026-03-09T06:15Z'],
  ],
  [
    'the overlap of London',
    '30 1 * * *',
    'Europe/London',
    '2026-10-24T00:00Z',
    ['2026-10-24T00:30Z', '2026-10-25T00:30Z', '2026-10-26T01:30Z'],
  ],
  [
    'a gap of half an hour',
    '15 2 * * *',
    'Australia/Lord_Howe',
    '2026-10-02T20:00Z',
    ['2026-10-03T15:30Z', '2026-10-04T15:15Z'],
  ],
  [
    'an overlap of half an hour',
    '45 1 * * *',
    'Australia/Lord_Howe',
    '2026-04-03T20:00Z',
    ['2026-04-04T14:45Z', '2026-04-05T15:15Z'],
  ],
  [
    'midnight in the gap',
    '0 0 * * *',
    'America/Sao_Paulo',
    '2017-10-14T00:00Z',
    ['2017-10-14T03:00Z', '2017-10-15T03:00Z', '2017-10-16T02:00Z'],
  ],
  [
    'midnight in the gap, of Cairo',
    '30 0 * * *',
    'Africa/Cairo',
    '2026-04-22T00:00Z',
    ['2026-04-22T22:30Z', '2026-04-23T22:00Z', '2026-04-24T21:30Z'],
  ],
  [
    'midnight that comes twice',
    '0 0 * * *',
    'America/Havana',
    '2026-10-31T00:00Z',
    ['2026-10-31T04:00Z', '2026-11-01T04:00Z', '2026-11-02T05:00Z'],
  ],
  [
    'clocks put back for a month of fasting and forward again',
    '30 2 * * *',
    'Africa/Casablanca',
    '2026-02-14T00:00Z',
    ['2026-02-14T01:30Z', '2026-02-15T01:30Z', '2026-02-16T02:30Z'],
  ],
  [
    'a quarter-hour offset',
    '45 2 * * *',
    'Pacific/Chatham',
    '2026-09-25T00:00Z',
    ['2026-09-25T14:00Z', '2026-09-26T14:00Z', '2026-09-27T13:00Z'],
  ],
  [
    'a date that a country skipped does not run',
    '0 12 * * *',
    'Pacific/Apia',
    '2011-12-29T00:00Z',
    ['2011-12-29T22:00Z', '2011-12-30T22:00Z'],
  ],
  [
    'a zone without daylight saving',
    '30 2 * * *',
    'Asia/Kolkata',
    '2026-03-28T00:00Z',
    ['2026-03-28T21:00Z', '2026-03-29T21:00Z'],
  ],
];

/** What the Open Cron Pattern Specification says, one line a rule, from Thursday 2026-01-01. */
const PATTERNS: readonly [rule: string, expression: string, expected: readonly string[]][] = [
  ['five fields mean second 0', '30 9 * * *', ['2026-01-01T09:30Z', '2026-01-02T09:30Z']],
  ['six fields begin with seconds', '15 30 9 * * *', ['2026-01-01T09:30:15.000Z']],
  ['seven fields end with the year', '0 0 9 1 1 * 2030', ['2030-01-01T09:00Z']],
  ['white space of any kind and amount', '  30\t9   * * *  ', ['2026-01-01T09:30Z']],
  ['lists', '0 0,12 * * *', ['2026-01-01T12:00Z', '2026-01-02T00:00Z']],
  [
    'ranges and their steps',
    '0 10-16/3 * * *',
    ['2026-01-01T10:00Z', '2026-01-01T13:00Z', '2026-01-01T16:00Z', '2026-01-02T10:00Z'],
  ],
  ['steps of everything', '*/25 3 * * *', ['2026-01-01T03:00Z', '2026-01-01T03:25Z', '2026-01-01T03:50Z']],
  ['names of months and weekdays, in any case', '0 0 * feb MON', ['2026-02-02T00:00Z', '2026-02-09T00:00Z']],
  ['0 and 7 are Sunday: 0', '0 0 * * 0', ['2026-01-04T00:00Z']],
  ['0 and 7 are Sunday: 7', '0 0 * * 7', ['2026-01-04T00:00Z']],
  ['day of month or weekday', '0 12 1 * MON', ['2026-01-01T12:00Z', '2026-01-05T12:00Z']],
  ['day of month and weekday, with +', '0 12 1 * +MON', ['2026-06-01T12:00Z', '2027-02-01T12:00Z']],
  ['? is any', '0 12 ? * MON', ['2026-01-05T12:00Z']],
  ['L is the last day', '0 0 L * *', ['2026-01-31T00:00Z', '2026-02-28T00:00Z']],
  ['L in a leap year', '0 0 0 L 2 * 2028', ['2028-02-29T00:00Z']],
  ['#L is the last such weekday', '0 0 * * FRI#L', ['2026-01-30T00:00Z', '2026-02-27T00:00Z']],
  ['#n is the nth such weekday', '0 0 * * TUE#2', ['2026-01-13T00:00Z', '2026-02-10T00:00Z']],
  ['a fifth weekday comes in some months only', '0 0 * * MON#5', ['2026-03-30T00:00Z', '2026-06-29T00:00Z']],
  ['W is the nearest working day', '0 0 15W 2 *', ['2026-02-16T00:00Z']],
  ['W stays in its month', '0 0 1W 8 *', ['2026-08-03T00:00Z']],
  ['February 29th', '0 0 29 2 *', ['2028-02-29T00:00Z', '2032-02-29T00:00Z']],
  ['@yearly', '@yearly', ['2027-01-01T00:00Z']],
  ['@annually', '@annually', ['2027-01-01T00:00Z']],
  ['@monthly', '@MONTHLY', ['2026-02-01T00:00Z']],
  ['@weekly', '@weekly', ['2026-01-04T00:00Z']],
  ['@daily', '@daily', ['2026-01-02T00:00Z']],
  ['@midnight', '@midnight', ['2026-01-02T00:00Z']],
  ['@hourly', '@Hourly', ['2026-01-01T01:00Z', '2026-01-01T02:00Z']],
  ['an impossible date never comes', '0 0 31 2 *', []],
  ['a year that is over never comes', '0 0 0 1 1 * 2020', []],
];

const REFUSED: readonly string[] = [
  '',
  '0 9 * *',
  '0 9 * * * * * *',
  '60 * * * *',
  '0 24 * * *',
  '0 0 32 * *',
  '0 0 1 13 *',
  '0 0 * * 8',
  '0 17-9 * * *',
  '0 */0 * * *',
  '/5 * * * *',
  'MON 9 * * *',
  '0 +12 * * *',
  '0 12 1 * +',
  '0 0 0 1 1 * 0',
  '0 0 0 1 1 * 10000',
  '@reboot',
  '@unknown',
  'every day',
  '2026-02-04T14:30:00Z',
];

describe('cron', () => {
  it.each(CLOCK_CHANGES)('%s: %s in %s', (_what, expression, zone, after, expected) => {
    expect(runs(cron(expression, zone), after, expected.length)).toEqual(expected);
  });

  it('the table covers ten zones and more', () => {
    expect(new Set(CLOCK_CHANGES.map(([, , zone]) => zone)).size).toBeGreaterThanOrEqual(10);
  });

  it.each(PATTERNS)('%s: %s', (_rule, expression, expected) => {
    const found = runs(cron(expression), '2026-01-01T00:00:00Z', Math.max(1, expected.length));
    expect(found).toEqual(expected);
  });

  it.each(REFUSED)('is refused: %j', (expression) => {
    expect(() => occurrencesOf(cron(expression))).toThrow(ScheduleTextError);
  });

  it.each(['Mars/Phobos', '+02:00', '', 'Europe/'])('is refused in zone %j', (zone) => {
    expect(() => occurrencesOf(cron('0 9 * * *', zone))).toThrow(/is not a time zone/);
  });

  it('is UTC when it names no zone', () => {
    expect(runs(cron('0 9 * * *'), '2026-07-01T00:00Z', 1)).toEqual(['2026-07-01T09:00Z']);
  });
});

describe('interval', () => {
  it('counts from the epoch, so that it does not matter when a process started', () => {
    const schedule: Schedule = { type: 'interval', seconds: 300 };
    expect(runs(schedule, '2026-01-01T00:02:11Z', 2)).toEqual(['2026-01-01T00:05Z', '2026-01-01T00:10Z']);
    expect(runs(schedule, '2026-01-01T00:05Z', 1)).toEqual(['2026-01-01T00:10Z']);
  });

  it('takes fractions of a second', () => {
    expect(runs({ type: 'interval', seconds: 1.5 }, '1970-01-01T00:00:00Z', 2)).toEqual([
      '1970-01-01T00:00:01.500Z',
      '1970-01-01T00:00:03.000Z',
    ]);
  });

  it('years of it since the last look cost nothing', () => {
    const { latest } = occurrencesOf({ type: 'interval', seconds: 1 });
    const now = Date.UTC(2026, 0, 1);
    // A walk over every occurrence would take minutes.
    const before = process.cpuUsage();
    expect(latest(0, now, 2)).toEqual([now - 1000, now]);
    expect(processorMsSince(before)).toBeLessThan(5_000);
  });
});

describe('once', () => {
  const once = (at: string, timezone?: string): Schedule => ({
    type: 'once',
    at,
    ...(timezone !== undefined && { timezone }),
  });

  it.each([
    ['in UTC', '2026-02-04T14:30:00Z', undefined, '2026-02-04T14:30Z'],
    ['with an offset', '2026-02-04T14:30:00+02:00', undefined, '2026-02-04T12:30Z'],
    ['with an offset, whatever the zone', '2026-02-04T14:30:00-0500', 'Asia/Tokyo', '2026-02-04T19:30Z'],
    ['local in its zone', '2026-02-04T14:30:00', 'Europe/Berlin', '2026-02-04T13:30Z'],
    ['local without seconds', '2026-07-04 14:30', 'Europe/Berlin', '2026-07-04T12:30Z'],
    ['local without a zone is UTC', '2026-02-04T14:30', undefined, '2026-02-04T14:30Z'],
    ['local in a gap: by the offset before it', '2026-03-29T02:30:00', 'Europe/Berlin', '2026-03-29T01:30Z'],
    ['local in an overlap: the first', '2026-10-25T02:30:00', 'Europe/Berlin', '2026-10-25T00:30Z'],
  ])('%s', (_what, at, zone, expected) => {
    expect(runs(once(at, zone), '2026-01-01T00:00Z', 2)).toEqual([expected]);
  });

  it('comes no more when it is over', () => {
    expect(runs(once('2026-02-04T14:30:00Z'), '2026-02-04T14:30:00Z', 1)).toEqual([]);
  });

  it.each([
    'tomorrow',
    '2026-02-04',
    '2026-02-30T00:00:00Z',
    '2026-02-04T25:00:00Z',
    '2026-13-01T00:00:00Z',
    '0 9 * * *',
  ])('is refused: %s', (at) => {
    expect(() => occurrencesOf(once(at))).toThrow(ScheduleTextError);
  });
});

describe('identity and jitter', () => {
  it('the trigger is what says when; policies, input and the default zone do not change it', () => {
    const { trigger } = occurrencesOf(cron('0 9 * * *'));
    expect(occurrencesOf({ ...cron('0 9 * * *', 'UTC'), overlap: 'allow', input: { a: 1 } }).trigger).toBe(trigger);
    expect(occurrencesOf(cron('0 9 * * *', 'Europe/Berlin')).trigger).not.toBe(trigger);
    expect(occurrencesOf(cron('0 8 * * *')).trigger).not.toBe(trigger);
  });

  it('jitter spreads workflows that come at the same time', () => {
    const schedule: Schedule = { ...cron('0 9 * * *'), jitter_seconds: 600 };
    const occurrences = occurrencesOf(schedule);
    const time = Date.UTC(2026, 0, 1, 9);
    const fires = Array.from(
      { length: 500 },
      (_, index) => fireTime(`workflow-${index}`, schedule, occurrences, time) - time,
    );
    expect(Math.min(...fires)).toBeLessThan(30_000);
    expect(Math.max(...fires)).toBeGreaterThan(570_000);
    expect(fires.reduce((sum, fire) => sum + fire, 0) / 500).toBeGreaterThan(260_000);
    expect(fires.reduce((sum, fire) => sum + fire, 0) / 500).toBeLessThan(340_000);
  });

  it('no jitter is the time itself', () => {
    const schedule = cron('0 9 * * *');
    expect(fireTime('w', schedule, occurrencesOf(schedule), 7)).toBe(7);
  });
});
