/** Whether a step that is named has run by then. What it finds are warnings: such a reference is null at run time. */
import type { DocumentPath, Finding } from '../finding.ts';
import { listsAround, type Outline, type StepList, type StepPlace } from './outline.ts';
import { warning } from './report.ts';
import { dependencies } from './targets.ts';

export interface OrderContext {
  readonly outline: Outline;
  /** Ids of steps that run only when targeted: they have no place in the order. */
  readonly targeted: ReadonlySet<string>;
  /** How much searching in graphs is left; when it is used up, references in graphs count as ordered. */
  readonly search: { left: number };
}

/** Where a reference stands. */
export interface ReferencePlace {
  readonly at: DocumentPath;
  readonly place?: StepPlace;
  /** What surrounds it. */
  readonly lists: ReadonlySet<StepList>;
  /** Evaluated inside the step's own block. */
  readonly inside: boolean;
}

export function checkOrder(target: StepPlace, reference: ReferencePlace, context: OrderContext): Finding[] {
  const { at, place, inside } = reference;
  const hidden = iterationAround(target, reference);
  if (hidden !== undefined) {
    const name = hidden.owner?.id ?? '';
    return [
      warning(
        'reference_into_scope',
        at,
        `'${target.id}' is inside '${name}' and cannot be seen from here`,
        `use {{${name}.output}}`,
      ),
    ];
  }
  if (place === undefined || (inside && isInside(target, place))) return [];
  const shared = sharedList(target, place);
  if (shared === undefined || context.targeted.has(shared.target.id) || context.targeted.has(shared.place.id))
    return [];
  if (runsInAnyOrder(shared.list)) return checkGraph(target, shared, at, context);
  if (shared.target.index < shared.place.index || isUndoing(place)) return [];
  if (shared.target === shared.place && isEarlierPart(target, place, shared.place)) return [];
  if (shared.target === shared.place) {
    return [
      warning(
        'forward_reference',
        at,
        `'${target.id}' has not ended here, so its own result is null`,
        itselfHint(target),
      ),
    ];
  }
  return [
    warning(
      'forward_reference',
      at,
      `'${target.id}' has not run here, so this is null`,
      `move it before '${shared.place.id}'`,
    ),
  ];
}

function itselfHint(target: StepPlace): string | undefined {
  const inside = target.syntax.inside ?? [];
  return inside.length === 0
    ? undefined
    : `inside of it there are ${inside.map((name) => `${target.id}.${name}`).join(', ')}`;
}

/** The iteration block around `target` that is not around the reference. */
function iterationAround(target: StepPlace, { place, lists, inside }: ReferencePlace): StepList | undefined {
  const around = new Set<StepPlace | undefined>(inside ? [place] : []);
  for (const list of lists) around.add(list.owner);
  let hidden: StepList | undefined;
  for (const { list } of listsAround(target)) {
    // Behind a loop its names are those of the last iteration.
    const ends = list.block?.runs === 'iteration' && list.owner?.syntax.lastStays !== true;
    if (ends && !around.has(list.owner)) hidden = list;
  }
  return hidden;
}

/** The body of a `try` comes before its `catch`, and both before its `finally`. */
function isEarlierPart(target: StepPlace, place: StepPlace, owner: StepPlace): boolean {
  const part = (inner: StepPlace): number | undefined => {
    for (const { list } of listsAround(inner)) if (list.owner === owner) return list.block?.part;
    return undefined;
  };
  const [earlier, later] = [part(target), part(place)];
  return earlier !== undefined && later !== undefined && earlier < later;
}

function isInside(target: StepPlace, place: StepPlace): boolean {
  for (const { list } of listsAround(target)) if (list.owner === place) return true;
  return false;
}

/** The innermost list that holds both, and which of its steps hold them. */
function sharedList(
  target: StepPlace,
  place: StepPlace,
): { readonly list: StepList; readonly target: StepPlace; readonly place: StepPlace } | undefined {
  const around = new Map([...listsAround(place)].map((entry) => [entry.list, entry.place]));
  for (const entry of listsAround(target)) {
    const at = around.get(entry.list);
    if (at !== undefined) return { list: entry.list, target: entry.place, place: at };
  }
  return undefined;
}

function runsInAnyOrder(list: StepList): boolean {
  return list.graph || list.block?.order === 'any';
}

function checkGraph(
  target: StepPlace,
  shared: { readonly list: StepList; readonly target: StepPlace; readonly place: StepPlace },
  at: DocumentPath,
  context: OrderContext,
): Finding[] {
  if (shared.list.graph && dependsOn(shared.place, shared.target.id, shared.list, context)) return [];
  const hint = shared.list.graph ? `add '${shared.target.id}' to depends_on` : 'put one after the other';
  return [
    warning('unordered_reference', at, `'${target.id}' may not have run here: nothing says that it comes first`, hint),
  ];
}

function dependsOn(place: StepPlace, id: string, list: StepList, { outline, search }: OrderContext): boolean {
  const seen = new Set<string>();
  const queue = [place];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    for (const dependency of dependencies(next)) {
      search.left -= 1;
      if (dependency === id || search.left <= 0) return true;
      const sibling = outline.byId.get(dependency);
      if (sibling?.list !== list || seen.has(dependency)) continue;
      seen.add(dependency);
      queue.push(sibling);
    }
  }
  return false;
}

/** A `compensate` step runs after everything. */
function isUndoing(place: StepPlace): boolean {
  for (const { list } of listsAround(place)) if (list.role === 'compensate') return true;
  return false;
}
