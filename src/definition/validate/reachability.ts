/** Steps that can never run. */
import type { Finding } from '../finding.ts';
import type { Outline, StepList, StepPlace } from './outline.ts';
import { error, warning } from './report.ts';
import type { Target } from './targets.ts';

/**
 * A step is reachable when its list runs and it is neither a target (rule 7) nor behind a `fail` or `succeed` that
 * always runs; and a target is, when something reachable targets it.
 */
export function checkReachability(outline: Outline, targets: readonly Target[]): Finding[] {
  const targeted = new Set(targets.map(({ id }) => id));
  const afterEnd = new Set(outline.lists.flatMap((list) => behindAnEnd(list, targeted)));
  const reached = new Set<StepPlace>();
  const queue: StepPlace[] = [];
  const reach = (place: StepPlace | undefined): void => {
    if (place === undefined || reached.has(place)) return;
    reached.add(place);
    queue.push(place);
  };
  const enter = (list: StepList): void => {
    for (const place of list.places) if (!targeted.has(place.id) && !afterEnd.has(place)) reach(place);
  };
  const byOwner = new Map<StepPlace, StepList[]>();
  for (const list of outline.lists) {
    if (list.owner !== undefined) byOwner.set(list.owner, [...(byOwner.get(list.owner) ?? []), list]);
    else enter(list);
  }
  const from = new Map<StepPlace, string[]>();
  for (const { id, from: source } of targets) {
    if (source === undefined) reach(outline.byId.get(id));
    else from.set(source, [...(from.get(source) ?? []), id]);
  }
  for (let place = queue.pop(); place !== undefined; place = queue.pop()) {
    for (const list of byOwner.get(place) ?? []) enter(list);
    for (const id of from.get(place) ?? []) reach(outline.byId.get(id));
  }
  return outline.places
    .filter((place) => !reached.has(place) && isOutermost(place, reached))
    .map((place) => unreachable(place, afterEnd.has(place), outline, reached));
}

function behindAnEnd(list: StepList, targeted: ReadonlySet<string>): StepPlace[] {
  if (list.graph || list.block?.order === 'any') return [];
  const end = list.places.findIndex(
    (place) => place.syntax.leaves === true && place.step.when === undefined && !targeted.has(place.id),
  );
  return end === -1 ? [] : list.places.slice(end + 1).filter((place) => !targeted.has(place.id));
}

/** What is inside an unreachable step is not reported again. */
function isOutermost(place: StepPlace, reached: ReadonlySet<StepPlace>): boolean {
  return place.list.owner === undefined || reached.has(place.list.owner);
}

function unreachable(place: StepPlace, afterEnd: boolean, outline: Outline, reached: ReadonlySet<StepPlace>): Finding {
  const at = [...place.at, 'id'];
  if (afterEnd) return warning('unreachable_step', at, `'${place.id}' never runs: the workflow ends before it`);
  const why = `'${place.id}' never runs: it is a target, so it has no turn in the sequence, and what targets it never runs either`;
  const nothingRuns = outline.places.every((other) => !reached.has(other));
  return nothingRuns ? error('unreachable_step', at, why) : warning('unreachable_step', at, why);
}
