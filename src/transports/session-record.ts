import type { Clock } from '../core/clock.ts';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { ResumableCalls, ResumedCall, WatchedTask } from '../protocol/connection.ts';
import type { ProgressTick } from '../protocol/progress.ts';
import type { SavedSession, WaitingRequest } from './saved-sessions.ts';

/** A request that is answered sooner is not saved: a write each would cost more than it could ever give back. */
const SAVED_AFTER_MS = 250;
/** Bounds of one session; the oldest gives way. */
const MAX_WAITING = 16;
const MAX_OPEN = 256;
const MAX_SETTINGS = 200;
const MAX_TASKS = 200;
const MAX_REQUEST_CHARS = 64 * 1024;
const MAX_SETTING_CHARS = 4 * 1024;

type RequestId = string | number;

interface OpenCall {
  readonly request: JsonObject;
  readonly streamId: string | undefined;
  readonly taskId: string | undefined;
}

/**
 * What one session would need to go on in another process, kept up to date as its requests come in. `save` is called
 * with every change that matters.
 *
 * R1 a plain call is resumed by its task and never made again. R2 each waiting request is handed out once.
 */
export class SessionRecord implements ResumableCalls {
  readonly #save: (session: SavedSession) => void;
  readonly #clock: Clock;
  readonly #principal: string;
  readonly #initialize: JsonObject;
  readonly #epoch: number;
  #listens: boolean;
  readonly #settings = new Map<string, JsonObject>();
  /** Requests that could be resumed, as long as not all of what that takes is known. */
  readonly #calls = new Map<RequestId, OpenCall>();
  /** Stops what would save a request, by stream. */
  readonly #soon = new Map<string, AbortController>();
  readonly #waiting = new Map<string, WaitingRequest>();
  /** Of the process before. */
  readonly #left: Map<string, WaitingRequest>;
  readonly #resuming = new Map<RequestId, ResumedCall>();
  /** The tasks that the client is told of, and those of them that are saved. */
  readonly #tasks: Set<string>;
  #savedTasks = '';
  readonly #tasksBefore: string[];
  readonly #told: (taskId: string) => JsonObject | undefined;
  /** Stops what would save them. */
  #tasksSoon: AbortController | undefined;
  /** The request that is being handed to the SDK in this turn. */
  #passing: RequestId | undefined;
  #savedAt: number;

  /** @param told the state of a task that the client was told last, if that is known. */
  constructor(
    saved: SavedSession,
    clock: Clock,
    save: (session: SavedSession) => void,
    told: (taskId: string) => JsonObject | undefined = () => undefined,
  ) {
    this.#told = told;
    this.#principal = saved.principal;
    this.#initialize = saved.initialize;
    this.#epoch = saved.epoch;
    this.#listens = saved.listens;
    for (const setting of saved.settings) this.#settings.set(settingOf(setting) ?? '', setting);
    this.#left = new Map(Object.entries(saved.waiting));
    this.#tasksBefore = [...saved.tasks];
    this.#tasks = new Set(saved.tasks);
    this.#clock = clock;
    this.#save = save;
    this.#savedAt = clock.monotonic();
  }

  /** The requests that bring a new connection to where the session was. */
  get settings(): readonly JsonObject[] {
    return [...this.#settings.values()];
  }

  /** Saves the state as it is. */
  save(): void {
    this.#savedAt = this.#clock.monotonic();
    const tasks = [...this.#tasks];
    this.#savedTasks = tasks.join();
    this.#save({
      principal: this.#principal,
      initialize: this.#initialize,
      epoch: this.#epoch,
      listens: this.#listens,
      settings: [...this.#settings.values()],
      waiting: Object.fromEntries([...this.#left, ...this.#waiting]),
      tasks,
    });
  }

  /** Saves, if that was not done for `afterMs`: a session in use does not grow old. */
  renew(afterMs: number): void {
    if (this.#clock.monotonic() - this.#savedAt >= afterMs) this.save();
  }

  /** The client has opened the session's own stream. */
  listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    this.save();
  }

  /** Hands a body on by `pass`, which gives it to the SDK in the same turn. */
  pass<T>(body: unknown, pass: () => T): T {
    if (!isJsonObject(body)) return pass();
    this.#note(body);
    const { id, method } = body;
    const known = method === 'tools/call' || method === 'tasks/result';
    if (!known || (typeof id !== 'string' && typeof id !== 'number')) return pass();
    this.#calls.set(id, { request: body, streamId: undefined, taskId: undefined });
    dropOldest(this.#calls, MAX_OPEN);
    this.#passing = id;
    try {
      return pass();
    } finally {
      this.#passing = undefined;
    }
  }

  /** There is a stream for the answer of a request: of the one that is being passed on, unless another is named. */
  opened(streamId: string, requestId = this.#passing): void {
    if (requestId !== undefined) this.#learnt(requestId, { streamId });
  }

  /**
   * The request whose stream this is was answered. It stays saved, if it is: its answer may be lost on the way, and can
   * be had again.
   */
  answered(streamId: string, requestId: RequestId | undefined): void {
    if (requestId !== undefined) this.#calls.delete(requestId);
    this.#soon.get(streamId)?.abort();
  }

  /** The stream of a request that waited in the process before and was not taken up yet. */
  leftFor(requestId: RequestId): string | undefined {
    for (const [streamId, { request }] of this.#left) if (request['id'] === requestId) return streamId;
    return undefined;
  }

  /** The client has cancelled the request whose stream this is: no process is to begin it again. */
  withdrawn(streamId: string, requestId: RequestId): void {
    this.answered(streamId, requestId);
    if (this.#waiting.delete(streamId)) this.save();
  }

  began(requestId: RequestId, taskId: string): void {
    this.#learnt(requestId, { taskId });
  }

  resumed(requestId: RequestId): ResumedCall | undefined {
    const call = this.#resuming.get(requestId);
    this.#resuming.delete(requestId);
    return call;
  }

  watches(taskId: string): void {
    this.#tasks.delete(taskId);
    this.#tasks.add(taskId);
    const [oldest] = this.#tasks;
    if (this.#tasks.size > MAX_TASKS && oldest !== undefined) this.#tasks.delete(oldest);
    this.#saveTasksSoon();
  }

  unwatches(taskId: string): void {
    if (this.#tasks.delete(taskId)) this.#saveTasksSoon();
  }

  watched(): readonly WatchedTask[] {
    return this.#tasksBefore.splice(0).map((taskId) => ({ taskId, told: this.#told(taskId) }));
  }

  /**
   * The request that waited on this stream in the process before, to be passed on again, with the last progress that
   * the stream has. R2.
   */
  takeUp(streamId: string, progress?: ProgressTick): JsonObject | undefined {
    const waiting = this.#left.get(streamId);
    if (waiting === undefined) return undefined;
    this.#left.delete(streamId);
    // Until it is answered here, a third process may be asked for it.
    this.#waiting.set(streamId, waiting);
    const { request, taskId } = waiting;
    const { id } = request;
    // R1
    if (taskId !== null && (typeof id === 'string' || typeof id === 'number')) {
      this.#resuming.set(id, { taskId, ...(progress === undefined ? {} : { progress }) });
    }
    return request;
  }

  /** The session has ended in this process. */
  close(): void {
    for (const soon of this.#soon.values()) soon.abort();
    this.#tasksSoon?.abort();
  }

  #note(body: JsonObject): void {
    const setting = settingOf(body);
    if (setting === undefined || JSON.stringify(body).length > MAX_SETTING_CHARS) return;
    this.#settings.delete(setting);
    if (body['method'] !== 'resources/unsubscribe') this.#settings.set(setting, body);
    dropOldest(this.#settings, MAX_SETTINGS);
    this.save();
  }

  /** A request is worth saving when its stream is known, and of a call the task. */
  #learnt(requestId: RequestId, more: Partial<OpenCall>): void {
    const call = this.#calls.get(requestId);
    if (call === undefined) return;
    const { request, streamId, taskId } = { ...call, ...more };
    const isEnough = streamId !== undefined && (taskId !== undefined || request['method'] === 'tasks/result');
    if (!isEnough) {
      this.#calls.set(requestId, { request, streamId, taskId });
      return;
    }
    this.#calls.delete(requestId);
    this.#saveSoon(streamId, { request, taskId: taskId ?? null });
  }

  /** Most tasks end before it is time. */
  #saveTasksSoon(): void {
    if (this.#tasksSoon !== undefined) return;
    const stop = new AbortController();
    this.#tasksSoon = stop;
    this.#clock.sleep(SAVED_AFTER_MS, stop.signal).then(
      () => {
        this.#tasksSoon = undefined;
        if ([...this.#tasks].join() !== this.#savedTasks) this.save();
      },
      // The session has ended.
      () => undefined,
    );
  }

  #saveSoon(streamId: string, waiting: WaitingRequest): void {
    if (JSON.stringify(waiting.request).length > MAX_REQUEST_CHARS) return;
    const stop = new AbortController();
    this.#soon.set(streamId, stop);
    this.#clock
      .sleep(SAVED_AFTER_MS, stop.signal)
      .then(
        () => {
          this.#waiting.set(streamId, waiting);
          dropOldest(this.#waiting, MAX_WAITING);
          this.save();
        },
        // It was answered before.
        () => undefined,
      )
      .finally(() => this.#soon.delete(streamId));
  }
}

/** What a client sets for its whole session, by what takes its place. */
function settingOf(body: JsonObject): string | undefined {
  const params = isJsonObject(body['params']) ? body['params'] : {};
  switch (body['method']) {
    case 'logging/setLevel':
      return 'level';
    case 'resources/subscribe':
    case 'resources/unsubscribe':
      return typeof params['uri'] === 'string' ? `subscription ${params['uri']}` : undefined;
    default:
      return undefined;
  }
}

function dropOldest(map: Map<unknown, unknown>, most: number): void {
  const [oldest] = map.keys();
  if (map.size > most) map.delete(oldest);
}
