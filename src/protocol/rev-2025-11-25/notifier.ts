import type { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { JsonObject } from '../../core/json.ts';
import { messageOf } from '../../core/failure.ts';
import type { Principal, TaskEvent, TaskView } from '../../tasks/task.ts';
import type { ResumableCalls } from '../connection.ts';
import { watchDefinition } from '../definition-watch.ts';
import type { ProtocolDeps } from '../deps.ts';
import { RPC, WireError } from '../errors.ts';
import { keepBeating, ProgressReporter } from '../progress.ts';
import { watchOwnResource } from '../own-resources.ts';
import { parseUri } from '../resource-uris.ts';
import { watchSchedules } from '../schedules.ts';
import { isTerminal, META, progressObject } from '../task-object.ts';
import { codec2025 } from './codec.ts';

/** Tasks and resources one connection can be told of at a time. */
const MAX_WATCHED = 1_000;
/** Characters of the address of a resource. */
const MAX_URI = 2048;

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

type MessageEvent = Extract<TaskEvent, { type: 'message' }>;

/**
 * Everything a connection is told without having asked: task status, progress, log messages, changed lists and
 * resources. All of it is news only: what cannot be delivered is dropped, and a client that polls sees the same.
 *
 * N1 nothing about a task is sent before the answer that names it was handed to the transport (over HTTP the two travel
 *    on different streams and may arrive in either order). N2 nothing is sent after the connection has closed.
 * N3 a connection hears only of tasks it has named or created.
 */
export class Notifier {
  readonly #server: Server;
  readonly #deps: ProtocolDeps;
  readonly #kept: ResumableCalls | undefined;
  /** Unsubscribe functions by task id and by subscribed URI. */
  readonly #watched = new Map<string, () => void>();
  readonly #resources = new Map<string, () => void>();
  readonly #stopDefinitions: () => void;
  #level = LEVELS.indexOf('info');
  #closed = false;

  /** @param kept where the tasks that the connection is told of are kept for the next process. */
  constructor(server: Server, deps: ProtocolDeps, kept?: ResumableCalls) {
    this.#server = server;
    this.#deps = deps;
    this.#kept = kept;
    this.#stopDefinitions = deps.definitions.onChange(() => this.#definitionsChanged());
  }

  /** Sends one notification, on the stream of `requestId` when it belongs to a request. Never throws. */
  send(method: string, params: JsonObject | undefined, requestId?: string | number): void {
    if (this.#closed) return;
    this.#server
      .notification(
        { method, ...(params === undefined ? {} : { params }) },
        requestId === undefined ? {} : { relatedRequestId: requestId },
      )
      .catch((error: unknown) => {
        this.#deps.logger.debug({ method, cause: messageOf(error) }, 'a notification was not delivered');
      });
  }

  /** A log message of a workflow, if the client wants that level. */
  log(event: MessageEvent, requestId?: string | number): void {
    const level = LEVELS.includes(event.level) ? event.level : 'info';
    if (LEVELS.indexOf(level) < this.#level) return;
    const related = requestId === undefined ? { _meta: { [META.relatedTask]: { taskId: event.taskId } } } : {};
    this.send(
      'notifications/message',
      { level, logger: 'workflow', data: event.data ?? event.message, ...related },
      requestId,
    );
  }

  /** `logging/setLevel`. */
  setLevel(level: string): void {
    const index = LEVELS.indexOf(level);
    if (index < 0) throw new WireError(RPC.invalidParams, `params/level: one of ${LEVELS.join(', ')} is expected`);
    this.#level = index;
  }

  /**
   * Tells the client of every later change of the task: its status, its log messages and, with a token, its progress,
   * until it has ended. Starts after the answer that is being written now, with what the task has `said` before.
   */
  watch(view: TaskView, progressToken?: string | number, said: readonly MessageEvent[] = []): void {
    if (this.#closed || isTerminal(view) || this.#watched.has(view.taskId)) return;
    const stopped = new AbortController();
    const reporter = new ProgressReporter((tick) => {
      if (progressToken !== undefined) {
        const _meta = { [META.relatedTask]: { taskId: view.taskId } };
        this.send('notifications/progress', { progressToken, ...tick, _meta });
      }
    });
    let answered = false;
    const held: TaskEvent[] = [...said];
    const state = { rev: view.rev, status: view.status, message: view.statusMessage };
    const handle = (event: TaskEvent): void => {
      if (stopped.signal.aborted) return;
      if (event.type === 'message') {
        reporter.onMessage(event);
        if (event.progress === undefined || progressToken === undefined) this.log(event);
        return;
      }
      if (event.view.rev <= state.rev) return;
      reporter.onView(event.view);
      this.#status(event.view, state);
      if (isTerminal(event.view)) this.#unwatch(view.taskId);
    };
    const unsubscribe = this.#deps.tasks.subscribe((event) => {
      if (answered) handle(event);
      else held.push(event);
    }, view.taskId);
    this.#kept?.watches(view.taskId);
    this.#remember(this.#watched, view.taskId, () => {
      unsubscribe();
      stopped.abort();
      reporter.end();
    });
    if (progressToken !== undefined) void keepBeating(reporter, this.#deps.clock, stopped.signal);
    // N1: the SDK writes the answer in the microtasks that follow.
    setImmediate(() => {
      answered = true;
      for (const event of held) handle(event);
      void this.#catchUp(view, handle);
    });
  }

  /**
   * Goes on with the tasks that the connection was told of in the process before, as far as they are `principal`'s.
   * What they are now comes first, unless that was told: what happened meanwhile was told to nobody. Never rejects.
   */
  async watchAgain(principal: Principal): Promise<void> {
    for (const { taskId, told } of this.#kept?.watched() ?? []) {
      try {
        const view = await this.#deps.tasks.get(taskId, principal);
        if (view !== undefined && !isSame(view, told)) this.#tell(view);
        if (view === undefined || isTerminal(view)) this.#kept?.unwatches(taskId);
        else this.watch(view);
      } catch (error) {
        this.#deps.logger.debug({ cause: messageOf(error) }, 'the state of a watched task could not be read');
      }
    }
  }

  /** What happened between the read of `view` and the subscription. */
  async #catchUp(view: TaskView, handle: (event: TaskEvent) => void): Promise<void> {
    try {
      const now = await this.#deps.tasks.get(view.taskId, view.principal);
      if (now !== undefined) handle({ type: 'changed', view: now });
    } catch (error) {
      this.#deps.logger.debug({ cause: messageOf(error) }, 'the state of a watched task could not be read');
    }
  }

  /** `resources/subscribe`: the client hears when the resource changes. */
  subscribe(uri: string): void {
    if (this.#resources.has(uri)) return;
    if (uri.length > MAX_URI) throw new WireError(RPC.invalidParams, `An address has at most ${MAX_URI} characters`);
    if (this.#resources.size >= MAX_WATCHED) {
      throw new WireError(RPC.limitExceeded, `At most ${MAX_WATCHED} resources can be subscribed to`);
    }
    const ref = parseUri(uri);
    if (ref === undefined) {
      const stop = watchOwnResource(uri, () => this.#resourceUpdated(uri), this.#deps);
      this.#resources.set(uri, stop ?? (() => undefined));
    } else if (ref.kind === 'schema') {
      this.#resources.set(uri, () => undefined);
    } else if (ref.kind === 'schedules') {
      this.#resources.set(
        uri,
        watchSchedules(() => this.#resourceUpdated(uri), this.#deps),
      );
    } else if (ref.kind === 'definition') {
      const stop = watchDefinition(ref.name, () => this.#resourceUpdated(uri), this.#deps);
      this.#resources.set(uri, stop ?? (() => undefined));
    } else {
      this.#resources.set(uri, this.#subscribeTask(uri, ref.taskId));
    }
  }

  /** Bursts of changes of a task are one notification. */
  #subscribeTask(uri: string, taskId: string): () => void {
    let pending = false;
    return this.#deps.tasks.subscribe((event) => {
      if (event.type !== 'changed' || pending) return;
      pending = true;
      setImmediate(() => {
        pending = false;
        if (this.#resources.has(uri)) this.#resourceUpdated(uri);
      });
    }, taskId);
  }

  /** `resources/unsubscribe`; harmless for what was not subscribed. */
  unsubscribe(uri: string): void {
    this.#resources.get(uri)?.();
    this.#resources.delete(uri);
  }

  /** N2. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopDefinitions();
    for (const stop of [...this.#watched.values(), ...this.#resources.values()]) stop();
    this.#watched.clear();
    this.#resources.clear();
  }

  #status(view: TaskView, state: { rev: number; status: string; message: string }): void {
    state.rev = view.rev;
    if (view.status === state.status && view.statusMessage === state.message) return;
    state.status = view.status;
    state.message = view.statusMessage;
    this.#tell(view);
  }

  #tell(view: TaskView): void {
    const task = codec2025.task(view, undefined);
    this.send('notifications/tasks/status', { ...task, _meta: { [META.progress]: progressObject(view) } });
  }

  #resourceUpdated(uri: string): void {
    this.send('notifications/resources/updated', { uri });
  }

  #definitionsChanged(): void {
    this.send('notifications/tools/list_changed', undefined);
    this.send('notifications/prompts/list_changed', undefined);
    this.send('notifications/resources/list_changed', undefined);
  }

  #unwatch(taskId: string): void {
    this.#watched.get(taskId)?.();
    this.#watched.delete(taskId);
    this.#kept?.unwatches(taskId);
  }

  /** The task named longest ago gives way. */
  #remember(map: Map<string, () => void>, key: string, stop: () => void): void {
    map.set(key, stop);
    if (map.size <= MAX_WATCHED) return;
    for (const [oldest, stopOldest] of map) {
      stopOldest();
      map.delete(oldest);
      return;
    }
  }
}

/** Whether a client that was told this knows the state of the task. */
function isSame(view: TaskView, told: JsonObject | undefined): boolean {
  const now = codec2025.task(view, undefined);
  return told !== undefined && told['status'] === now['status'] && told['statusMessage'] === now['statusMessage'];
}
