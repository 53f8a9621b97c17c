/** Checks of step ids that stand for steps to run: error targets, conditionals, dependencies, tests. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import type { Outline, StepList, StepPlace } from './outline.ts';
import { error, findIn, MAX_FINDINGS, shorten, suggestion, unknownStep } from './report.ts';

/** A place that runs a step by its id (rule 7). `from` is the step that has it; none at the top of the document. */
export interface Target {
  readonly id: string;
  readonly at: DocumentPath;
  readonly from?: StepPlace;
  /** The place gives the step its arguments. */
  readonly given?: boolean;
}

/** Every place that targets a step. */
export function targetsOf(document: JsonObject, outline: Outline): Target[] {
  return [
    ...outline.places.flatMap((from) => stepTargets(from).map((target) => ({ ...target, from }))),
    ...onErrorTargets(document['on_error'], ['on_error']),
    ...conditionalTargets(document['conditionals']),
  ];
}

/** Targets that name no step. */
export function checkTargets(targets: readonly Target[], outline: Outline): Finding[] {
  return findIn(targets, ({ id, at }) => (outline.ids.has(id) ? [] : [unknownStep(id, outline.ids, at)]));
}

function stepTargets({ step, syntax, at }: StepPlace): Target[] {
  const onError: unknown = step.on_error;
  const isWord = typeof onError === 'string' && syntax.onErrorWords?.includes(onError) === true;
  const retry: unknown = step.retry;
  const onFail = isJsonObject(retry) ? retry['on_fail'] : undefined;
  return [
    ...(isWord ? [] : onErrorTargets(onError, ['on_error'])),
    ...(typeof onFail === 'string' ? [{ id: onFail, at: ['retry', 'on_fail'] }] : []),
    ...(syntax.targets?.(step) ?? []),
  ].map((target: Target) => ({ ...target, at: [...at, ...target.at] }));
}

function onErrorTargets(onError: unknown, at: DocumentPath): Target[] {
  if (typeof onError === 'string') return [{ id: onError, at }];
  const step = isJsonObject(onError) ? onError['step'] : undefined;
  if (!isJsonObject(onError) || typeof step !== 'string') return [];
  return [{ id: step, at: [...at, 'step'], ...(onError['arguments'] === undefined ? {} : { given: true }) }];
}

function conditionalTargets(conditionals: JsonValue | undefined): Target[] {
  if (!isJsonObject(conditionals)) return [];
  return Object.entries(conditionals).flatMap(([name, entry]) =>
    (['if_true', 'if_false'] as const).flatMap((side) => {
      const ids = isJsonObject(entry) ? entry[side] : undefined;
      const at = ['conditionals', name, side];
      if (typeof ids === 'string') return [{ id: ids, at }];
      if (!Array.isArray(ids)) return [];
      return ids.flatMap((id: JsonValue, index) => (typeof id === 'string' ? [{ id, at: [...at, index] }] : []));
    }),
  );
}

/** `depends_on`: where it is allowed, whom it names, and that it goes round in no circle. */
export function checkDependencies(outline: Outline): Finding[] {
  return findIn(outline.lists, (list) => (list.graph ? [...checkNames(list, outline), ...checkCycles(list)] : []));
}

function checkNames(list: StepList, outline: Outline): Finding[] {
  const allowed = list.role === 'main' || list.block?.order === 'graph';
  const siblings = new Set(list.places.flatMap(({ id }) => (id === '' ? [] : id)));
  return findIn(list.places, (place) =>
    dependencies(place).flatMap((id, index) => {
      const at = [...place.at, 'depends_on', index];
      if (!allowed) {
        const hint = 'put the steps into a step of type group';
        return index > 0
          ? []
          : [error('misplaced_depends_on', at.slice(0, -1), 'depends_on works at the top and in a group only', hint)];
      }
      if (siblings.has(id)) return id === place.id ? [error('dependency_cycle', at, `'${id}' depends on itself`)] : [];
      if (!outline.ids.has(id)) return [unknownStep(id, siblings, at)];
      return [
        error('foreign_dependency', at, `'${id}' is not in the same block`, suggestion(id, siblings, 'steps here')),
      ];
    }),
  );
}

function checkCycles(list: StepList): Finding[] {
  const byId = new Map(list.places.map((place) => [place.id, place]));
  const done = new Set<string>();
  const findings: Finding[] = [];
  for (const start of list.places) {
    const trail = new Set<string>();
    // Iterative, for chains of a thousand steps: each entry is a step and how many of its dependencies were visited.
    const stack = [{ place: start, next: 0 }];
    while (stack.length > 0) {
      const top = stack.at(-1);
      if (top === undefined) break;
      if (top.next === 0) trail.add(top.place.id);
      const id = dependencies(top.place)[top.next];
      top.next += 1;
      if (id === undefined || done.has(top.place.id)) {
        done.add(top.place.id);
        trail.delete(top.place.id);
        stack.pop();
      } else if (trail.has(id)) {
        if (id !== top.place.id) findings.push(cycle([...since(trail, id), id], top.place));
      } else {
        const place = byId.get(id);
        if (place !== undefined && !done.has(id)) stack.push({ place, next: 0 });
      }
    }
  }
  return findings;
}

/** What was added from `id` on. */
function since(trail: ReadonlySet<string>, id: string): readonly string[] {
  const ids = [...trail];
  return ids.slice(ids.indexOf(id));
}

/** A longer circle is cut in the middle. */
const SHOWN_CIRCLE = 12;

function cycle(ids: readonly string[], place: StepPlace): Finding {
  const path = [...place.at, 'depends_on'];
  const names = ids.map(shorten);
  const shown = names.length > SHOWN_CIRCLE ? [...names.slice(0, SHOWN_CIRCLE - 2), '…', ...names.slice(-1)] : names;
  return error('dependency_cycle', path, `the steps depend on each other in a circle: ${shown.join(' → ')}`);
}

/** The ids in `depends_on`; nothing when it is not a list of texts. */
export function dependencies({ step }: StepPlace): readonly string[] {
  const listed: unknown = step.depends_on;
  return Array.isArray(listed) ? listed.filter((id): id is string => typeof id === 'string') : [];
}

/** Steps that the definition's tests name. */
export function checkTests(document: JsonObject, outline: Outline): Finding[] {
  const tests = document['tests'];
  if (!Array.isArray(tests)) return [];
  return findIn(tests.entries(), ([index, test]: [number, JsonValue]) => {
    if (!isJsonObject(test)) return [];
    const at: DocumentPath = ['tests', index];
    const mocks = isJsonObject(test['mocks']) ? Object.keys(test['mocks']) : [];
    const expected = isJsonObject(test['expect']) ? test['expect'] : {};
    const named = [
      ...mocks.map((id) => ({ id, at: [...at, 'mocks', id] })),
      ...(['called', 'not_called', 'order'] as const).flatMap((key) => idList(expected[key], [...at, 'expect', key])),
      ...(isJsonObject(expected['arguments']) ? Object.keys(expected['arguments']) : []).map((id) => ({
        id,
        at: [...at, 'expect', 'arguments', id],
      })),
    ];
    return named
      .slice(0, MAX_FINDINGS)
      .filter(({ id }) => !outline.ids.has(id))
      .map((entry) => unknownStep(entry.id, outline.ids, entry.at));
  });
}

function idList(ids: JsonValue | undefined, at: DocumentPath): { id: string; at: DocumentPath }[] {
  if (!Array.isArray(ids)) return [];
  return ids.flatMap((id: JsonValue, index) => (typeof id === 'string' ? [{ id, at: [...at, index] }] : []));
}
