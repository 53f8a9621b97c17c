import type { JsonObject } from '../core/json.ts';
import type { Definition, LoadedDefinition } from '../definition/model.ts';
import type { TaskView } from '../tasks/task.ts';
import { deriveAnnotations } from './annotations.ts';
import { COMPACT_TOOLS } from './compact.ts';
import type { ProtocolDeps } from './deps.ts';
import { withHandle } from './output-schema.ts';
import { publishedSchema } from './fit.ts';
import { URI } from './resource-uris.ts';
import { SCHEDULE_TOOLS } from './schedule-tools.ts';
import { taskObject } from './task-object.ts';
import { TASK_TOOLS } from './task-tool-descriptors.ts';
import type { ToolDescriptor } from './tool-descriptor.ts';
import { roomOf, roomTools } from './tool-rooms.ts';

/** Hosts cut descriptions here (Claude Code). */
export const MAX_DESCRIPTION_CHARS = 2048;

type Published = Pick<ProtocolDeps, 'definitions' | 'settings' | 'toolRooms'>;
type CatalogDeps = Published & Pick<ProtocolDeps, 'facts' | 'syntaxes'>;

/** What is known of the caller when the list is made. */
export interface ListOptions {
  /**
   * The caller always gets task handles by the protocol, so a result is never replaced by one (2026-07-28 with the
   * extension).
   */
  readonly neverDeferred?: boolean;
}

/**
 * Every tool the server publishes, in an order that depends on names alone: workflows, the list of schedules where
 * there are any, then the five task tools, then those of other rooms; in compact mode, which is for hosts with a tool
 * limit, its pair instead of the workflows. A workflow that takes one of our own names is left out; `validate` reports
 * it.
 */
export function listTools(deps: CatalogDeps, options: ListOptions = {}): readonly ToolDescriptor[] {
  const others = [...TASK_TOOLS, ...roomTools(deps)];
  if (deps.settings.compact) return [...COMPACT_TOOLS, ...others];
  const workflows = exposed(deps).map((loaded) => describeWorkflow(loaded.definition, deps, options));
  return [...workflows, ...(isScheduled(deps) ? SCHEDULE_TOOLS : []), ...others];
}

/** The workflows that are published, by name. */
export function exposed(deps: Published): readonly LoadedDefinition[] {
  return deps.definitions
    .list()
    .filter(({ definition }) => isExposed(definition, deps))
    .sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1));
}

/** Whether a published workflow runs by itself. */
export function isScheduled(deps: Published): boolean {
  return exposed(deps).some(({ definition }) => definition.schedule !== undefined);
}

/** The workflow behind a tool name; `undefined` when there is none or it is not published. */
export function findWorkflow(name: string, deps: Published): LoadedDefinition | undefined {
  const loaded = deps.definitions.get(name);
  return loaded !== undefined && isExposed(loaded.definition, deps) ? loaded : undefined;
}

/** What `expose` names that is neither a workflow nor a tag of one. */
export function unmatchedExposure(deps: Published): readonly string[] {
  const { names, tags } = deps.settings.expose ?? { names: [], tags: [] };
  const all = deps.definitions.list().map(({ definition }) => definition);
  return [
    ...names.filter((name) => !all.some((definition) => definition.name === name)),
    ...tags.filter((tag) => !all.some((definition) => definition.tags.includes(tag))).map((tag) => `tag:${tag}`),
  ];
}

const OWN_NAMES: ReadonlySet<string> = new Set(
  [...COMPACT_TOOLS, ...SCHEDULE_TOOLS, ...TASK_TOOLS].map((tool) => tool.name),
);

function isExposed(definition: Definition, deps: Omit<Published, 'definitions'>): boolean {
  const { settings } = deps;
  if (OWN_NAMES.has(definition.name) || roomOf(definition.name, deps) !== undefined) return false;
  if (settings.expose === undefined) return true;
  const { names, tags } = settings.expose;
  return names.includes(definition.name) || definition.tags.some((tag) => tags.includes(tag));
}

/** One workflow as a tool. */
export function describeWorkflow(definition: Definition, deps: CatalogDeps, options: ListOptions = {}): ToolDescriptor {
  const output = definition.output_schema;
  return {
    name: definition.name,
    ...(definition.title === undefined ? {} : { title: definition.title }),
    description: shortened(definition.description ?? `Runs the workflow '${definition.name}'.`),
    inputSchema: { type: 'object', ...publishedSchema(definition.input_schema) },
    ...(output === undefined ? {} : { outputSchema: publishedOutput(definition, output, options) }),
    annotations: deriveAnnotations(definition, deps),
    taskSupport: definition.task,
  };
}

function publishedOutput(definition: Definition, output: JsonObject, options: ListOptions): JsonObject {
  const schema = publishedSchema(output);
  return mayBeDeferred(definition, options) ? withHandle(schema) : schema;
}

/**
 * What the published schema lets a plain call answer instead of a result that is too large: the task. See
 * `limitResult`.
 */
export function insteadOfLarge(definition: Definition, view: TaskView): 'drop' | JsonObject {
  if (definition.output_schema === undefined) return 'drop';
  const where = `The result is too large to show here: the whole of it is the resource ${URI.taskResult(view.taskId)}.`;
  return { task: { ...taskObject(view), nextStep: where } };
}

/**
 * Whether a call of it can be answered with its task instead of its result: any plain call, as it may ask, last or meet
 * a stop.
 */
function mayBeDeferred(definition: Definition, options: ListOptions): boolean {
  // One that must not be a task is a plain call for every client.
  return definition.task !== 'required' && (options.neverDeferred !== true || definition.task === 'forbidden');
}

/** Cut to what hosts show, at a whole character, with a sign that something is missing. */
function shortened(text: string): string {
  if (text.length <= MAX_DESCRIPTION_CHARS) return text;
  const cut = text.slice(0, MAX_DESCRIPTION_CHARS - 1);
  // Half of a surrogate pair is no character.
  return `${/[\uD800-\uDBFF]$/u.test(cut) ? cut.slice(0, -1) : cut}…`;
}
