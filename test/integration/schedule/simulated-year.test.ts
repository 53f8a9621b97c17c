import { expect, it } from 'vitest';
import type { Schedule } from '../../../src/definition/model.ts';
import { CLOCK_WAS_WRONG_MS, IN_TIME_MS } from '../../../src/schedule/decide.ts';
import { fireTime, occurrencesOf } from '../../../src/schedule/occurrence.ts';
import type { Scheduler } from '../../../src/schedule/scheduler.ts';
import { DAY, MINUTE } from '../../support/local-time.ts';
import { ScheduleWorld } from '../../support/schedule-world.ts';

/*
 * A year of fake time. Downtimes, clocks that are set, machines that sleep; schedules of every type, policy and zone.
 * What must have run is computed from the times at which a server was up, apart from the scheduler:
 * - nothing is begun twice;
 * - whatever comes while a server is up runs, at its time;
 * - what comes while none is up runs exactly by its `catch_up`.
 */

const SEED = 20_260_101;
const START = Date.UTC(2026, 0, 1);
const END = START + 365 * DAY;
const HOUR = 60 * MINUTE;
/** Servers of the year look around this often, so a clock that was set is noticed that late. */
const NAP = 10 * MINUTE;

const ZONES = [
  'UTC',
  'Europe/Berlin',
  'Europe/London',
  'America/New_York',
  'America/Havana',
  'America/Santiago',
  'Africa/Cairo',
  'Asia/Kolkata',
  'Asia/Beirut',
  'Australia/Lord_Howe',
  'Pacific/Chatham',
];

/** Reproducible numbers in [0, 1) (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

class Dice {
  readonly random: () => number;

  constructor(seed: number) {
    this.random = randomNumbers(seed);
  }

  /** A whole number below `count`. */
  upTo(count: number): number {
    return Math.floor(this.random() * count);
  }

  oneOf<T>(first: T, ...others: readonly T[]): T {
    return others[this.upTo(others.length + 1) - 1] ?? first;
  }
}

function randomSchedule(dice: Dice): Schedule {
  const upTo = (count: number): number => dice.upTo(count);
  const timezone = dice.oneOf('UTC', ...ZONES);
  const policy = {
    timezone,
    overlap: dice.oneOf<NonNullable<Schedule['overlap']>>('skip', 'queue', 'allow', 'cancel_previous'),
    catch_up: dice.oneOf<NonNullable<Schedule['catch_up']>>('none', 'latest', 'all'),
    ...(dice.random() < 0.3 && { jitter_seconds: 1 + upTo(1800) }),
  };
  // Many in the hours in which clocks change.
  const at = `${upTo(60)} ${dice.random() < 0.6 ? upTo(4) : upTo(24)}`;
  const kind = dice.random();
  if (kind < 0.8) return { ...policy, type: 'cron', expression: `${at} * * ${upTo(7)}` };
  if (kind < 0.855) return { ...policy, type: 'cron', expression: `${at} * * *` };
  if (kind < 0.864) return { ...policy, type: 'cron', expression: `${upTo(60)} */${4 + upTo(5)} * * *` };
  if (kind < 0.93) return { ...policy, type: 'cron', expression: `${at} ${dice.oneOf('L', '1', '15W', '31')} * *` };
  if (kind < 0.97) return { ...policy, type: 'interval', seconds: 20_000 + upTo(400_000) };
  return { ...policy, type: 'once', at: new Date(START - 30 * DAY + upTo(365) * DAY + upTo(DAY)).toISOString() };
}

/** A time in which a server was up and its clock went evenly. `known`: nothing up to here was new when it began. */
interface Span {
  readonly from: number;
  readonly known: number;
  to: number;
}

class Year {
  readonly world = new ScheduleWorld(new Date(START).toISOString());
  readonly schedules = new Map<string, Schedule>();
  readonly spans: Span[] = [];
  readonly events = { downtimes: 0, forward: 0, back: 0, wrong: 0 };
  readonly #dice: Dice;
  #server: Scheduler | undefined;
  #highest = START;

  constructor(seed: number, schedules: number) {
    this.#dice = new Dice(seed);
    this.world.tasks.announces = true;
    for (let index = 0; index < schedules; index += 1) {
      const schedule = randomSchedule(this.#dice);
      this.schedules.set(`w${index}`, schedule);
      this.world.definitions.set(`w${index}`, schedule);
    }
  }

  /** `wrong`: how often, of all that happens, the clock turns out to have been days ahead. */
  async run(wrong: number): Promise<void> {
    const dice = this.#dice;
    await this.#up();
    while (this.world.clock.now() < END) {
      await this.world.clock.advance(HOUR + dice.upTo(12 * DAY));
      const event = dice.random();
      if (event < wrong) await this.#set('wrong', 2 * DAY + dice.upTo(4 * DAY));
      else if (event < 0.6) await this.#downtime(10 * MINUTE + dice.upTo(dice.random() < 0.8 ? DAY : 5 * DAY));
      else if (event < 0.8) await this.#set('forward', 10 * MINUTE + dice.upTo(DAY));
      else await this.#set('back', 5 * MINUTE + dice.upTo(20 * HOUR));
    }
    // What waits in a queue runs; the last jitter passes.
    await this.world.clock.advance(2 * DAY);
    this.#mark();
    await this.#server?.close();
  }

  async #up(): Promise<void> {
    this.#server = await this.world.serve({ napMs: NAP });
    this.#begin();
  }

  #begin(): void {
    const now = this.world.clock.now();
    // Beyond that, what was decided under the wrong clock is decided anew.
    this.#highest = Math.min(this.#highest, now + CLOCK_WAS_WRONG_MS);
    this.spans.push({ from: now, known: this.#highest, to: now });
  }

  #mark(): void {
    const now = this.world.clock.now();
    const span = this.spans.at(-1);
    if (span !== undefined) span.to = now;
    this.#highest = Math.max(this.#highest, now);
  }

  async #downtime(ms: number): Promise<void> {
    this.events.downtimes += 1;
    this.#mark();
    await this.#server?.close();
    await this.world.clock.advance(ms);
    await this.#up();
  }

  async #set(how: 'forward' | 'back' | 'wrong', ms: number): Promise<void> {
    this.events[how] += 1;
    this.#mark();
    const { clock } = this.world;
    clock.setWall(clock.now() + (how === 'forward' ? ms : -ms));
    // Until it is noticed, nobody is up.
    await clock.advance(NAP);
    this.#begin();
  }
}

/** Everything that should not have been, in words; and how many occurrences were looked at. */
function judge(year: Year): { readonly faults: readonly string[]; readonly checked: number } {
  const begun = new Map<string, Map<number, number>>();
  for (const { request, at } of year.world.tasks.begun) {
    const times = begun.get(request.workflow) ?? new Map<number, number>();
    times.set(Date.parse(request.scheduleTime ?? ''), at);
    begun.set(request.workflow, times);
  }
  const faults: string[] = [];
  let checked = 0;
  const last = Math.max(...year.spans.map((span) => span.to));
  for (const [name, schedule] of year.schedules) {
    const occurrences = occurrencesOf(schedule);
    const times = begun.get(name) ?? new Map<number, number>();
    const all: number[] = [];
    for (let time = occurrences.next(START); time !== undefined && time < last; time = occurrences.next(time)) {
      all.push(time);
    }
    const fault = (time: number, what: string): void => {
      faults.push(`${name} ${JSON.stringify(schedule)} ${new Date(time).toISOString()}: ${what}`);
    };
    const fire = (time: number): number => fireTime(name, schedule, occurrences, time);
    for (const time of all.filter((one) => one < last - 2 * DAY)) {
      checked += 1;
      const at = times.get(time);
      const due = fire(time);
      const seen = year.spans.some((span) => time > span.known && time > span.from && due < span.to);
      if (seen && at === undefined) fault(time, 'a server was up and it did not run');
      if (schedule.catch_up === 'all' && schedule.overlap !== 'cancel_previous' && at === undefined) {
        fault(time, 'catch_up: all and it did not run');
      }
      const inTime = year.spans.some((span) => due + IN_TIME_MS >= span.from - NAP && due <= span.to);
      if (schedule.catch_up === 'none' && at !== undefined && !inTime) fault(time, 'catch_up: none and it ran late');
      if (at !== undefined && at < due) fault(time, 'it ran early');
    }
    for (const span of schedule.catch_up === 'latest' ? year.spans : []) {
      // A server that comes up after a time nobody has seen runs the newest one of it.
      const newest = all.findLast((time) => time <= span.from);
      if (newest === undefined || span.known > newest) continue;
      if (fire(newest) < span.from - NAP && !times.has(newest)) fault(newest, 'catch_up: latest and it did not run');
    }
    const known = new Set(all);
    for (const time of times.keys()) {
      // A clock that was set back may have shown a time before the year.
      const isOne = time < START ? occurrences.next(time - 1) === time : known.has(time);
      if (!isOne) fault(time, 'it is no occurrence of this schedule');
    }
  }
  return { faults, checked };
}

it('a year of 1 000 schedules with downtimes and clocks that are set: no miss, no double', async () => {
  const year = new Year(SEED, 1000);
  await year.run(0);
  const { faults, checked } = judge(year);
  expect(faults.slice(0, 10)).toEqual([]);
  // Not one task was asked for a second time, so no idempotency key was needed to keep it single.
  expect(year.world.tasks.repeats).toBe(0);
  expect(year.events.downtimes).toBeGreaterThan(10);
  expect(year.events.forward).toBeGreaterThan(3);
  expect(year.events.back).toBeGreaterThan(3);
  expect(checked).toBeGreaterThan(60_000);
  expect(year.world.tasks.begun.length).toBeGreaterThan(55_000);
});

it('a year in which clocks are days ahead at times and set right again: no miss, and the same task for the same time', async () => {
  const year = new Year(SEED + 1, 100);
  await year.run(0.15);
  expect(judge(year).faults.slice(0, 10)).toEqual([]);
  expect(year.events.wrong).toBeGreaterThan(3);
  // They ask again for what ran under the wrong clock; the key gives the task that was made then.
  expect(year.world.tasks.repeats).toBeGreaterThan(0);
});
