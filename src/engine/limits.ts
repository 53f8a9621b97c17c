/** Bounds on one task. Reaching one is a `limit_exceeded` failure of that task alone. */
export interface EngineLimits {
  /** Checkpoints (finished steps, skipped ones included) of one task. */
  readonly stepsPerTask: number;
  /** Items of a `foreach` and branches of a `parallel`. */
  readonly fanOut: number;
  /** What runs at the same time in nested fan-outs of one task; see `Lanes`. */
  readonly lanes: number;
  /** Iterations of a `loop`, whatever its `max_iterations` says. */
  readonly loopIterations: number;
  /** Bytes of one step's output and view, as JSON in UTF-8. */
  readonly outputBytes: number;
  /** Depth of nesting by `workflow` steps. */
  readonly depth: number;
  /** Warnings kept on a task; further ones are counted, not kept. */
  readonly warnings: number;
}

export const DEFAULT_ENGINE_LIMITS: EngineLimits = {
  stepsPerTask: 100_000,
  fanOut: 10_000,
  lanes: 10_000,
  loopIterations: 100_000,
  outputBytes: 10 * 1024 * 1024,
  depth: 16,
  warnings: 100,
};
