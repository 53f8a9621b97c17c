import type { BoundWorkflow } from './bind.ts';
import type { StepStatus } from './journal.ts';
import type { BoundNode } from './kind.ts';
import type { Phase, ProgressSink } from './ports.ts';

/** What is the same for every run of a workflow. */
interface Plan {
  readonly top: readonly BoundNode[];
  readonly topIndex: ReadonlyMap<string, number>;
  readonly phases: readonly Phase[];
  /** Number of the phase by step. */
  readonly phaseOf: ReadonlyMap<string, number>;
  /** Steps of each phase. */
  readonly members: readonly ReadonlySet<string>[];
  /** Steps with a phase inside a block. */
  readonly inside: ReadonlyMap<string, readonly BoundNode[]>;
}

const plans = new WeakMap<BoundWorkflow, Plan>();

function planOf(bound: BoundWorkflow): Plan {
  const known = plans.get(bound);
  if (known !== undefined) return known;
  const top = bound.main.nodes.filter((node) => !node.target);
  const marked = [...bound.byId.values()].filter((node) => node.step.phase !== undefined);
  const made = { top, topIndex: new Map(top.map((node, index) => [node.id, index])), ...phasesOf(marked, top) };
  plans.set(bound, made);
  return made;
}

function phasesOf(
  marked: readonly BoundNode[],
  top: readonly BoundNode[],
): Pick<Plan, 'phases' | 'phaseOf' | 'members' | 'inside'> {
  const phases: Phase[] = [];
  const phaseOf = new Map<string, number>();
  const members: Set<string>[] = [];
  const inside = new Map<string, BoundNode[]>();
  const byName = new Map<string, number>();
  for (const node of marked.length > 0 ? marked : top) {
    const name = node.step.phase ?? node.id;
    const known = byName.get(name);
    const index = known ?? phases.length;
    if (known === undefined) {
      byName.set(name, index);
      const description = node.step.description;
      phases.push({ name, status: 'pending', ...(description === undefined ? {} : { description }) });
      members.push(new Set());
    }
    phaseOf.set(node.id, index);
    members[index]?.add(node.id);
    for (let at = node.parent; at !== undefined; at = at.parent) {
      const nodes = inside.get(at.id);
      if (nodes === undefined) inside.set(at.id, [node]);
      else nodes.push(node);
    }
  }
  return { phases, phaseOf, members, inside };
}

/**
 * What a run shows of itself: where it stands as text, phases, percent. A pure function of what it is told; percent
 * never goes back. Phases are the `phase` words in document order, or one for each step of the top-level list.
 */
export class ProgressTracker {
  readonly #sink: ProgressSink;
  readonly #plan: Plan;
  /** Steps of a phase that have not ended; copied from the plan when the first one does. */
  readonly #open: (Set<string> | undefined)[] = [];
  #phases: readonly Phase[];
  #done = 0;
  /**
   * Of those, the ones that failed: over and not completed, so no part of the percentage until the workflow has
   * completed all the same.
   */
  #failed = 0;
  #position = 1;

  constructor(bound: BoundWorkflow, sink: ProgressSink) {
    this.#sink = sink;
    this.#plan = planOf(bound);
    this.#phases = this.#plan.phases;
  }

  #openOf(index: number): Set<string> {
    return (this.#open[index] ??= new Set(this.#plan.members[index]));
  }

  /** A step ended in an earlier process: counts, says nothing. */
  replayed(node: BoundNode, status: StepStatus, at: number): void {
    this.#end(node, status, at);
  }

  /**
   * A step that had begun in an earlier process is come to again: its phase is under way, also while it waits or asks
   * what to do. Says nothing.
   */
  goesOn(node: BoundNode, at: number): void {
    this.#begin(node, at);
  }

  /** An attempt begins. */
  attempt(node: BoundNode, path: string, attempt: number, at: number): void {
    this.#begin(node, at);
    this.#say(this.#where(node, path, attempt));
  }

  /** The step does or waits for something: `detail` is put behind where it stands. */
  detail(node: BoundNode, path: string, attempt: number, detail: string, wakeAt?: number): void {
    this.#say(`${this.#where(node, path, attempt)}, ${detail}`, wakeAt);
  }

  /** A step ended. */
  ended(node: BoundNode, status: StepStatus, at: number): void {
    const before = this.#done;
    this.#end(node, status, at);
    if (this.#done !== before) this.#say(`step ${this.#position} of ${this.#plan.top.length}: ${node.id}, ${status}`);
  }

  /** The workflow came to its end: phases whose steps were not needed are skipped. */
  completed(at: number): void {
    for (const index of this.#phases.keys()) {
      const open = this.#openOf(index);
      if (open.size === 0) continue;
      open.clear();
      const status = this.#phases[index]?.status;
      this.#set(index, status === 'pending' ? 'skipped' : status === 'failed' ? 'failed' : 'completed', at);
    }
    this.#failed = 0;
    this.#say('done');
  }

  /** The phases as they are now. */
  get phases(): readonly Phase[] {
    return this.#phases;
  }

  #begin(node: BoundNode, at: number): void {
    let top = node;
    for (let up: BoundNode | undefined = node; up !== undefined; up = up.parent) {
      const index = this.#plan.phaseOf.get(up.id);
      if (index !== undefined) this.#set(index, 'working', at);
      top = up;
    }
    const position = this.#plan.topIndex.get(top.id);
    if (position !== undefined) this.#position = position + 1;
  }

  #end(node: BoundNode, status: StepStatus, at: number): void {
    if (this.#plan.phaseOf.has(node.id)) this.#close(node, status, at);
    for (const inner of this.#plan.inside.get(node.id) ?? [])
      this.#close(inner, status === 'failed' ? 'skipped' : status, at);
  }

  #close(node: BoundNode, status: StepStatus, at: number): void {
    const index = this.#plan.phaseOf.get(node.id);
    if (index === undefined) return;
    const open = this.#openOf(index);
    open.delete(node.id);
    const now = this.#phases[index]?.status;
    const over = open.size === 0;
    if (now === 'failed' || status === 'failed') this.#set(index, 'failed', at);
    else if (!over) this.#set(index, 'working', at);
    else this.#set(index, now !== 'working' && status === 'skipped' ? 'skipped' : 'completed', at);
  }

  /** A phase that is over stays as it is; it is over when none of its steps is open any more. */
  #set(index: number, status: Phase['status'], at: number): void {
    const phase = this.#phases[index];
    if (phase === undefined || phase.endedAt !== undefined) return;
    if (phase.status === 'failed' && status === 'working') return;
    const over = status !== 'working' && this.#openOf(index).size === 0;
    if (phase.status === status && !over) return;
    const { name, description } = phase;
    this.#phases = this.#phases.with(index, {
      name,
      status,
      startedAt: phase.startedAt ?? at,
      ...(description === undefined ? {} : { description }),
      ...(over ? { endedAt: at } : {}),
    });
    if (!over) return;
    this.#done += 1;
    if (status === 'failed') this.#failed += 1;
  }

  #where(node: BoundNode, path: string, attempt: number): string {
    const iteration = path.includes(']') ? /([^/[\]#@]+)(?:#\d+)?\[(\d+)\][^[\]]*$/u.exec(path) : null;
    const inside = iteration === null ? '' : ` (iteration ${Number(iteration[2]) + 1} of ${iteration[1] ?? ''})`;
    const again = attempt > 1 ? `, attempt ${attempt}` : '';
    return path.startsWith('cleanup/')
      ? `cleaning up: ${node.id}${inside}${again}`
      : `step ${this.#position} of ${this.#plan.top.length}: ${node.id}${inside}${again}`;
  }

  #say(message: string, wakeAt?: number): void {
    const percent =
      this.#phases.length === 0 ? 0 : Math.floor(((this.#done - this.#failed) * 100) / this.#phases.length);
    this.#sink.update({ message, percent, phases: this.#phases, ...(wakeAt === undefined ? {} : { wakeAt }) });
  }
}
