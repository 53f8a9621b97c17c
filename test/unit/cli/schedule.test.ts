import { beforeEach, describe, expect, test } from 'vitest';
import type { EngineDoor } from '../../../src/cli/engine-door.ts';
import { runCli } from '../../../src/cli/program.ts';
import type { JsonValue } from '../../../src/core/json.ts';
import { Schedules } from '../../../src/schedule/schedules.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { FakeTaskService } from '../../support/fake-task-service.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { definitionOf } from '../../support/protocol-deps.ts';

let store = new MemoryTaskStore();
let tasks = new FakeTaskService();
let claims: string[] = [];

beforeEach(() => {
  store = new MemoryTaskStore();
  tasks = new FakeTaskService();
  claims = [];
  tasks.define('report', ({ input }) => Promise.resolve({ content: [], structuredContent: { got: input } }));
});

const definitions = {
  list: () => [
    { ...loaded, definition: definitionOf('plain') },
    {
      ...loaded,
      definition: definitionOf('report', {
        schedule: { type: 'cron', expression: '30 9 * * *', timezone: 'Europe/Berlin', input: { depth: 2 } },
      }),
    },
    { ...loaded, definition: definitionOf('past', { schedule: { type: 'once', at: '2020-01-01T00:00:00Z' } }) },
  ],
  get: () => undefined,
  issues: () => [],
  errorsOf: () => [],
};
const loaded = { digest: 'd'.repeat(64), file: 'x.yaml' };

async function cli(args: string, terminal = new FakeTerminal(false)) {
  const clock = new ManualClock({ now: Date.parse('2026-01-01T00:00:00Z') });
  const engine: EngineDoor = {
    definitions,
    tasks,
    schedules: new Schedules({ store, tasks, definitions, clock }),
    schema: () => ({}),
    serveHttp: () => Promise.reject(new Error('not served')),
    serveStdio: () => Promise.reject(new Error('not served')),
    close: () => Promise.resolve(),
  };
  const code = await runCli(args.split(' '), '1.2.3', {
    terminal,
    clock,
    openEngine: (_config, options) => {
      claims.push(options.claims);
      return Promise.resolve(engine);
    },
    openServers: () => Promise.reject(new Error('not here')),
    environment: {},
    cwd: '/nowhere',
    exitCode: 0,
  });
  return { code, terminal, json: () => JSON.parse(terminal.stdout) as { [key: string]: JsonValue } };
}

describe('schedule', () => {
  test('list: every workflow with a schedule, when it runs next and what the policies are', async () => {
    const { code, json } = await cli('schedule list');
    expect(code).toBe(0);
    expect(json()).toEqual({
      schedules: [
        {
          workflow: 'past',
          state: 'new',
          type: 'once',
          when: 'once 2020-01-01T00:00:00Z',
          overlap: 'skip',
          catchUp: 'none',
          next: null,
          last: null,
          missed: null,
          running: 0,
          waiting: 0,
        },
        {
          workflow: 'report',
          state: 'new',
          type: 'cron',
          when: '30 9 * * * (Europe/Berlin)',
          overlap: 'skip',
          catchUp: 'none',
          next: { time: '2026-01-01T08:30:00.000Z', startsAt: '2026-01-01T08:30:00.000Z' },
          last: null,
          missed: null,
          running: 0,
          waiting: 0,
        },
      ],
    });
    expect(claims).toEqual(['none']);
  });

  test('list on a terminal is a table', async () => {
    const { terminal } = await cli('schedule list', new FakeTerminal(true));
    expect(terminal.stdout).toMatch(/^WORKFLOW +STATE +WHEN +NEXT +LAST\n/);
    expect(terminal.stdout).toContain('2026-01-01 09:30:00 (in 8 h 30 min)');
  });

  test('pause and resume are durable and print the schedule', async () => {
    expect((await cli('schedule pause report')).json()).toMatchObject({ state: 'paused', next: null });
    expect((await cli('schedule list')).json()).toMatchObject({ schedules: [{}, { state: 'paused' }] });
    expect((await cli('schedule resume report --json', new FakeTerminal(true))).json()).toMatchObject({
      state: 'active',
      next: { time: '2026-01-01T08:30:00.000Z' },
    });
    expect(claims).toEqual(['none', 'none', 'none']);
  });

  test("run-now runs it in this process with the schedule's input and prints what run prints", async () => {
    const { code, json } = await cli('schedule run-now report');
    expect(code).toBe(0);
    expect(json()).toMatchObject({ status: 'completed', output: { got: { depth: 2 } }, steps: [{ path: 's' }] });
    expect(claims).toEqual(['own']);
  });

  test('a workflow that is unknown or has no schedule is wrong usage, with what was meant', async () => {
    const unknown = await cli('schedule pause reprot');
    expect(unknown.code).toBe(2);
    expect(unknown.terminal.stderr).toContain("there is no workflow 'reprot'; did you mean 'report'?");
    const plain = await cli('schedule run-now plain');
    expect(plain.code).toBe(2);
    expect(plain.terminal.stderr).toContain("the workflow 'plain' has no schedule");
  });
});
