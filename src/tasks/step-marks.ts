import type { NodeMark, NodeState } from '../definition/graph/drawing.ts';
import { lastSegment, stepIdIn } from '../engine/paths.ts';
import type { StepRow } from './task.ts';

/** What matters most about a step that ran several times. */
const WEIGHT: readonly NodeState[] = ['skipped', 'completed', 'failed', 'waiting', 'working'];

/** The state of each step of a workflow's picture, by its id, from the step table of a task. */
export function marksOf(rows: readonly StepRow[]): ReadonlyMap<string, NodeMark> {
  const marks = new Map<string, NodeMark>();
  for (const { path, status } of rows) {
    const id = stepIdIn(lastSegment(path));
    const known = marks.get(id);
    const state = known === undefined || WEIGHT.indexOf(status) > WEIGHT.indexOf(known.state) ? status : known.state;
    marks.set(id, { state, runs: (known?.runs ?? 0) + 1 });
  }
  return marks;
}
