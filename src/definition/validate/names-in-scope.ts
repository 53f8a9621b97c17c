import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { valueAt } from '../schema/check.ts';
import { writesOf, type Outline, type StepList, type StepPlace } from './outline.ts';

/** What can be read of the roots that are not steps. `open`: more keys may exist than are known. */
export interface Area {
  readonly keys: ReadonlySet<string>;
  readonly open: boolean;
}

/** The names of a definition that are not steps. */
export interface NamesInScope {
  readonly input: Area;
  readonly output: Area;
  readonly global: Area;
  readonly saved: Area;
}

/** Members of the roots that the engine provides. */
export const FIXED_MEMBERS: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ['task', new Set(['id', 'created_at'])],
  ['workflow', new Set(['name'])],
  ['schedule', new Set(['time'])],
  ['error', new Set(['code', 'message', 'step', 'data'])],
  ['failed_step', new Set(['id'])],
]);

/** Roots that are there without any step. */
export const ROOTS: readonly string[] = ['variables', 'input', 'saved', 'steps', ...FIXED_MEMBERS.keys()];

/** Reads which variables a document declares or writes. */
export function namesInScope(document: JsonObject, outline: Outline): NamesInScope {
  const written = writtenVariables(outline);
  const area = (name: 'output' | 'global' | 'saved', ...given: readonly string[]): Area => ({
    keys: new Set([...keysAt(document, ['variables', name]), ...(written.get(name) ?? []), ...given]),
    open: true,
  });
  const declaredInput = valueAt(document, ['variables', 'input']);
  const schema = document['input_schema'];
  return {
    input: {
      keys: new Set([...keysAt(document, ['variables', 'input']), ...keysAt(document, ['input_schema', 'properties'])]),
      // With neither, the definition is a fragment or takes no arguments; with an open schema any argument may come.
      open: isJsonObject(schema) ? schema['additionalProperties'] !== false : declaredInput === undefined,
    },
    output: area('output'),
    global: area('global', 'start_time', 'timestamp'),
    saved: area('saved'),
  };
}

/**
 * Names that the lists around a text bind (`item`, `as` names), and the step's own blocks where it is evaluated inside
 * of those.
 */
export function boundNames(lists: Iterable<StepList>, inside?: StepPlace): Set<string> {
  const names = new Set<string>();
  for (const list of lists) for (const name of list.block?.binds ?? []) names.add(name);
  for (const block of inside?.syntax.blocks(inside.step) ?? []) for (const name of block.binds ?? []) names.add(name);
  return names;
}

function writtenVariables(outline: Outline): Map<string, Set<string>> {
  const written = new Map<string, Set<string>>();
  for (const place of outline.places) {
    for (const { target } of writesOf(place)) {
      const [root, area = '', name] = target.split('.');
      if (root !== 'variables' || name === undefined) continue;
      const known = written.get(area);
      if (known === undefined) written.set(area, new Set([name]));
      else known.add(name);
    }
  }
  return written;
}

function keysAt(document: JsonObject, path: readonly string[]): string[] {
  const value = valueAt(document, path);
  return isJsonObject(value) ? Object.keys(value) : [];
}
