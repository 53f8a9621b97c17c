export type RefusalCode =
  | 'not_found'
  | 'not_allowed'
  | 'invalid_arguments'
  | 'limit_exceeded'
  | 'idempotency_conflict'
  | 'conflict'
  | 'damaged';

/** The answer to a planner call that cannot be met; nothing was changed. The message is for a model to read. */
export class PlannerRefusal extends Error {
  override readonly name = 'PlannerRefusal';
  readonly code: RefusalCode;
  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}
