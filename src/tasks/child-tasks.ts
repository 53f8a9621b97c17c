import { stepFailure } from '../core/failure.ts';
import type { StepFailure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { AskForChild, Children } from '../engine/ports.ts';
import { ChildQuestions } from './child-questions.ts';
import { hashOf } from './keys.ts';
import type { OpenRun } from './open-run.ts';
import { TaskError } from './task.ts';
import type { CreateTask, TaskView } from './task.ts';
import type { StoreHealth } from './store-health.ts';

/** What children need of the task manager. */
export interface ChildOperations {
  /** Makes or finds the task with this id and sees that it runs. */
  createChild(request: CreateTask, id: string): Promise<TaskView>;
  /** Runs a failed child again because its parent was resumed. */
  resumeChild(view: TaskView): Promise<void>;
  /** `onView` is called with every state on the way. */
  waitForEnd(
    taskId: string,
    principal: string,
    signal: AbortSignal,
    onView: (view: TaskView) => void,
  ): Promise<Outcome>;
  respond(taskId: string, principal: string, key: string, response: JsonValue): Promise<'accepted' | 'ignored'>;
  readonly health: StoreHealth;
  /** The names of all workflows, for error texts. */
  workflows(): readonly string[];
}

/** The id of the child of a step path: derived, so that a restart finds it, and as unguessable as the parent's. */
export function childId(parent: string, path: string): string {
  return `${hashOf(`${parent}\0${path}`)}${hashOf(`${path}\0${parent}`).slice(0, 4)}`;
}

/** Child workflows of one run: tasks of their own, of the same principal, found again by parent and path. */
export class ChildTasks implements Children {
  readonly #run: OpenRun;
  readonly #operations: ChildOperations;

  constructor(run: OpenRun, operations: ChildOperations) {
    this.#run = run;
    this.#operations = operations;
  }

  /**
   * Starts the child or finds the one that was started before; one that had failed before its parent was resumed runs
   * again. Rejects with
   * `StepFailure`: `invalid_arguments`, `tool_not_found` (no such workflow), `limit_exceeded`.
   */
  async start(path: string, workflow: string, input: JsonObject): Promise<{ readonly taskId: string }> {
    const { id, root = id, principal, depth, resumedAt, expiresAt, samples } = this.#run.writer.record;
    const taskId = childId(id, path);
    // What a child asks goes to its parent's client.
    const lends = samples === undefined ? {} : { samples };
    const parent = { taskId: id, root, path, depth, expiresAt };
    const request = { workflow, arguments: input, principal, parent, ...lends };
    this.#run.expectChild();
    const view = await this.#patiently(() => this.#operations.createChild(request, taskId));
    if (view.status === 'failed' && resumedAt !== undefined && (view.endedAt ?? 0) <= resumedAt) {
      await this.#patiently(() => this.#operations.resumeChild(view));
    }
    return { taskId };
  }

  async outcome(taskId: string, signal: AbortSignal, ask?: AskForChild): Promise<Outcome> {
    const { principal } = this.#run;
    const { health } = this.#operations;
    const questions = new ChildQuestions(ask, (key, response) =>
      health.patiently(() => this.#operations.respond(taskId, principal, key, response), signal),
    );
    const wait = (): Promise<Outcome> =>
      this.#operations.waitForEnd(taskId, principal, signal, (view) => questions.offer(view.inputs));
    try {
      return await health.patiently(wait, signal);
    } catch (error) {
      throw error instanceof TaskError ? this.#failureOf(error) : error;
    } finally {
      // A question that its child has left must not stay with the parent.
      await questions.close();
    }
  }

  async #patiently<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await this.#operations.health.patiently(act, this.#run.signal);
    } catch (error) {
      throw error instanceof TaskError ? this.#failureOf(error) : error;
    }
  }

  #failureOf(error: TaskError): StepFailure {
    switch (error.code) {
      case 'unknown_workflow':
        return stepFailure('tool_not_found', `${error.message}${namesThere(this.#operations.workflows())}`);
      case 'invalid_arguments':
      case 'limit_exceeded':
        return stepFailure(error.code, error.message);
      default:
        return stepFailure('child_failed', error.message);
    }
  }
}

const SHOWN_NAMES = 10;

function namesThere(names: readonly string[]): string {
  if (names.length === 0) return '';
  return ` (there are ${names.slice(0, SHOWN_NAMES).join(', ')}${names.length > SHOWN_NAMES ? ', …' : ''})`;
}
