import { messageOf } from '../../core/failure.ts';
import { isJsonObject } from '../../core/json.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { Logger } from '../../core/logger.ts';
import type { TaskService } from '../../tasks/task.ts';
import type { DefinitionSource } from '../deps.ts';
import { isTerminal } from '../task-object.ts';
import { detailedTask, type InputAbilities } from './codec.ts';

/*
 * `subscriptions/listen`: one long-lived stream of the notifications a client asked for, over any transport.
 * L1 the acknowledgement goes first and names what is honoured; nothing that was not asked for is ever sent.
 * L2 a task's notification is what `tasks/get` says at that moment, and a task's notifications never go back in time.
 * L3 the first notification of a task is its state when the stream opened, so that a change just before is not missed.
 * L4 a slow reader gets fewer notifications, never a growing queue: changes in between are merged into the newest
 *    state.
 */

/** `_meta` key by which a client matches notifications with the request that opened the stream. */
const SUBSCRIPTION_ID = 'io.modelcontextprotocol/subscriptionId';

/** Streams open at once in this process. */
const MAX_SUBSCRIPTIONS = 1024;
/** Tasks and resources one stream may name. */
const MAX_NAMED = 1000;
/** Characters of an id or an address. */
const MAX_NAME = 2048;

/** What a client asks for. */
export interface ListenFilter {
  readonly toolsListChanged: boolean;
  readonly promptsListChanged: boolean;
  readonly resourcesListChanged: boolean;
  readonly resourceSubscriptions: readonly string[];
  readonly taskIds: readonly string[];
}

/** Reads `params` of the request; a text says what is wrong with it. */
export function parseListenFilter(params: unknown): ListenFilter | string {
  const wanted = isJsonObject(params) ? params['notifications'] : undefined;
  if (!isJsonObject(wanted)) return "'notifications' is required and must be an object";
  const resourceSubscriptions = textList(wanted['resourceSubscriptions']);
  const taskIds = textList(wanted['taskIds']);
  if (resourceSubscriptions === undefined || taskIds === undefined) {
    return `'resourceSubscriptions' and 'taskIds' must be lists of at most ${MAX_NAMED} texts of at most ${MAX_NAME} characters`;
  }
  return {
    toolsListChanged: wanted['toolsListChanged'] === true,
    promptsListChanged: wanted['promptsListChanged'] === true,
    resourcesListChanged: wanted['resourcesListChanged'] === true,
    resourceSubscriptions,
    taskIds,
  };
}

function textList(value: JsonValue | undefined): readonly string[] | undefined {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > MAX_NAMED) return undefined;
  const texts = value.filter((entry): entry is string => typeof entry === 'string' && entry.length <= MAX_NAME);
  return texts.length === value.length ? [...new Set(texts)] : undefined;
}

/** One client's request to listen. */
export interface Listener {
  /** The JSON-RPC id of the request. */
  readonly id: string | number;
  readonly filter: ListenFilter;
  readonly principal: string;
  readonly abilities: InputAbilities;
  /** Puts one message on the stream; resolves when the stream takes more. A rejection ends the subscription. */
  readonly send: (message: JsonObject) => Promise<void>;
  /** The subscription is over, for whatever reason; nothing is sent any more. Called once. */
  readonly ended?: () => void;
}

/** An open stream. */
export interface Subscription {
  /** Stops everything. `graceful` first sends the response to the request, as when the server goes down. */
  close(graceful: boolean): Promise<void>;
}

export interface SubscriptionDeps {
  readonly tasks: TaskService;
  readonly definitions: DefinitionSource;
  readonly logger: Logger;
  /**
   * Calls `changed` when the resource's content may have changed. `undefined`: there is no such resource for this
   * principal, or it never changes.
   */
  readonly watchResource: (uri: string, principal: string, changed: () => void) => Promise<(() => void) | undefined>;
}

/** All open streams of the process. */
export class Subscriptions {
  readonly #deps: SubscriptionDeps;
  /** The oldest first. */
  readonly #open = new Set<OpenStream>();

  constructor(deps: SubscriptionDeps) {
    this.#deps = deps;
  }

  get size(): number {
    return this.#open.size;
  }

  /**
   * Acknowledges and begins. `undefined` when too many streams are open; then nothing was sent. Rejects, with nothing
   * left open, when the tasks could not be read or the acknowledgement could not be sent.
   */
  async open(listener: Listener): Promise<Subscription | undefined> {
    if (this.#open.size >= MAX_SUBSCRIPTIONS && !this.#makeRoom(listener.principal)) return undefined;
    const stream = new OpenStream(this.#deps, listener, () => this.#open.delete(stream));
    this.#open.add(stream);
    try {
      await stream.begin();
    } catch (error) {
      await stream.close(false);
      throw error;
    }
    return stream;
  }

  /** Ends the oldest stream of the principal that has the most, where that is another one than this. */
  #makeRoom(principal: string): boolean {
    const byPrincipal = new Map<string, OpenStream[]>();
    for (const stream of this.#open) {
      const theirs = byPrincipal.get(stream.principal);
      if (theirs === undefined) byPrincipal.set(stream.principal, [stream]);
      else theirs.push(stream);
    }
    const [most = []] = [...byPrincipal.values()].sort((a, b) => b.length - a.length);
    const [oldest] = most;
    if (oldest === undefined || most.length <= (byPrincipal.get(principal)?.length ?? 0) + 1) return false;
    this.#open.delete(oldest);
    oldest.close(true).catch((error: unknown) => {
      this.#deps.logger.debug({ cause: messageOf(error) }, 'a subscription did not close cleanly');
    });
    return true;
  }

  /** Ends every stream gracefully. */
  async close(): Promise<void> {
    await Promise.all([...this.#open].map((stream) => stream.close(true)));
  }
}

class OpenStream implements Subscription {
  readonly #deps: SubscriptionDeps;
  readonly #listener: Listener;
  readonly #ended: () => void;
  readonly #stop: (() => void)[] = [];
  #closed = false;

  constructor(deps: SubscriptionDeps, listener: Listener, ended: () => void) {
    this.#deps = deps;
    this.#listener = listener;
    this.#ended = ended;
  }

  get principal(): string {
    return this.#listener.principal;
  }

  async begin(): Promise<void> {
    const { filter } = this.#listener;
    const feeds: Feed[] = [];
    const honoured: { [name: string]: JsonValue } = {};
    const lists = [
      ['toolsListChanged', 'notifications/tools/list_changed'],
      ['promptsListChanged', 'notifications/prompts/list_changed'],
      ['resourcesListChanged', 'notifications/resources/list_changed'],
    ] as const;
    for (const [name, method] of lists) {
      if (!filter[name]) continue;
      honoured[name] = true;
      const feed = new Feed(() => this.#notify(method, {}), this.#failed);
      this.#stop.push(this.#deps.definitions.onChange(() => feed.changed()));
      feeds.push(feed);
    }
    const resources = await this.#watchResources(filter.resourceSubscriptions);
    if (resources.length > 0) honoured['resourceSubscriptions'] = resources;
    const tasks = await this.#visibleTasks(filter.taskIds);
    if (tasks.length > 0) honoured['taskIds'] = tasks;
    const taskFeeds = tasks.map((taskId) => this.#taskFeed(taskId));
    await this.#notify('notifications/subscriptions/acknowledged', { notifications: honoured });
    // Everything above may have changed while it was being looked up: those changes come now, after the acknowledgement
    // (L1).
    for (const feed of [...feeds, ...this.#resourceFeeds]) feed.start();
    for (const feed of taskFeeds) {
      feed.changed();
      feed.start();
    }
  }

  async close(graceful: boolean): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const stop of this.#stop) stop();
    this.#ended();
    if (graceful) {
      const result = { resultType: 'complete', _meta: { [SUBSCRIPTION_ID]: this.#listener.id } };
      await this.#listener.send({ jsonrpc: '2.0', id: this.#listener.id, result }).catch(() => undefined);
    }
    this.#listener.ended?.();
  }

  readonly #resourceFeeds: Feed[] = [];

  async #watchResources(uris: readonly string[]): Promise<readonly string[]> {
    const watched: string[] = [];
    for (const uri of uris) {
      const feed = new Feed(() => this.#notify('notifications/resources/updated', { uri }), this.#failed);
      const stop = await this.#deps.watchResource(uri, this.#listener.principal, () => feed.changed());
      if (stop === undefined) continue;
      if (this.#closed) stop();
      this.#stop.push(stop);
      this.#resourceFeeds.push(feed);
      watched.push(uri);
    }
    return watched;
  }

  async #visibleTasks(taskIds: readonly string[]): Promise<readonly string[]> {
    const { tasks } = this.#deps;
    const views = await Promise.all(taskIds.map((taskId) => tasks.get(taskId, this.#listener.principal)));
    return taskIds.filter((_taskId, index) => views[index] !== undefined);
  }

  #taskFeed(taskId: string): Feed {
    const { tasks } = this.#deps;
    const { principal, abilities } = this.#listener;
    let sentRev = -1;
    const feed = new Feed(async () => {
      const view = await tasks.get(taskId, principal);
      if (view === undefined || view.rev <= sentRev) return;
      const outcome = isTerminal(view) ? await tasks.outcome(taskId, principal) : undefined;
      sentRev = view.rev;
      await this.#notify('notifications/tasks', detailedTask(view, outcome, abilities));
    }, this.#failed);
    this.#stop.push(
      tasks.subscribe((event) => {
        if (event.type === 'changed') feed.changed();
      }, taskId),
    );
    return feed;
  }

  async #notify(method: string, params: JsonObject): Promise<void> {
    if (this.#closed) return;
    const meta = params['_meta'];
    await this.#listener.send({
      jsonrpc: '2.0',
      method,
      params: { ...params, _meta: { ...(isJsonObject(meta) ? meta : {}), [SUBSCRIPTION_ID]: this.#listener.id } },
    });
  }

  readonly #failed = (error: unknown): void => {
    this.#deps.logger.debug({ cause: messageOf(error) }, 'a subscription ended because it could not be served');
    void this.close(false);
  };
}

/**
 * Turns any number of changes into as many sends as the reader takes, the last one always after the last change (L4).
 */
class Feed {
  readonly #send: () => Promise<void>;
  readonly #failed: (error: unknown) => void;
  #dirty = false;
  #running = false;
  #started = false;

  constructor(send: () => Promise<void>, failed: (error: unknown) => void) {
    this.#send = send;
    this.#failed = failed;
  }

  start(): void {
    this.#started = true;
    void this.#pump();
  }

  changed(): void {
    this.#dirty = true;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#running || !this.#started) return;
    this.#running = true;
    try {
      while (this.#dirty) {
        this.#dirty = false;
        await this.#send();
      }
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#running = false;
    }
  }
}
