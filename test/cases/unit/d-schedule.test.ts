import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineDoor } from '../../../src/cli/engine-door.ts';
import { runCli } from '../../../src/cli/program.ts';
import type { Schedule } from '../../../src/definition/model.ts';
import { Schedules } from '../../../src/schedule/schedules.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { FakeTaskService } from '../../support/fake-task-service.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { definitionOf } from '../../support/protocol-deps.ts';

const SCHEDULES: Readonly<Record<string, Schedule>> = {
  berlin: { type: 'cron', expression: '30 9 * * *', timezone: 'Europe/Berlin' },
  // On the eighth of March the clocks there are put forward.
  york: { type: 'cron', expression: '0 8 7-9 3 *', timezone: 'America/New_York' },
  often: { type: 'interval', seconds: 3600 },
  past: { type: 'once', at: '2020-01-01T00:00:00Z' },
};

let store = new MemoryTaskStore();
beforeEach(() => {
  store = new MemoryTaskStore();
});

async function cli(
  args: string,
  person = true,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  const clock = new ManualClock({ now: Date.parse('2026-01-01T00:00:00Z') });
  const tasks = new FakeTaskService();
  const loaded = Object.entries(SCHEDULES).map(([name, schedule]) => ({
    digest: 'd'.repeat(64),
    file: `${name}.yaml`,
    definition: definitionOf(name, { schedule }),
  }));
  const definitions = { list: () => loaded, get: () => undefined, issues: () => [], errorsOf: () => [] };
  const engine: EngineDoor = {
    definitions,
    tasks,
    schedules: new Schedules({ store, tasks, definitions, clock }),
    schema: () => ({}),
    serveHttp: () => Promise.reject(new Error('not served')),
    serveStdio: () => Promise.reject(new Error('not served')),
    close: () => Promise.resolve(),
  };
  const terminal = new FakeTerminal(person);
  const code = await runCli(args.split(' '), '0', {
    terminal,
    clock,
    openEngine: () => Promise.resolve(engine),
    openServers: () => Promise.reject(new Error('not here')),
    environment: {},
    cwd: '/nowhere',
    exitCode: 0,
  });
  return { code, stdout: terminal.stdout, stderr: terminal.stderr };
}

/** Days and times of the clock in a text, in their order, each once. */
function timesIn(text: string): readonly string[] {
  return [
    ...new Set(
      [...text.matchAll(/(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)/gu)].map(([, day = '', time = '']) => `${day} ${time}`),
    ),
  ];
}

const BERLIN = [1, 2, 3, 4, 5, 6, 7].map((day) => `2026-01-0${day} 09:30`);
const YORK = ['2026-03-07 08:00', '2026-03-08 08:00', '2026-03-09 08:00'];

describe('D7: schedule list', () => {
  it('D7: shows the next five times of each schedule as clocks in its zone show them', async () => {
    const { stdout } = await cli('schedule list');
    const times = timesIn(stdout);
    for (const time of [...BERLIN.slice(0, 5), ...YORK]) expect(times).toContain(time);
    expect(times).not.toContain(BERLIN[5]);
    for (const hour of ['01', '02', '03', '04', '05']) expect(times).toContain(`2026-01-01 ${hour}:00`);
  });
});

describe('D7: schedule next', () => {
  it.each([
    ['five unless told otherwise', 'schedule next berlin', BERLIN.slice(0, 5)],
    ['as many as are asked for', 'schedule next berlin --count 7', BERLIN],
    ['one', 'schedule next berlin --count 1', BERLIN.slice(0, 1)],
    ['over a change of the clocks', 'schedule next york --count 3', YORK],
    ['of an interval', 'schedule next often --count 2', ['2026-01-01 01:00', '2026-01-01 02:00']],
  ])('D7: %s, in the zone of the schedule', async (_what, args, times) => {
    const { code, stdout } = await cli(args);
    expect(code).toBe(0);
    expect(timesIn(stdout)).toEqual(times);
  });

  it('D7: as JSON gives instants', async () => {
    const { code, stdout } = await cli('schedule next york --count 3 --json', false);
    expect(code).toBe(0);
    const instants = [
      ...JSON.stringify(JSON.parse(stdout)).matchAll(/\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)/gu),
    ].map(([text]) => new Date(text).toISOString());
    expect([...new Set(instants)]).toEqual([
      '2026-03-07T13:00:00.000Z',
      '2026-03-08T12:00:00.000Z',
      '2026-03-09T12:00:00.000Z',
    ]);
  });

  it('D7: of one that is over says so', async () => {
    const { code, stdout } = await cli('schedule next past');
    expect(code).toBe(0);
    expect(timesIn(stdout)).toEqual([]);
    expect(stdout).toMatch(/\b(?:none|never|no more|over|ended)\b/u);
  });

  it.each([
    ['schedule next nobody', /nobody/u],
    ['schedule next berlin --count 0', /--count/u],
    ['schedule next berlin --count many', /--count/u],
  ])('D7: %s is wrong usage', async (args, says) => {
    const { code, stderr } = await cli(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(says);
    expect(stderr).not.toContain('unknown command');
  });
});
