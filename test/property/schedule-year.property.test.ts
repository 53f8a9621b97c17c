import { expect, it } from 'vitest';
import type { Schedule } from '../../src/definition/model.ts';
import { CLOCK_WAS_WRONG_MS, IN_TIME_MS } from '../../src/schedule/decide.ts';
import { fireTime, occurrencesOf } from '../../src/schedule/occurrence.ts';
import type { Scheduler } from '../../src/schedule/scheduler.ts';
import { DAY, MINUTE } from '../support/local-time.ts';
import { ScheduleWorld } from '../support/schedule-world.ts';

/*
 * A year of fake time. Downtimes, clocks that are set, machines that sleep; schedules of every type, policy and zone. What must have run
 * is computed from the times at which a server was up, apart from the scheduler:
 * - nothing runs twice;
 * - whatever comes while a server is up runs, at its time;
 * - what comes while none is up runs exactly by its `catch_up`.
 */

const SEED = 20_260_101;
const SCHEDULES = 1000;
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

const random = randomNumbers(SEED);
const upTo = (count: number): number => Math.floor(random() * count);
const oneOf = <T>(first: T, ...others: T[]): T => others[upTo(others.length + 1) - 1] ?? first;

function randomSchedule(): Schedule {
  const timezone = oneOf('UTC', ...ZONES);
  const policy = {
    timezone,
    overlap: oneOf<NonNullable<Schedule['overlap']>>('skip', 'queue', 'allow', 'cancel_previous'),
    catch_up: oneOf<NonNullable<Schedule['catch_up']>>('none', 'latest', 'all'),
    ...(random() < 0.3 && { jitter_seconds: 1 + upTo(1800) }),
  };
  // Many in the hours in which clocks change.
  const at = `${upTo(60)} ${random() < 0.6 ? upTo(4) : upTo(24)}`;
  const kind = random();
  if (kind < 0.66) return { ...policy, type: 'cron', expression: `${at} * * ${upTo(7)}` };
  if (kind < 0.84) return { ...policy, type: 'cron', expression: `${at} * * *` };
  if (kind < 0.86) return { ...policy, type: 'cron', expression: `${upTo(60)} */${4 + upTo(5)} * * *` };
  if (kind < 0.92) return { ...policy, type: 'cron', expression: `${at} ${oneOf('L', '1', '15W', '31')} * *` };
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
  readonly spans: Span[] = [];
  readonly events = { downtimes: 0, forward: 0, back: 0, wrong: 0 };
  #server: Scheduler | undefined;
  #highest = START;

  async run(): Promise<void> {
    this.world.tasks.announces = true;
    await this.#up();
    while (this.world.clock.now() < END) {
      await this.world.clock.advance(HOUR + upTo(12 * DAY));
      const event = random();
      if (event < 0.5) await this.#downtime(10 * MINUTE + upTo(random() < 0.8 ? DAY : 5 * DAY));
      else if (event < 0.7) await this.#set('forward', 10 * MINUTE + upTo(DAY));
      else if (event < 0.95) await this.#set('back', 5 * MINUTE + upTo(20 * HOUR));
      else await this.#set('wrong', 2 * DAY + upTo(4 * DAY));
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
    if (this.#highest - now > CLOCK_WAS_WRONG_MS) this.#highest = now;
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

it('a year of 1 000 schedules with downtimes and clocks that are set: no miss, no double', async () => {
  const year = new Year();
  const schedules = new Map(Array.from({ length: SCHEDULES }, (_, index) => [`w${index}`, randomSchedule()]));
  for (const [name, schedule] of schedules) year.world.definitions.set(name, schedule);
  await year.run();

  const ran = new Map<string, Map<number, number>>();
  for (const { request, at } of year.world.tasks.begun) {
    const times = ran.get(request.workflow) ?? new Map<number, number>();
    const time = Date.parse(request.scheduleTime ?? '');
    // The fake tasks would find a second one by its key; that none was even asked for is the stronger claim, below.
    times.set(time, at);
    ran.set(request.workflow, times);
  }
  const faults: string[] = [];
  let checked = 0;
  for (const [name, schedule] of schedules) {
    const occurrences = occurrencesOf(schedule);
    const times = ran.get(name) ?? new Map<number, number>();
    const fault = (time: number, what: string): void => {
      faults.push(`${name} ${JSON.stringify(schedule)} ${new Date(time).toISOString()}: ${what}`);
    };
    const fire = (time: number): number => fireTime(name, schedule, occurrences, time);
    const last = Math.max(...year.spans.map((span) => span.to));
    for (
      let time = occurrences.next(START);
      time !== undefined && time < last - 2 * DAY;
      time = occurrences.next(time)
    ) {
      checked += 1;
      const at = times.get(time);
      const due = fire(time);
      const seen = year.spans.some(
        (span) => time !== undefined && time > span.known && time > span.from && due < span.to,
      );
      if (seen && at === undefined) fault(time, 'a server was up and it did not run');
      if (schedule.catch_up === 'all' && schedule.overlap !== 'cancel_previous' && at === undefined) {
        fault(time, 'catch_up: all and it did not run');
      }
      const inTime = year.spans.some((span) => due + IN_TIME_MS >= span.from - NAP && due <= span.to);
      if (schedule.catch_up === 'none' && at !== undefined && !inTime) fault(time, 'catch_up: none and it ran late');
      if (seen && at !== undefined && schedule.overlap !== 'queue' && at < due) fault(time, 'it ran early');
    }
    for (const span of year.spans) {
      // A server that comes up after a time nobody has seen runs the newest one of it.
      const [newest] = occurrences.latest(START, span.from, 1);
      if (schedule.catch_up !== 'latest' || newest === undefined || span.known > newest) continue;
      if (fire(newest) < span.from - NAP && !times.has(newest)) fault(newest, 'catch_up: latest and it did not run');
    }
    for (const time of times.keys()) {
      if (occurrences.next(time - 1) !== time) fault(time, 'it is no occurrence of this schedule');
    }
  }
  expect(faults.slice(0, 10)).toEqual([]);
  // Only a clock that was wrong by days asks for tasks again, and gets the same ones.
  expect(year.events.wrong).toBeGreaterThan(0);
  expect(year.events.downtimes).toBeGreaterThan(10);
  expect(year.events.forward).toBeGreaterThan(3);
  expect(year.events.back).toBeGreaterThan(3);
  expect(checked).toBeGreaterThan(80_000);
  expect(year.world.tasks.begun.length).toBeGreaterThan(70_000);
  console.log(year.events, checked, year.world.tasks.begun.length, year.world.tasks.repeats);
}, 300_000);
