import { isoTime } from '../core/clock.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { TaskView } from '../tasks/task.ts';
import { requireTask } from './calls.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams, ResourceNotFound, WireError } from './errors.ts';
import { fitting } from './fit.ts';
import { hasOwnResource, listOwnResources, listOwnTemplates, readOwnResource } from './own-resources.ts';
import { parseUri, URI, type ResourceRef } from './resource-uris.ts';
import { listSchedules } from './schedules.ts';
import { isTerminal, stepObject, taskObject } from './task-object.ts';
import { cleanUpObject } from './clean-up.ts';
import { listKnown } from './known-tasks.ts';
import { exposed, findWorkflow, isScheduled } from './tools.ts';

const JSON_TYPE = 'application/json';
const PAGE = 50;
/** The first page holds the schema, the definitions and the newest tasks; cursors of ours lead to older tasks. */
const CURSOR_PREFIX = 'tasks:';

/** The templates, ours and those of definitions, for hosts that fill them in. */
export function listTemplates(deps: Pick<ProtocolDeps, 'definitions' | 'settings' | 'logger'>): readonly JsonObject[] {
  return fitting('template', [...RESOURCE_TEMPLATES, ...listOwnTemplates(deps)], deps);
}

const RESOURCE_TEMPLATES: readonly JsonObject[] = [
  template('workflow://definitions/{name}', 'definition', 'A workflow as it is defined now.'),
  template(
    'workflow://tasks/{taskId}',
    'task',
    'The state of a task: status, percent, phases, step table, questions, and how it ended.',
  ),
  template('workflow://tasks/{taskId}/journal', 'journal', 'Everything a task has done, in order.'),
  template('workflow://tasks/{taskId}/result', 'result', 'The result of a finished task in full.'),
];

function template(uriTemplate: string, name: string, description: string): JsonObject {
  return { uriTemplate, name, description, mimeType: JSON_TYPE };
}

/** One page of resources: schema, definitions and their resources first, then the caller's tasks, newest first. */
export async function listResources(
  cursor: string | undefined,
  caller: Caller,
  deps: ProtocolDeps,
): Promise<{ readonly resources: readonly JsonObject[]; readonly nextCursor?: string }> {
  if (cursor !== undefined && !cursor.startsWith(CURSOR_PREFIX)) {
    throw invalidParams('params/cursor: not a cursor of this list');
  }
  const inner = cursor?.slice(CURSOR_PREFIX.length);
  const page = await taskPage(inner, caller, deps);
  const fixed = cursor === undefined ? fixedResources(deps) : [];
  return {
    resources: fitting('resource', [...fixed, ...page.tasks.map(taskResource)], deps),
    ...(page.nextCursor === undefined ? {} : { nextCursor: `${CURSOR_PREFIX}${page.nextCursor}` }),
  };
}

async function taskPage(
  cursor: string | undefined,
  caller: Caller,
  deps: ProtocolDeps,
): ReturnType<ProtocolDeps['tasks']['list']> {
  if (!caller.listsAll) return listKnown(caller, deps, { limit: PAGE, cursor });
  return deps.tasks.list({
    principal: caller.principal,
    limit: PAGE,
    ...(cursor === undefined ? {} : { cursor }),
  });
}

const SCHEDULES: JsonObject = {
  uri: URI.schedules,
  name: 'schedules',
  description: 'The workflows that run by themselves: when next, when last, what was missed.',
  mimeType: JSON_TYPE,
};

function fixedResources(deps: ProtocolDeps): readonly JsonObject[] {
  return [
    {
      uri: URI.schema,
      name: 'schema',
      description: 'The JSON Schema of a workflow definition.',
      mimeType: 'application/schema+json',
    },
    ...(isScheduled(deps) ? [SCHEDULES] : []),
    ...exposed(deps).map(({ definition }) => ({
      uri: URI.definition(definition.name),
      name: definition.name,
      ...(definition.title === undefined ? {} : { title: definition.title }),
      ...(definition.description === undefined ? {} : { description: definition.description }),
      mimeType: JSON_TYPE,
    })),
    ...listOwnResources(deps),
  ];
}

function taskResource(view: TaskView): JsonObject {
  return {
    uri: URI.task(view.taskId),
    name: `${view.workflow} ${isoTime(view.createdAt)}`,
    description: `${view.status}, ${view.percent} %: ${view.statusMessage}`,
    mimeType: JSON_TYPE,
    annotations: { lastModified: isoTime(view.lastUpdatedAt) },
  };
}

/**
 * The content of one resource. Throws `ResourceNotFound` for what is not there and for what the caller may not see
 * alike.
 */
export async function readResource(uri: string, caller: Caller, deps: ProtocolDeps): Promise<JsonObject> {
  const ref = parseUri(uri);
  if (ref === undefined) {
    const own = await readOwnResource(uri, deps);
    if (own === undefined) throw new ResourceNotFound(uri);
    return own;
  }
  const value = await read(ref, uri, caller, deps);
  const mimeType = ref.kind === 'schema' ? 'application/schema+json' : JSON_TYPE;
  return { contents: [{ uri, mimeType, text: JSON.stringify(value, null, 2) }] };
}

/** Throws `ResourceNotFound` unless the caller could read the resource now. For subscriptions. */
export async function assertReadable(uri: string, caller: Caller, deps: ProtocolDeps): Promise<void> {
  const ref = parseUri(uri);
  if (ref === undefined) {
    if (hasOwnResource(uri, deps)) return;
    throw new ResourceNotFound(uri);
  }
  if (ref.kind === 'schema' || ref.kind === 'schedules') return;
  if (ref.kind === 'definition') {
    if (findWorkflow(ref.name, deps) === undefined) throw new ResourceNotFound(uri);
    return;
  }
  await task(ref.taskId, uri, caller, deps);
}

async function read(ref: ResourceRef, uri: string, caller: Caller, deps: ProtocolDeps): Promise<JsonObject> {
  switch (ref.kind) {
    case 'schema':
      return deps.schema();
    case 'schedules':
      return listSchedules(caller, deps);
    case 'definition': {
      const loaded = findWorkflow(ref.name, deps);
      if (loaded === undefined) throw new ResourceNotFound(uri);
      // A definition is plain JSON all through (model.ts), which its interface cannot say.
      return { digest: loaded.digest, definition: loaded.definition as unknown as JsonObject };
    }
    case 'task':
      return readTask(await task(ref.taskId, uri, caller, deps), caller, deps);
    case 'journal': {
      await task(ref.taskId, uri, caller, deps);
      const entries = await deps.tasks.journal(ref.taskId, caller.principal);
      const { hide } = await deps.tasks.inside(ref.taskId, caller.principal);
      return {
        taskId: ref.taskId,
        entries: entries.map((entry) => hide({ ...entry, at: isoTime(entry.at) } as unknown as JsonObject)),
      }; // journal entries are JSON
    }
    case 'result': {
      const view = await task(ref.taskId, uri, caller, deps);
      const outcome = await deps.tasks.outcome(view.taskId, caller.principal);
      return outcome === undefined ? { taskId: view.taskId, status: view.status } : outcomeObject(outcome);
    }
  }
}

async function task(taskId: string, uri: string, caller: Caller, deps: ProtocolDeps): Promise<TaskView> {
  try {
    return await requireTask(taskId, caller, deps);
  } catch (error) {
    if (error instanceof WireError) throw new ResourceNotFound(uri);
    throw error;
  }
}

async function readTask(view: TaskView, caller: Caller, deps: ProtocolDeps): Promise<JsonObject> {
  const steps = await deps.tasks.steps(view.taskId, caller.principal);
  const inside = await deps.tasks.inside(view.taskId, caller.principal);
  const outcome = isTerminal(view) ? await deps.tasks.outcome(view.taskId, caller.principal) : undefined;
  const ended = outcome === undefined ? {} : outcomeObject(outcome);
  const large = Buffer.byteLength(JSON.stringify(ended)) > deps.settings.resultLimitBytes;
  return {
    ...taskObject(view),
    ...(await cleanUpObject(view, caller, deps)),
    digest: view.digest,
    input: inside.input,
    usage: inside.usage,
    steps: steps.map((row) => ({ ...stepObject(row), ...inside.steps.get(row.path) })),
    ...(large ? { result: { resource: URI.taskResult(view.taskId) } } : ended),
  };
}

function outcomeObject(outcome: Outcome): JsonObject {
  switch (outcome.kind) {
    case 'result':
      return { result: { ...outcome.result } };
    case 'error':
      return {
        error: {
          code: outcome.failure.code,
          message: outcome.message,
          ...(isJsonObject(outcome.data) ? { data: outcome.data } : {}),
        },
      };
    case 'cancelled':
      return { cancelled: { reason: outcome.reason } };
  }
}
