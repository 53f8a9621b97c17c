import type { JsonObject } from '../core/json.ts';
import type { Sequence, SequenceEnd } from './kind.ts';
import type { Scope } from './scope.ts';

/** Where in a run something happens: what its steps' paths begin with, which names it sees, what stops it. */
export interface Place {
  readonly prefix: string;
  readonly scope: Scope;
  readonly signal: AbortSignal;
}

/** Runs lists of steps; the interpreter as blocks use it. */
export interface Lists {
  /**
   * To the end or to the first `StepFailure` that nothing in the list handled. `outputs` collects each step's output by
   * id.
   */
  sequence(sequence: Sequence, place: Place, options?: ListOptions): Promise<SequenceEnd>;
}

export interface ListOptions {
  /** Of a graph: how many of its steps run at once. Absent = as many as are ready. */
  readonly concurrency?: number;
  readonly outputs?: { [id: string]: JsonObject[string] };
}
