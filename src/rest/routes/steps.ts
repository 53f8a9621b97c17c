import { z } from 'zod';
import { isoTime } from '../../core/clock.ts';
import { ownProperty, type JsonObject } from '../../core/json.ts';
import type { StoredEntry } from '../../engine/journal.ts';
import { stepObject } from '../../protocol/task-object.ts';
import type { StepRow, TaskInside } from '../../tasks/task.ts';
import { ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { StepDetail, StepPage } from '../schemas.ts';
import { bytesOf, shownFailure } from '../views.ts';
import { taskParams } from './tasks.ts';

const listSteps = route({
  method: 'get',
  path: '/tasks/{id}/steps',
  operationId: 'listSteps',
  summary: 'The step table of a task, in order of first appearance',
  params: taskParams,
  query: z.strictObject({
    under: z.string().max(2000).optional().describe('Only steps whose path begins so.'),
    status: z.enum(['completed', 'failed', 'skipped', 'working', 'waiting']).optional(),
    limit: z.coerce.number().int().min(1).max(1000).optional().describe('Default 200.'),
    cursor: z
      .string()
      .regex(/^\d{1,9}$/u)
      .optional()
      .describe('`nextCursor` of the page before.'),
  }),
  answers: { 200: { about: 'A page of steps; `total` and `counts` are of all that fit the query.', schema: StepPage } },
  problems: ['not_found'],
  handle: async ({ params: { id }, query, caller }, { tasks }) => {
    const { under = '', status, limit = 200, cursor } = query;
    const all = await tasks.steps(id, caller.principal);
    const rows = all.filter((row) => row.path.startsWith(under) && (status === undefined || row.status === status));
    const counts: Record<string, number> = {};
    for (const row of rows) counts[row.status] = (counts[row.status] ?? 0) + 1;
    const from = Number(cursor ?? 0);
    const { hide } = await tasks.inside(id, caller.principal, '');
    const page = rows.slice(from, from + limit).map((row) => rowBody(row, hide));
    const more = from + limit < rows.length ? { nextCursor: String(from + limit) } : {};
    return { status: 200, body: { steps: page, total: rows.length, counts, ...more } };
  },
});

const getStep = route({
  method: 'get',
  path: '/tasks/{id}/steps/{path}',
  operationId: 'getStep',
  summary: 'One step with what went in, what came out, and its attempts',
  params: z.object({ ...taskParams.shape, path: z.string().describe('The path of the step, percent-encoded.') }),
  query: z.strictObject({ full: z.enum(['true', 'false']).optional().describe('The output whole, however large.') }),
  answers: { 200: { about: 'The step.', schema: StepDetail } },
  problems: ['not_found', 'unknown_step'],
  handle: async ({ params: { id, path }, query: { full }, caller }, { tasks }) => {
    const row = (await tasks.steps(id, caller.principal)).find((step) => step.path === path);
    if (row === undefined) throw new ProblemError('unknown_step', `no step '${path}' has run`);
    const inside = await tasks.inside(id, caller.principal, path);
    const entries = (await tasks.journal(id, caller.principal)).filter(
      (entry) => 'path' in entry && entry.path === path,
    );
    const shown = inside.steps.get(path);
    const end = entries.findLast((entry) => entry.type === 'finished');
    const whole = end?.type === 'finished' && end.result.output !== null ? inside.hide(end.result.output) : undefined;
    const output = full === 'true' ? whole : shown?.output;
    const child = end?.type === 'finished' && end.kind === 'workflow' ? childOf(end) : undefined;
    return {
      status: 200,
      body: {
        ...rowBody(row, inside.hide),
        ...(shown?.input !== undefined && { input: shown.input }),
        ...(output !== undefined && { output }),
        ...(whole !== undefined && { outputBytes: bytesOf(whole) }),
        history: entries.flatMap((entry) => attemptBody(entry, inside.hide)),
        ...(child !== undefined && { childTaskId: child }),
      },
    };
  },
});

function childOf({ result }: Extract<StoredEntry, { readonly type: 'finished' }>): string | undefined {
  const id = result.view === undefined ? undefined : ownProperty(result.view, 'task_id');
  return typeof id === 'string' ? id : undefined;
}

function rowBody(row: StepRow, hide: TaskInside['hide']): JsonObject {
  return { ...stepObject(row), ...(row.error !== undefined && { error: shownFailure(row.error, hide) }) };
}

/** An attempt that has ended; nothing for other entries. */
function attemptBody(entry: StoredEntry, hide: TaskInside['hide']): readonly JsonObject[] {
  if (entry.type === 'attempt_failed') {
    const { attempt, at, failure, retryAt } = entry;
    const again = retryAt === undefined ? {} : { retryAt: isoTime(retryAt) };
    return [{ attempt, endedAt: isoTime(at), error: shownFailure(failure, hide), ...again }];
  }
  if (entry.type !== 'finished') return [];
  const { attempts, error } = entry.result;
  return [
    { attempt: attempts, endedAt: isoTime(entry.at), ...(error !== undefined && { error: shownFailure(error, hide) }) },
  ];
}

export const stepRoutes = [listSteps, getStep];
