import type { Definition, LoadedDefinition } from '../definition/model.ts';
import { deriveAnnotations } from './annotations.ts';
import { COMPACT_TOOLS } from './compact.ts';
import type { ProtocolDeps } from './deps.ts';
import { withHandle } from './output-schema.ts';
import { SCHEDULE_TOOLS } from './schedule-tools.ts';
import { TASK_TOOLS } from './task-tool-descriptors.ts';
import type { ToolDescriptor } from './tool-descriptor.ts';

/** Hosts cut descriptions here (Claude Code). */
export const MAX_DESCRIPTION_CHARS = 2048;

type CatalogDeps = Pick<ProtocolDeps, 'definitions' | 'facts' | 'syntaxes' | 'settings'>;

/** What is known of the caller when the list is made. */
export interface ListOptions {
  /** The caller always gets task handles by the protocol, so a result is never replaced by one (2026-07-28 with the extension). */
  readonly neverDeferred?: boolean;
}

/**
 * Every tool the server publishes, in an order that depends on names alone: workflows (or the compact pair), the list of
 * schedules where there are any, then the five task tools. A workflow that takes one of our own names is left out; `validate` reports it.
 */
export function listTools(deps: CatalogDeps, options: ListOptions = {}): readonly ToolDescriptor[] {
  const own = [
    ...(deps.settings.compact ? COMPACT_TOOLS : []),
    ...(isScheduled(deps) ? SCHEDULE_TOOLS : []),
    ...TASK_TOOLS,
  ];
  const workflows = deps.settings.compact
    ? []
    : exposed(deps).map((loaded) => describeWorkflow(loaded.definition, deps, options));
  return [...workflows, ...own];
}

/** The workflows that are published, by name. */
export function exposed(deps: Pick<ProtocolDeps, 'definitions' | 'settings'>): readonly LoadedDefinition[] {
  return deps.definitions
    .list()
    .filter(({ definition }) => isExposed(definition, deps.settings))
    .sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1));
}

/** Whether a published workflow runs by itself. */
export function isScheduled(deps: Pick<ProtocolDeps, 'definitions' | 'settings'>): boolean {
  return exposed(deps).some(({ definition }) => definition.schedule !== undefined);
}

/** The workflow behind a tool name; `undefined` when there is none or it is not published. */
export function findWorkflow(
  name: string,
  deps: Pick<ProtocolDeps, 'definitions' | 'settings'>,
): LoadedDefinition | undefined {
  const loaded = deps.definitions.get(name);
  return loaded !== undefined && isExposed(loaded.definition, deps.settings) ? loaded : undefined;
}

const OWN_NAMES: ReadonlySet<string> = new Set(
  [...COMPACT_TOOLS, ...SCHEDULE_TOOLS, ...TASK_TOOLS].map((tool) => tool.name),
);

function isExposed(definition: Definition, settings: ProtocolDeps['settings']): boolean {
  if (OWN_NAMES.has(definition.name)) return false;
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
    inputSchema: { type: 'object', ...definition.input_schema },
    ...(output === undefined
      ? {}
      : { outputSchema: mayBeDeferred(definition, deps, options) ? withHandle(output) : output }),
    annotations: deriveAnnotations(definition, deps),
    taskSupport: definition.task,
  };
}

/** Whether a plain call of it can reach the soft deadline. */
function mayBeDeferred(definition: Definition, deps: CatalogDeps, options: ListOptions): boolean {
  if (options.neverDeferred === true || definition.task === 'required') return false;
  const limit = definition.timeout_seconds;
  return limit === undefined || limit * 1000 >= deps.settings.inlineWaitMs;
}

/** Cut to what hosts show, at a whole character, with a sign that something is missing. */
function shortened(text: string): string {
  if (text.length <= MAX_DESCRIPTION_CHARS) return text;
  const cut = text.slice(0, MAX_DESCRIPTION_CHARS - 1);
  // Half of a surrogate pair is no character.
  return `${/[\uD800-\uDBFF]$/u.test(cut) ? cut.slice(0, -1) : cut}…`;
}
