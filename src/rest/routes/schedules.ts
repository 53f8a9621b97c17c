import { z } from 'zod';
import { isoTime } from '../../core/clock.ts';
import { objectOrEmpty, type JsonObject } from '../../core/json.ts';
import { findWorkflow } from '../../protocol/tools.ts';
import { scheduleObject, type ScheduleView } from '../../schedule/schedules.ts';
import { LOCAL_PRINCIPAL } from '../../tasks/task.ts';
import type { RestCaller, RestPorts } from '../ports.ts';
import { ProblemError } from '../problem.ts';
import { route, type Route } from '../route.ts';
import { RunStarted, Schedule, ScheduleDetail, SchedulePage } from '../schemas.ts';
import { taskBody } from '../views.ts';
import { mayList } from './tasks.ts';

const params = z.object({ name: z.string().describe('The name of the workflow.') });
const UPCOMING = 10;

/** Scheduled tasks belong to `local`; nobody else is shown their ids. */
function ownsScheduled({ principal, listsAll }: RestCaller): boolean {
  return listsAll && principal === LOCAL_PRINCIPAL;
}

function scheduleBody(view: ScheduleView, caller: RestCaller): JsonObject {
  const whole = scheduleObject(view);
  const { last } = whole;
  if (ownsScheduled(caller) || last === null) return whole;
  const { taskId: _secret, ...rest } = objectOrEmpty(last);
  return { ...whole, last: rest };
}

function published(name: string, ports: RestPorts): void {
  if (findWorkflow(name, ports)?.definition.schedule !== undefined) return;
  throw new ProblemError('unknown_schedule', `no published workflow '${name}' has a schedule`);
}

const listSchedules = route({
  method: 'get',
  path: '/schedules',
  operationId: 'listSchedules',
  summary: 'The workflows that run by themselves',
  answers: { 200: { about: 'All of them, by name.', schema: SchedulePage } },
  handle: async ({ caller }, ports) => {
    const views = (await ports.schedules.list()).filter(({ workflow }) => findWorkflow(workflow, ports) !== undefined);
    return { status: 200, body: { schedules: views.map((view) => scheduleBody(view, caller)) } };
  },
});

const getSchedule = route({
  method: 'get',
  path: '/schedules/{name}',
  operationId: 'getSchedule',
  summary: 'One schedule with its next occurrences',
  params,
  answers: { 200: { about: 'The schedule.', schema: ScheduleDetail } },
  problems: ['unknown_schedule'],
  handle: async ({ params: { name }, caller }, ports) => {
    published(name, ports);
    const view = (await ports.schedules.list()).find(({ workflow }) => workflow === name);
    if (view === undefined) throw new ProblemError('unknown_schedule', `there is no schedule '${name}'`);
    const { times } = ports.schedules.upcoming(name, UPCOMING);
    return { status: 200, body: { ...scheduleBody(view, caller), upcoming: times.map(isoTime) } };
  },
});

function steering(what: 'pause' | 'resume', summary: string): Route {
  return route({
    method: 'post',
    path: `/schedules/{name}/${what}`,
    operationId: `${what}Schedule`,
    summary,
    params,
    answers: { 200: { about: 'The schedule as it is now, durably.', schema: Schedule } },
    problems: ['unknown_schedule', 'not_identified'],
    handle: async ({ params: { name }, caller }, ports) => {
      mayList(caller);
      published(name, ports);
      return { status: 200, body: scheduleBody(await ports.schedules[what](name), caller) };
    },
  });
}

const runNow = route({
  method: 'post',
  path: '/schedules/{name}/run-now',
  operationId: 'runScheduleNow',
  summary: "Begins a run at once with the schedule's input, paused or not",
  params,
  answers: { 201: { about: 'The run has begun, durably.', schema: RunStarted } },
  problems: ['unknown_schedule', 'not_identified', 'invalid_arguments', 'limit_exceeded', 'conflict'],
  handle: async ({ params: { name }, caller }, ports) => {
    mayList(caller);
    published(name, ports);
    const view = await ports.schedules.runNow(name);
    return { status: 201, body: { workflow: name, ...(ownsScheduled(caller) && { task: taskBody(view) }) } };
  },
});

export const scheduleRoutes = [
  listSchedules,
  getSchedule,
  steering('pause', 'Nothing begins until it is resumed; what comes in between is passed over'),
  steering('resume', 'Goes on with the first occurrence from now'),
  runNow,
];
