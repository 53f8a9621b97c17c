/** A step id, and a name in `as`. */
export const STEP_ID = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** A workflow's name is the name of its MCP tool. */
export const WORKFLOW_NAME = /^[A-Za-z0-9_.-]{1,128}$/;

/** Where `save_output_to` and `assign` may write. */
export const ASSIGNABLE = /^variables\.(?:output|global|saved)(?:\.[A-Za-z0-9_$@-]+)+$/;

/** Names that are in scope by themselves; no step may be called so. */
export const RESERVED_NAMES: ReadonlySet<string> = new Set([
  'variables',
  'input',
  'saved',
  'steps',
  'item',
  'item_index',
  'error',
  'failed_step',
  'task',
  'workflow',
  'schedule',
]);
