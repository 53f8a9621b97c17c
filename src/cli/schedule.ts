import type { Command } from 'commander';
import { isoTime } from '../core/clock.ts';
import { humanDuration } from '../core/duration.ts';
import type { Schedule } from '../definition/model.ts';
import { DEFAULT_TIME_ZONE } from '../definition/schedule-times.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import { scheduleObject, whenText } from '../schedule/schedules.ts';
import type { ScheduleView } from '../schedule/schedules.ts';
import { addSettings, COMMON_SETTINGS, LOOKING, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT, usageError } from './exit.ts';
import { localTime } from './local-time.ts';
import { follow } from './follow.ts';
import { printJson, printOutcome, table, taskFacts } from './present.ts';
import { exitCodeOf, runReport } from './report.ts';
import { plainLine, plainText } from './terminal.ts';

/** Times that are shown unless told otherwise, and the most of them. */
const NEXT_SHOWN = 5;
const MOST_NEXT = 1000;

interface ScheduleFlags {
  readonly json?: true;
}

/**
 * `mcp-workflow schedule …`: look at schedules and steer them. Works beside a running server, which notices within
 * seconds.
 */
export function addSchedule(program: Command, context: CliContext): void {
  const schedule = program.command('schedule').description('look at schedules, pause, resume or run them');
  addList(schedule, context);
  addNext(schedule, context);
  addSwitch(schedule, context, 'pause', 'begin nothing any more until it is resumed');
  addSwitch(schedule, context, 'resume', 'go on with the next occurrence');
  addRunNow(schedule, context);
  for (const command of schedule.commands) {
    command.option('--json', 'print one JSON document and nothing else');
    addSettings(command, COMMON_SETTINGS);
  }
}

function addList(schedule: Command, context: CliContext): void {
  const command = schedule.command('list').description('list the schedules: when next, when last, what was missed');
  command.action(async (flags: ScheduleFlags) => {
    const { terminal, clock } = context;
    await withEngine(command, context, LOOKING, async (engine) => {
      const views = await engine.schedules.list();
      if (!terminal.out.isTerminal || flags.json === true) {
        printJson(terminal, { schedules: views.map(scheduleObject) });
        return;
      }
      terminal.out.write(schedulesText(views, clock.now()));
      for (const { workflow, state } of views) {
        const { schedule: of, times } = engine.schedules.upcoming(workflow, NEXT_SHOWN);
        if (state !== 'paused' && times.length > 0) terminal.out.write(`\n${upcomingText(workflow, of, times)}`);
      }
    });
  });
}

interface NextFlags extends ScheduleFlags {
  readonly count: string;
}

function addNext(schedule: Command, context: CliContext): void {
  const command = schedule
    .command('next')
    .description('show when a schedule comes next')
    .argument('<NAME>', 'the workflow')
    .option('--count <N>', 'how many times', String(NEXT_SHOWN));
  command.action(async (workflow: string, flags: NextFlags) => {
    const { terminal } = context;
    const count = Number(flags.count);
    if (!Number.isInteger(count) || count < 1 || count > MOST_NEXT)
      throw usageError(`--count: expected a whole number from 1 to ${MOST_NEXT}`);
    await withEngine(command, context, LOOKING, (engine) => {
      const { schedule: of, times } = engine.schedules.upcoming(workflow, count);
      if (terminal.out.isTerminal && flags.json !== true) terminal.out.write(upcomingText(workflow, of, times));
      else printJson(terminal, { workflow, timezone: zoneOf(of), times: times.map(isoTime) });
      return Promise.resolve();
    });
  });
}

function zoneOf({ timezone = DEFAULT_TIME_ZONE }: Schedule): string {
  return timezone;
}

function upcomingText(workflow: string, schedule: Schedule, times: readonly number[]): string {
  if (times.length === 0) return `${workflow}: no more, it is over\n`;
  const zone = zoneOf(schedule);
  const lines = times.map((time) => `  ${localTime(time, zone)}\n`);
  return plainText(`${workflow}, next (${zone}):\n${lines.join('')}`);
}

function addSwitch(schedule: Command, context: CliContext, name: 'pause' | 'resume', help: string): void {
  const command = schedule.command(name).description(help).argument('<NAME>', 'the workflow');
  command.action(async (workflow: string, flags: ScheduleFlags) => {
    const { terminal, clock } = context;
    await withEngine(command, context, { claims: 'none', quiet: true }, async (engine) => {
      const view = await engine.schedules[name](workflow);
      if (terminal.out.isTerminal && flags.json !== true) terminal.out.write(schedulesText([view], clock.now()));
      else printJson(terminal, scheduleObject(view));
    });
  });
}

function addRunNow(schedule: Command, context: CliContext): void {
  const command = schedule
    .command('run-now')
    .description("run a scheduled workflow once with its schedule's input, and wait for its result")
    .argument('<NAME>', 'the workflow');
  command.action(async (workflow: string, flags: ScheduleFlags) => {
    const { terminal, clock } = context;
    const human = terminal.out.isTerminal && flags.json !== true;
    await withEngine(command, context, { claims: 'own', quiet: true }, async (engine) => {
      const { taskId } = await engine.schedules.runNow(workflow);
      const ask = human && terminal.canAsk;
      const options = { principal: LOCAL_PRINCIPAL, terminal, clock, live: human, ask, stopOnInput: true } as const;
      const followed = await follow(engine.tasks, taskId, { ...options, onInterrupt: 'cancel' });
      const facts = await taskFacts(engine.tasks, followed.view, LOCAL_PRINCIPAL);
      if (human) printOutcome(terminal, facts);
      else printJson(terminal, runReport(facts.view, facts.outcome, facts.steps, facts.cleanUp));
      context.exitCode = followed.end === 'interrupted' ? EXIT.interrupted : exitCodeOf(facts.view.status);
    });
  });
}

/** The schedules for a person. */
export function schedulesText(views: readonly ScheduleView[], now: number): string {
  if (views.length === 0) return 'no schedules: a workflow has one by its key `schedule`\n';
  const rows = views.map((view) => [
    view.workflow,
    view.state,
    whenText(view.schedule),
    view.next === undefined
      ? '-'
      : `${localTime(view.next.fireAt, zoneOf(view.schedule))} (in ${distance(view.next.fireAt - now)})`,
    view.last === undefined ? '-' : `${distance(now - view.last.at)} ago, ${view.last.taskId}`,
  ]);
  const missed = views.flatMap(({ workflow, missed: one }) =>
    one === undefined ? [] : [`${workflow} missed ${localTime(one.time)}: ${plainLine(one.reason)}\n`],
  );
  return table([['WORKFLOW', 'STATE', 'WHEN', 'NEXT', 'LAST'], ...rows]) + missed.join('');
}

function distance(ms: number): string {
  return humanDuration(Math.max(0, ms));
}
