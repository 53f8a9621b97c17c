import { randomUUID } from 'node:crypto';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { silentLogger } from '../../src/core/logger.ts';
import type { Issue } from '../../src/definition/model.ts';
import { DEFAULT_PROTOCOL_SETTINGS, type ProtocolSettings } from '../../src/protocol/deps.ts';
import { createRestApi, type RestApi } from '../../src/rest/app.ts';
import { openApiDocument } from '../../src/rest/document.ts';
import type { RestCaller, RestServer } from '../../src/rest/ports.ts';
import { Schedules } from '../../src/schedule/schedules.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { ApiCheck, readEvents, type ReadAnswer, type ReadEvent } from './api-check.ts';
import { WorkflowWorld, type WorkflowProcess } from './workflow-world.ts';

const LOCAL: RestCaller = { principal: 'local', listsAll: true };
const ORIGIN = 'http://127.0.0.1:1';
export const API = '/api/v1';

/** Checks every answer of every world of this file, so that a test can ask what was never seen. */
export const check = new ApiCheck(openApiDocument('0.0.0-test'));

/** A request to the API. */
export interface Ask {
  readonly method?: 'GET' | 'POST' | 'DELETE' | 'HEAD';
  readonly body?: JsonValue;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly caller?: RestCaller;
}

/** The REST API over the real engine in memory. Every answer is held to the OpenAPI document. */
export class RestWorld {
  readonly world = new WorkflowWorld({ auto: true });
  settings: ProtocolSettings = DEFAULT_PROTOCOL_SETTINGS;
  servers: readonly RestServer[] = [];
  issues: readonly Issue[] = [];
  logged: JsonObject[] = [];
  #process: WorkflowProcess | undefined;
  #api: RestApi | undefined;

  define(yaml: string): void {
    this.world.define(yaml);
  }

  /** A new process on the same store; that before it is killed. */
  async start(): Promise<void> {
    this.#process?.kill();
    this.#process = await this.world.started();
    const { tasks } = this.#process;
    const { clock } = this.world;
    const { definitions } = this.world.world;
    const source = {
      list: () => [...definitions.values()],
      get: (name: string) => definitions.get(name),
      onChange: () => () => undefined,
    };
    this.#api = createRestApi({
      tasks,
      definitions: source,
      facts: () => undefined,
      syntaxes: stepSyntaxes,
      settings: this.settings,
      logger: {
        ...silentLogger,
        error: (members: object) => void this.logged.push({ ...members }),
      },
      clock,
      ids: randomUUID,
      serverInfo: { name: 'mcp-workflow-engine', version: '0.0.0-test' },
      schedules: new Schedules({ store: this.world.world.store.another(), tasks, definitions: source, clock }),
      servers: () => this.servers,
      issues: () => this.issues,
    });
  }

  get tasks(): WorkflowProcess['tasks'] {
    if (this.#process === undefined) throw new Error('not started');
    return this.#process.tasks;
  }

  /** The bare answer, unchecked. */
  async raw(path: string, { method, body, text, headers = {}, caller = LOCAL }: Ask = {}): Promise<Response> {
    if (this.#api === undefined) throw new Error('not started');
    const content = text ?? (body === undefined ? undefined : JSON.stringify(body));
    const request = new Request(`${ORIGIN}${API}${path}`, {
      method: method ?? (content === undefined ? 'GET' : 'POST'),
      headers: { ...(content !== undefined && { 'content-type': 'application/json' }), ...headers },
      ...(content !== undefined && { body: content }),
    });
    return await this.#api.fetch(request, caller);
  }

  /** An answer, read and held to the document. */
  async ask(path: string, ask: Ask = {}): Promise<ReadAnswer & { readonly object: JsonObject }> {
    const response = await this.raw(path, ask);
    const { status, headers } = response;
    const text = await response.text();
    const type = headers.get('content-type');
    const method = ask.method ?? (ask.body === undefined && ask.text === undefined ? 'GET' : 'POST');
    check.check(method, `${API}${path}`, status, type, text);
    const body = type?.includes('json') === true ? (JSON.parse(text) as JsonValue) : null;
    return { status, headers, text, body, object: isJsonObject(body) ? body : {} };
  }

  /** The same for POST, with an empty body unless one is given. */
  async post(path: string, body?: JsonValue, ask: Ask = {}): ReturnType<RestWorld['ask']> {
    return await this.ask(path, { ...ask, method: 'POST', ...(body !== undefined && { body }) });
  }

  /** Events, each held to the document. */
  async events(
    path: string,
    enough?: (events: readonly ReadEvent[]) => boolean,
    ask: Ask = {},
  ): Promise<readonly ReadEvent[]> {
    const response = await this.raw(path, ask);
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    const events = await readEvents(response.body, enough);
    for (const event of events) check.checkEvent(`${API}${path}`, event);
    return events;
  }

  /** Starts a workflow and gives the id of its task. */
  async begin(workflow: string, input: JsonObject = {}, ask: Ask = {}): Promise<string> {
    const { object } = await this.post(`/workflows/${workflow}/tasks`, { input }, ask);
    if (typeof object['taskId'] !== 'string') throw new Error(JSON.stringify(object));
    return object['taskId'];
  }

  /** Starts a workflow and waits until its task has ended. */
  async run(workflow: string, input: JsonObject = {}): Promise<string> {
    const id = await this.begin(workflow, input);
    await this.events(`/tasks/${id}/events`);
    return id;
  }

  dispose(): Promise<void> {
    return this.world.dispose();
  }
}
