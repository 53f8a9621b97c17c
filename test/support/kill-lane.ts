import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { KeyvTaskStore } from '../../src/store/keyv-task-store.ts';
import type { TaskStore } from '../../src/store/task-store.ts';
import { startCli } from './cli-process.ts';
import type { Running } from './cli-process.ts';
import { rawCreate, rawRequest, RawError, textOf } from './raw-client.ts';
import { waitUntil } from './wait-until.ts';

/** What a client was told about one task, in order. Kept outside the process that is killed. */
export interface Told {
  readonly taskId: string;
  readonly workflow: string;
  /** The client has the server's word for it. */
  cancelAcked: boolean;
  readonly answersAcked: number[];
  /** The first terminal answer of `tasks/get`, as text: it must be the last too. */
  ended: string | undefined;
  status: string;
}

export interface History {
  readonly told: ReadonlyMap<string, Told>;
  readonly kills: number;
  /** Kills that met at least one task that had not ended. */
  readonly killsOfWork: number;
  /** What contradicted itself while it was watched. */
  readonly violations: readonly string[];
}

export const WORKFLOWS = ['chain', 'fan', 'asks', 'naps', 'pays'] as const;

export const LANE_DEFINITIONS: Readonly<Record<string, string>> = {
  'chain.yaml': `
name: chain
task: required
steps:
  - { id: a, server: ledger, action: record, idempotent: true, arguments: { label: a } }
  - { id: b, server: ledger, action: record, idempotent: true, arguments: { label: b, delay_ms: 30 } }
  - { id: c, server: ledger, action: record, idempotent: true, arguments: { label: c } }
`,
  'fan.yaml': `
name: fan
task: required
steps:
  - id: each
    type: foreach
    items: [x, y, z]
    max_concurrency: 2
    steps:
      - { id: read, server: ledger, action: record, idempotent: true, arguments: { label: '{{item}}', delay_ms: 10 } }
  - id: both
    type: parallel
    branches:
      left: [{ id: l, server: ledger, action: record, idempotent: true, arguments: { label: l } }]
      right: [{ id: r, server: ledger, action: record, idempotent: true, arguments: { label: r } }]
`,
  'asks.yaml': `
name: asks
task: required
steps:
  - { id: before, server: ledger, action: record, idempotent: true, arguments: { label: before } }
  - id: q
    type: elicit
    message: Which one?
    schema: { type: object, properties: { n: { type: integer } }, required: [n] }
  - { id: after, server: ledger, action: record, idempotent: true, arguments: { label: '{{q.output.n}}' } }
output: { n: '{{q.output.n}}' }
`,
  'naps.yaml': `
name: naps
task: required
steps:
  - { id: nap, type: wait, seconds: 0.3 }
  - { id: then, server: ledger, action: record, idempotent: true, arguments: { label: then } }
`,
  'pays.yaml': `
name: pays
task: required
steps:
  - { id: pay, server: ledger, action: record, on_interrupt: fail, arguments: { label: pay, delay_ms: 20 } }
  - { id: receipt, server: ledger, action: record, idempotent: true, arguments: { label: receipt } }
`,
};

export interface LaneOptions {
  /** Opens the store of the servers. Default: the one in the data folder. */
  readonly openStore?: () => Promise<TaskStore>;
}

const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * One client and one server on a folder, and the server is killed again and again, at moments that `random` chooses:
 * while it starts, recovers, creates, calls, asks, cancels, ends. What was not acknowledged is asked for again with the
 * same key.
 */
export class KillLane {
  /** The store of the servers, beside them. */
  readonly openStore: () => Promise<TaskStore>;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #told = new Map<string, Told>();
  readonly #violations: string[] = [];
  /** A creation without an answer, to be repeated with its key. */
  #unanswered: { readonly workflow: string; readonly key: string } | undefined;
  #keys = 0;
  #answered = 0;
  #kills = 0;
  #killsOfWork = 0;
  #server: Running | undefined;

  constructor(folder: string, random: () => number, options: LaneOptions = {}) {
    this.#folder = folder;
    this.#random = random;
    this.openStore = options.openStore ?? (() => KeyvTaskStore.open(join(folder, 'data', 'tasks.sqlite')));
  }

  get history(): History {
    return {
      told: this.#told,
      kills: this.#kills,
      killsOfWork: this.#killsOfWork,
      violations: this.#violations,
    };
  }

  /** Lives and dies once. */
  async killOnce(): Promise<void> {
    const server = this.#start();
    if (this.#random() < 0.25) await sleep(this.#random() * 400);
    else {
      const url = await this.#serving(server);
      const stop = new AbortController();
      const work = this.#work(url, stop.signal);
      // Most lives do something before they end.
      const answered = this.#answered;
      if (this.#random() < 0.85)
        await waitUntil('an answer', () => {
          this.#refuseToGoOn();
          return this.#answered > answered + 2;
        });
      await sleep(this.#random() * 250);
      stop.abort();
      await this.#kill(server);
      await work;
      return;
    }
    await this.#kill(server);
  }

  /** The last life: everything comes to its end. Fails when something is stuck. */
  async finish(): Promise<void> {
    const url = await this.#serving(this.#start());
    // A creation whose answer was lost: the same key gives the same task (D7).
    if (this.#unanswered !== undefined) await this.#create(url);
    for (const task of this.#told.values()) {
      await waitUntil(`${task.workflow} ${task.taskId} ends`, async () => {
        await this.#look(url, task, true);
        return TERMINAL.has(task.status);
      });
    }
    await this.#cleanedUp();
    // Once more, after all has come to rest: nothing has moved.
    for (const task of this.#told.values()) await this.#look(url, task, false);
  }

  /** What a cancel leaves to do is done in the background: a stop would leave it to the next start. */
  async #cleanedUp(): Promise<void> {
    const store = await this.openStore();
    try {
      const left = async (): Promise<number> =>
        (await store.range({ from: 'clean:', to: 'clean;', limit: 1 })).items.length;
      await waitUntil('nothing is left to clean up', async () => (await left()) === 0);
    } finally {
      await store.close();
    }
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.child.kill('SIGTERM');
    await server?.finished;
  }

  /** One contradiction is enough: what follows from it says nothing. */
  #refuseToGoOn(): void {
    const [first] = this.#violations;
    if (first !== undefined) throw new Error(first);
  }

  #start(): Running {
    this.#server = startCli(['serve', '--http', '127.0.0.1:0'], this.#folder);
    return this.#server;
  }

  #serving(server: Running): Promise<string> {
    return waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(server.stderr())?.groups?.['url']);
  }

  async #kill(server: Running): Promise<void> {
    this.#kills += 1;
    if ([...this.#told.values()].some(({ status }) => !TERMINAL.has(status))) this.#killsOfWork += 1;
    server.child.kill('SIGKILL');
    await server.finished;
  }

  async #work(url: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.#act(url);
        this.#answered += 1;
      } catch (error) {
        if (error instanceof RawError) this.#violations.push(`an unexpected refusal: ${error.code} ${error.message}`);
      }
      await sleep(this.#random() * 10);
    }
  }

  async #act(url: string): Promise<void> {
    const open = [...this.#told.values()].filter(({ status }) => !TERMINAL.has(status));
    const dice = this.#random();
    const one = this.#told.size === 0 ? undefined : this.#any([...this.#told.values()]);
    if (dice < (open.length < 4 ? 0.5 : 0.25) && open.length < 10) await this.#create(url);
    else if (dice < 0.56 && dice > 0.5 && open.length > 0) await this.#cancel(url, this.#any(open));
    else if (dice < 0.8 && open.length > 0) await this.#look(url, this.#any(open), this.#random() < 0.6);
    else if (one !== undefined) await this.#look(url, one, false);
    else await this.#create(url);
  }

  async #create(url: string): Promise<void> {
    this.#unanswered ??= { workflow: this.#any(WORKFLOWS), key: `key-${(this.#keys += 1)}` };
    const { workflow, key } = this.#unanswered;
    const taskId = await rawCreate(url, workflow, { 'dev.mcp-workflow/idempotency-key': key });
    this.#unanswered = undefined;
    this.#told.set(taskId, {
      taskId,
      workflow,
      cancelAcked: false,
      answersAcked: [],
      ended: undefined,
      status: 'working',
    });
  }

  async #cancel(url: string, task: Told): Promise<void> {
    await rawRequest(url, 'tasks/cancel', { taskId: task.taskId });
    task.cancelAcked = true;
    await this.#look(url, task, false);
  }

  /** Looks at a task and, if `answer`, answers what it asks. */
  async #look(url: string, task: Told, answer: boolean): Promise<void> {
    const { taskId } = task;
    let view: JsonObject;
    try {
      view = await rawRequest(url, 'tasks/get', { taskId });
    } catch (error) {
      if (error instanceof RawError && error.message.includes('not found'))
        this.#violations.push(`${taskId}, acknowledged, is gone: ${error.message}`);
      throw error;
    }
    const status = textOf(view, 'status');
    const seen = JSON.stringify({ ...view, _meta: null });
    if (task.ended !== undefined && task.ended !== seen)
      this.#violations.push(`${taskId} changed after its end: ${task.ended} -> ${seen}`);
    if (task.cancelAcked && !TERMINAL.has(status)) this.#violations.push(`${taskId} is ${status} after its cancel`);
    task.status = status;
    if (TERMINAL.has(status)) task.ended = seen;
    const questions = view['inputRequests'];
    if (!answer || !isJsonObject(questions)) return;
    for (const key of Object.keys(questions)) {
      const n = Math.trunc(this.#random() * 1000);
      const content = { [key]: { action: 'accept', content: { n } } };
      await rawRequest(url, 'tasks/update', { taskId, inputResponses: content });
      task.answersAcked.push(n);
    }
  }

  #any<T>(list: readonly T[]): T {
    const found = list[Math.trunc(this.#random() * list.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }
}
