import { StepFailure, type Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { EndOfTask } from './abort.ts';
import { runGraph, type Job } from './graph.ts';
import type { BoundConditional, BoundNode, Sequence, SequenceEnd } from './kind.ts';
import { childPath, notePath } from './paths.ts';
import type { ListOptions, Lists, Place } from './place.ts';
import type { Run } from './run.ts';
import { StepRunner } from './step-runner.ts';
import { conditionalPlace } from './targets.ts';

/** How one step ended for the list it stands in. `failure` is what nothing handled. */
interface NodeEnd {
  readonly ran: boolean;
  readonly output: JsonValue;
  readonly failure?: Failure;
}

const NOTHING: SequenceEnd = { ran: false, output: null };
/** Nothing led to this step. */
/** Steps of a graph that run at once where it does not say. */
const GRAPH_CONCURRENCY = 5;
const NO_CHAIN: ReadonlySet<string> = new Set();

/**
 * Walks lists of steps. Order, targets and conditionals follow rules 7–10: a step that is a target runs only when
 * targeted; a failed step whose target completes counts as handled, and the list goes on behind it; the target's own
 * failure takes the place of the one it was to handle. Rejects with the `StepFailure` that nothing handled.
 */
export class Interpreter implements Lists {
  readonly #run: Run;
  readonly #steps: StepRunner;

  constructor(run: Run) {
    this.#run = run;
    this.#steps = new StepRunner(run, this);
  }

  async sequence(sequence: Sequence, place: Place, options: ListOptions = {}): Promise<SequenceEnd> {
    if (sequence.graph) return await this.#graph(sequence, place, options);
    let last = NOTHING;
    for (const node of sequence.nodes) {
      if (!node.target) {
        const end = await this.step(node, place);
        if (end.ran) last = end;
        if (options.outputs !== undefined) options.outputs[node.id] = end.output;
      }
      for (const conditional of sequence.after.get(node.id) ?? []) {
        const end = await this.#conditional(conditional, place);
        if (end.ran) last = end;
      }
    }
    return last;
  }

  async step(node: BoundNode, place: Place, segment: string = node.id): Promise<SequenceEnd> {
    const end = await this.#routed(node, place, segment, NO_CHAIN);
    if (end.failure !== undefined && node.step.can_fail_safely !== true) throw new StepFailure(end.failure);
    return end;
  }

  /**
   * Runs the target `id` on behalf of a place (`workflow`, a conditional, a step path's last segment); its failure is
   * thrown.
   */
  async target(node: BoundNode, place: Place, from: string): Promise<SequenceEnd> {
    const end = await this.#routed(node, place, this.#segment(node, from), NO_CHAIN);
    if (end.failure !== undefined && node.step.can_fail_safely !== true) throw new StepFailure(end.failure);
    return end;
  }

  /**
   * A step, then what its result leads to. `chain` holds the steps whose failure led here: none of them handles another
   * again.
   */
  async #routed(node: BoundNode, place: Place, segment: string, chain: ReadonlySet<string>): Promise<NodeEnd> {
    const result = await this.#steps.run(node, place, segment);
    const own: NodeEnd = { ran: result.status === 'completed', output: result.output };
    if (result.status === 'failed') {
      const failure: Failure = result.error ?? {
        code: 'tool_error',
        message: 'failed without a reason',
        step: node.id,
      };
      const handler = this.#run.bound.errorTargets.get(node.id);
      const seen = new Set([...chain, node.id]);
      if (handler === undefined || seen.has(handler.id)) return { ...own, failure };
      const inside = { ...place, scope: place.scope.with(errorNames(failure)) };
      const handled = await this.#routed(handler, inside, this.#segment(handler, segment), seen);
      return handled.ran || handled.failure !== undefined ? handled : { ...own, failure };
    }
    if (result.status === 'skipped') return own;
    if (node.bound.endsTask === true) {
      // What stops beside it (a call, a question) follows from it outside (E3); with the last of a list nothing is
      // beside.
      if (node !== this.#run.bound.last) await this.#run.flush();
      throw new EndOfTask(result.output);
    }
    const next = this.#run.bound.byId.get(node.bound.route?.(result) ?? '');
    if (next === undefined || chain.has(next.id)) return own;
    const led = await this.#routed(next, place, this.#segment(next, segment), new Set([...chain, node.id]));
    return led.ran || led.failure !== undefined ? led : own;
  }

  /**
   * The last part of a target's path: its id, and the place too when several can target it or the place itself is one
   * of several.
   */
  #segment(target: BoundNode, from: string): string {
    const several = (this.#run.bound.places.get(target.id)?.size ?? 0) > 1;
    return several || from.includes('@') ? `${target.id}@${from}` : target.id;
  }

  /** Decided once and noted, so that a replay after more was written to variables takes the same way. */
  async #conditional({ conditional }: BoundConditional, place: Place): Promise<SequenceEnd> {
    const name = conditionalPlace(conditional.name, this.#run.bound.byId);
    const path = childPath(place.prefix, name);
    const note = notePath(path, 'if');
    let truth = this.#run.ports.journal.decision(note);
    if (truth === undefined) {
      place.signal.throwIfAborted();
      truth = await this.#testConditional(conditional.name, conditional.condition, place, path);
      this.#run.note({ type: 'decision', path: note, value: truth });
    }
    let last = NOTHING;
    for (const id of new Set(truth === true ? conditional.if_true : conditional.if_false)) {
      const node = this.#run.bound.byId.get(id);
      if (node === undefined) continue;
      const end = await this.target(node, place, name);
      if (end.ran) last = end;
    }
    return last;
  }

  async #testConditional(name: string, condition: string, place: Place, path: string): Promise<boolean> {
    try {
      return await this.#run.test(condition, place.scope, path);
    } catch (error) {
      if (!(error instanceof StepFailure)) throw error;
      throw new StepFailure({
        ...error.failure,
        message: `conditional '${name}': ${error.failure.message}`,
        step: name,
      });
    }
  }

  async #graph(sequence: Sequence, place: Place, options: ListOptions): Promise<SequenceEnd> {
    const ends = new Map<string, SequenceEnd>();
    const jobs = sequence.nodes.flatMap((node): Job[] => {
      const conditionals = (sequence.after.get(node.id) ?? []).map((bound) => this.#conditionalJob(bound, place));
      return node.target ? conditionals : [this.#stepJob(node, place, ends), ...conditionals];
    });
    await runGraph(jobs, options.concurrency ?? GRAPH_CONCURRENCY, place.signal);
    let last = NOTHING;
    for (const node of sequence.nodes) {
      const end = ends.get(node.id);
      if (end?.ran === true) last = end;
      if (options.outputs !== undefined && !node.target) options.outputs[node.id] = end?.output ?? null;
    }
    return last;
  }

  #stepJob(node: BoundNode, place: Place, ends: Map<string, SequenceEnd>): Job {
    return {
      id: node.id,
      after: node.step.depends_on ?? [],
      canFail: node.step.can_fail_safely === true,
      critical: node.step.critical === true,
      run: async (signal) => {
        const end = await this.#routed(node, { ...place, signal }, node.id, NO_CHAIN);
        ends.set(node.id, end);
        return end.failure === undefined ? undefined : new StepFailure(end.failure);
      },
      skip: async (dependency) => {
        await this.#steps.skip(node, place, `dependency '${dependency}' failed`);
      },
    };
  }

  #conditionalJob(bound: BoundConditional, place: Place): Job {
    return {
      id: `?${bound.conditional.name}`,
      after: bound.reads,
      canFail: false,
      critical: false,
      run: async (signal) => {
        try {
          await this.#conditional(bound, { ...place, signal });
        } catch (error) {
          if (error instanceof StepFailure && !signal.aborted) return error;
          throw error;
        }
        return undefined;
      },
      skip: () => Promise.resolve(),
    };
  }
}

/** The names in scope where a failure is handled. */
export function errorNames(failure: Failure): JsonObject {
  return {
    error: { code: failure.code, message: failure.message, step: failure.step ?? null, data: failure.data ?? null },
    failed_step: { id: failure.step ?? null },
  };
}
