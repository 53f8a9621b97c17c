import { randomUUID } from 'node:crypto';
import type { Failure } from '../../src/core/failure.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { statusOf, type Outcome, type ToolResult } from '../../src/core/outcome.ts';
import type { InputRequest, StoredEntry } from '../../src/engine/journal.ts';
import type { Phase } from '../../src/engine/ports.ts';
import {
  TaskError,
  type CleanUpState,
  type CreateTask,
  type ListQuery,
  type Principal,
  type StepRow,
  type TaskInside,
  type TaskEvent,
  type TaskService,
  type TaskView,
} from '../../src/tasks/task.ts';

/** What a scripted workflow can do to its task. */
export interface FakeRun {
  readonly input: JsonObject;
  readonly signal: AbortSignal;
  /** Changes what clients see. */
  readonly report: (change: { message?: string; percent?: number; phases?: readonly Phase[] }) => void;
  readonly emit: (event: {
    message: string;
    level?: string;
    progress?: number;
    total?: number;
    data?: JsonValue;
  }) => void;
  /** Asks, as the step at `path`, and waits for the first answer. */
  readonly ask: (request: InputRequest, path?: string) => Promise<JsonValue>;
}

/**
 * A scripted workflow: what it returns is its tool result, an `Outcome` is taken as it is, what it throws is a failed
 * step.
 */
export type FakeWorkflow = (run: FakeRun) => Promise<ToolResult | Outcome>;

interface Entry {
  view: TaskView;
  outcome?: Outcome;
  readonly abort: AbortController;
  readonly waiting: Map<string, (answer: JsonValue) => void>;
  readonly digest: string;
  /** Paths of the questions that were answered. */
  readonly answered: string[];
}

/**
 * A `TaskService` in memory that obeys the port: views are frozen snapshots with growing `rev`, an id of somebody else
 * is unknown, first answer wins, a terminal task never changes. Workflows are functions; nothing is validated but what
 * a workflow's entry in `rejects` says.
 */
export class FakeTaskService implements TaskService {
  readonly workflows = new Map<string, FakeWorkflow>();
  /** Thrown by the next `create` of this workflow. */
  readonly rejects = new Map<string, Error>();
  readonly #entries = new Map<string, Entry>();
  readonly #keys = new Map<string, string>();
  readonly #listeners = new Set<{ listener: (event: TaskEvent) => void; taskId: string | undefined }>();
  #clock = 1_750_000_000_000;
  #inputs = 0;

  define(name: string, workflow: FakeWorkflow): void {
    this.workflows.set(name, workflow);
  }

  /** Subscribers now; a test of leaks looks at it. */
  get subscriberCount(): number {
    return this.#listeners.size;
  }

  create(request: CreateTask): Promise<TaskView> {
    const rejection = this.rejects.get(request.workflow);
    if (rejection !== undefined) return Promise.reject(rejection);
    const workflow = this.workflows.get(request.workflow);
    if (workflow === undefined) {
      return Promise.reject(new TaskError('unknown_workflow', `unknown workflow '${request.workflow}'`));
    }
    const digest = JSON.stringify(request.arguments);
    const keyed =
      request.idempotencyKey === undefined
        ? undefined
        : `${request.principal} ${request.workflow} ${request.idempotencyKey}`;
    const existing = keyed === undefined ? undefined : this.#entries.get(this.#keys.get(keyed) ?? '');
    if (existing !== undefined) {
      return existing.digest === digest
        ? Promise.resolve(existing.view)
        : Promise.reject(new TaskError('idempotency_conflict', 'the idempotency key was used with other arguments'));
    }
    const now = (this.#clock += 1);
    const view: TaskView = Object.freeze({
      taskId: randomUUID(),
      workflow: request.workflow,
      digest: 'd'.repeat(64),
      principal: request.principal,
      status: 'working',
      statusMessage: 'starting',
      percent: 0,
      phases: [],
      createdAt: now,
      lastUpdatedAt: now,
      ttl: request.ttl ?? 3_600_000,
      pollInterval: 1_000,
      inputs: [],
      rev: 1,
      warnings: [],
    });
    const entry: Entry = { view, abort: new AbortController(), waiting: new Map(), digest, answered: [] };
    this.#entries.set(view.taskId, entry);
    if (keyed !== undefined) this.#keys.set(keyed, view.taskId);
    void this.#run(entry, workflow, request.arguments);
    return Promise.resolve(view);
  }

  async #run(entry: Entry, workflow: FakeWorkflow, input: JsonObject): Promise<void> {
    // A real run starts after the record is durable, so never in the same turn.
    await Promise.resolve();
    let outcome: Outcome;
    try {
      const end = await workflow({
        input,
        signal: entry.abort.signal,
        report: (change) =>
          this.#change(entry, {
            ...(change.message === undefined ? {} : { statusMessage: change.message }),
            ...(change.percent === undefined ? {} : { percent: change.percent }),
            ...(change.phases === undefined ? {} : { phases: change.phases }),
          }),
        emit: (event) =>
          this.#publish({
            type: 'message',
            taskId: entry.view.taskId,
            principal: entry.view.principal,
            level: event.level ?? 'info',
            ...event,
          }),
        ask: (request, path) => this.#ask(entry, request, path ?? 's'),
      });
      outcome = 'kind' in end ? end : { kind: 'result', result: end, output: end.structuredContent ?? null };
    } catch (error) {
      const failure: Failure = {
        code: 'tool_error',
        message: error instanceof Error ? error.message : String(error),
        step: 's',
      };
      const text = `step 's' failed (tool_error): ${failure.message}`;
      outcome = {
        kind: 'result',
        result: { content: [{ type: 'text', text }], isError: true },
        output: null,
        failure,
      };
    }
    this.#settle(entry, outcome);
  }

  #settle(entry: Entry, outcome: Outcome): void {
    if (entry.outcome !== undefined) return;
    entry.outcome = outcome;
    const failure = outcome.kind === 'cancelled' ? undefined : outcome.failure;
    this.#change(entry, {
      status: statusOf(outcome),
      statusMessage: outcome.kind === 'cancelled' ? `cancelled: ${outcome.reason}` : statusOf(outcome),
      inputs: [],
      endedAt: this.#clock + 1,
      ...(outcome.kind === 'result' && outcome.result.isError !== true ? { percent: 100 } : {}),
      ...(failure === undefined ? {} : { failure }),
    });
  }

  #change(entry: Entry, change: Partial<TaskView>): void {
    if (entry.view.endedAt !== undefined) return;
    entry.view = Object.freeze({
      ...entry.view,
      lastUpdatedAt: (this.#clock += 1),
      rev: entry.view.rev + 1,
      ...change,
    });
    this.#publish({ type: 'changed', view: entry.view });
  }

  #publish(event: TaskEvent): void {
    const taskId = event.type === 'changed' ? event.view.taskId : event.taskId;
    for (const subscriber of this.#listeners) {
      if (subscriber.taskId === undefined || subscriber.taskId === taskId) subscriber.listener(event);
    }
  }

  #ask(entry: Entry, request: InputRequest, path: string): Promise<JsonValue> {
    const key = `in-${(this.#inputs += 1)}`;
    const answer = new Promise<JsonValue>((resolve) => entry.waiting.set(key, resolve));
    this.#change(entry, {
      status: 'input_required',
      statusMessage: 'waiting for an answer',
      inputs: [...entry.view.inputs, { key, path, request, requestedAt: this.#clock }],
    });
    return answer;
  }

  get(taskId: string, principal: Principal): Promise<TaskView | undefined> {
    const entry = this.#entries.get(taskId);
    return Promise.resolve(entry?.view.principal === principal ? entry.view : undefined);
  }

  #require(taskId: string, principal: Principal): Entry {
    const entry = this.#entries.get(taskId);
    if (entry === undefined || entry.view.principal !== principal) throw new TaskError('not_found', 'no such task');
    return entry;
  }

  list(query: ListQuery): ReturnType<TaskService['list']> {
    const all = [...this.#entries.values()]
      .map((entry) => entry.view)
      .filter((view) => view.principal === query.principal)
      .filter((view) => query.workflow === undefined || view.workflow === query.workflow)
      .filter((view) => query.status === undefined || view.status === query.status)
      .reverse();
    const from = query.cursor === undefined ? 0 : all.findIndex((view) => view.taskId === query.cursor) + 1;
    if (query.cursor !== undefined && from === 0) {
      return Promise.reject(new TaskError('invalid_cursor', 'this is not a cursor of this list'));
    }
    const limit = query.limit ?? 50;
    const tasks = all.slice(from, from + limit);
    const last = tasks.at(-1);
    return Promise.resolve(
      from + limit < all.length && last !== undefined ? { tasks, nextCursor: last.taskId } : { tasks },
    );
  }

  outcome(taskId: string, principal: Principal): Promise<Outcome | undefined> {
    return settled(() => this.#require(taskId, principal).outcome);
  }

  journal(taskId: string, principal: Principal): Promise<readonly StoredEntry[]> {
    return settled(() => {
      const { view } = this.#require(taskId, principal);
      return [{ type: 'started', path: 's', step: 's', attempt: 1, seq: 1, at: view.createdAt }];
    });
  }

  inside(taskId: string, principal: Principal): Promise<TaskInside> {
    return settled(() => {
      this.#require(taskId, principal);
      return { input: {}, usage: { tool_calls: 0, tokens: 0 }, steps: new Map(), hide: (value) => value };
    });
  }

  steps(taskId: string, principal: Principal): Promise<readonly StepRow[]> {
    return settled(() => {
      const { view, answered } = this.#require(taskId, principal);
      return [
        ...answered.map((path) => ({ path, status: 'completed' as const, attempts: 1, endedAt: view.lastUpdatedAt })),
        { path: 's', status: view.endedAt === undefined ? 'working' : 'completed', attempts: 1 },
      ];
    });
  }

  /** What every task that was cancelled has to clean up, and when that is done. */
  cleaning: { readonly state: CleanUpState; readonly done: Promise<unknown> } | undefined;

  isRun(taskId: string): Promise<boolean> {
    return Promise.resolve(this.#entries.get(taskId)?.view.endedAt === undefined);
  }

  cleanUp(taskId: string): Promise<CleanUpState | undefined> {
    const cancelled = this.#entries.get(taskId)?.view.status === 'cancelled';
    return Promise.resolve(cancelled ? this.cleaning?.state : undefined);
  }

  async cleanedUp(taskId: string, _principal: Principal, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#entries.get(taskId)?.view.status !== 'cancelled') return;
    await Promise.race([
      this.cleaning?.done,
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
      }),
    ]);
  }

  waitForChange(taskId: string, principal: Principal, afterRev: number, signal: AbortSignal): Promise<TaskView> {
    return new Promise((resolve, reject) => {
      const entry = this.#require(taskId, principal);
      if (entry.view.rev > afterRev || entry.view.endedAt !== undefined) {
        resolve(entry.view);
        return;
      }
      const stop = this.subscribe((event) => {
        if (event.type !== 'changed') return;
        stop();
        signal.removeEventListener('abort', onAbort);
        resolve(event.view);
      }, taskId);
      const onAbort = (): void => {
        stop();
        reject(signal.reason as Error);
      };
      if (signal.aborted) onAbort();
      else signal.addEventListener('abort', onAbort, { once: true });
    });
  }

  cancel(taskId: string, principal: Principal, reason = 'by request'): Promise<TaskView> {
    return settled(() => {
      const entry = this.#require(taskId, principal);
      if (entry.view.endedAt !== undefined) throw new TaskError('already_terminal', 'the task has ended');
      this.#settle(entry, { kind: 'cancelled', reason });
      entry.abort.abort(new Error('cancelled'));
      return entry.view;
    });
  }

  respond(taskId: string, principal: Principal, key: string, response: JsonValue): Promise<'accepted' | 'ignored'> {
    return settled(() => {
      const entry = this.#require(taskId, principal);
      const resolve = entry.waiting.get(key);
      if (resolve === undefined || entry.view.endedAt !== undefined) return 'ignored';
      if (typeof response !== 'object' || response === null || 'garbage' in response) {
        throw new TaskError('invalid_input_response', 'content: does not fit the question');
      }
      entry.waiting.delete(key);
      entry.answered.push(...entry.view.inputs.filter((input) => input.key === key).map((input) => input.path));
      const inputs = entry.view.inputs.filter((input) => input.key !== key);
      this.#change(entry, { inputs, status: inputs.length === 0 ? 'working' : 'input_required' });
      resolve(response);
      return 'accepted';
    });
  }

  resume(): ReturnType<TaskService['resume']> {
    return Promise.reject(new TaskError('not_resumable', 'a scripted task cannot be resumed'));
  }

  subscribe(listener: (event: TaskEvent) => void, taskId?: string): () => void {
    const entry = { listener, taskId };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }
}

function settled<T>(compute: () => T): Promise<T> {
  return new Promise((resolve) => resolve(compute()));
}
