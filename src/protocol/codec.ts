import type { JsonObject } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { TaskView } from '../tasks/task.ts';
import type { ErrorDialect } from './errors.ts';

/**
 * How one generation spells a task. The store keeps the neutral outcome; a codec derives the wire status from it, so
 * the same task reads right through every generation. A codec is pure: same view and outcome, same words.
 */
export interface TaskCodec extends ErrorDialect {
  /** The dated revision, for logs and tests. */
  readonly revision: string;
  /**
   * The status on the wire. `outcome` is needed for a terminal task where the generation tells a failed tool from a
   * failed request; a codec that does not tell them apart ignores it.
   */
  status(view: TaskView, outcome: Outcome | undefined): string;
  /** The task object itself, without any envelope. */
  task(view: TaskView, outcome: Outcome | undefined): JsonObject;
  /** The answer to a call that became a task. Always says `working`: a task begins so, whatever happened since. */
  created(view: TaskView): JsonObject;
  /**
   * The tool result of a terminal task, as the plain call answers it. Throws `WireError` where the outcome is a
   * JSON-RPC error (the very same number, text and data) and where the task was cancelled.
   */
  toolResult(outcome: Outcome): JsonObject;
}
