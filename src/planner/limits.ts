/** Published bounds of the planner, each for one principal. Reaching one refuses that call and changes nothing. */
export const PLANNER_LIMITS = {
  /** Requests that are kept. A further one takes the place of the oldest completed one. */
  requests: 1000,
  /** Tasks of one request. */
  tasks: 500,
  /** Characters of a title. */
  titleChars: 500,
  /** Characters of any other text. */
  textChars: 20_000,
  /** Bytes of one request with its tasks, as JSON. */
  requestBytes: 1_048_576,
  /** Idempotency keys that are remembered for one request, the latest. */
  keys: 200,
} as const;

/** The bounds as a type, so that tests can use smaller ones. */
export type PlannerLimits = { readonly [K in keyof typeof PLANNER_LIMITS]: number };
