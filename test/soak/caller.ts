import { setTimeout as sleep } from 'node:timers/promises';
import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { rawRequest, RawError, textOf } from '../support/raw-client.ts';
import { waitUntil } from '../support/wait-until.ts';
import { answerTo, CAPABILITIES, isRacy } from './answers.ts';
import type { Target } from './fleet.ts';
import { contradictions, seenIn } from './seen.ts';
import type { Seen } from './seen.ts';

/** An answer that was sent, and when the server had it on its disk. */
export interface Sent {
  readonly nonce: string;
  readonly sentAt: number;
  ackedAt: number | undefined;
}

/** What the client knows of one task. Kept outside of all that is killed; times by the clock of the machine. */
export interface Told {
  readonly taskId: string;
  readonly workflow: string;
  readonly k: number;
  /** When it is to be cancelled, if it has not ended by then. */
  cancelAt: number;
  /** When the server's word for the cancel came, if it came before the end was seen. */
  cancelledAt: number | undefined;
  /** It was asked for, whether or not there was an answer. */
  cancelSent: boolean;
  /** By the key of the question. */
  readonly answers: Map<string, Sent[]>;
  seen: Seen;
}

interface Wanted {
  readonly workflow: string;
  readonly k: number;
  readonly key: string;
}

export interface CallerOptions {
  readonly random: () => number;
  readonly targets: () => readonly Target[];
  readonly workflows: readonly string[];
  /** Values of the argument `k`. */
  readonly ks: number;
  /** Share of the tasks that are cancelled, sooner or later. */
  readonly cancels: number;
  /** Whether a refusal may be: nothing can be written for a while. */
  readonly mayRefuse: (message: string) => boolean;
}

/** Most open tasks at the same time. */
const MOST_OPEN = 10;
const CANCEL_WITHIN_MS = 2000;
export const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

/**
 * Clients that call workflows, look, answer and cancel, each time at some server that lives, and note what they were
 * told.
 */
export class Caller {
  readonly told = new Map<string, Told>();
  readonly violations: string[] = [];
  /** Creations without an answer, to be asked for again with the same key. */
  readonly #unanswered: Wanted[] = [];
  readonly #options: CallerOptions;
  #keys = 0;
  #nonces = 0;
  #refused = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  get open(): readonly Told[] {
    return [...this.told.values()].filter(({ seen }) => !TERMINAL.has(seen.status));
  }

  get refused(): number {
    return this.#refused;
  }

  /** Cancels one of these tasks next. */
  cancelOneOf(taskIds: readonly string[]): void {
    const task = this.#any(this.open.filter(({ taskId }) => taskIds.includes(taskId)));
    if (task !== undefined) task.cancelAt = 0;
  }

  /** Goes on until `signal` aborts. */
  async work(signal: AbortSignal): Promise<void> {
    const { random } = this.#options;
    while (!signal.aborted) {
      await this.#tried(async (target) => this.#act(target));
      await sleep(random() * 25);
    }
  }

  /** One task of a workflow, whatever it takes. */
  async call(workflow: string, k: number): Promise<void> {
    const wanted = this.#want(workflow, k);
    await waitUntil(
      `${workflow} is called`,
      async () => (await this.#tried((target) => this.#create(target, wanted))) === true,
    );
  }

  /** Every task comes to its end, and every server tells the same of it. Fails when something is stuck. */
  async finish(): Promise<void> {
    while (this.#unanswered.length > 0) await this.#tried((target) => this.#create(target, this.#unanswered[0]));
    await waitUntil(
      'every task ends',
      async () => {
        for (const task of this.open) await this.#tried((target) => this.#look(target, task, true));
        return this.open.length === 0 || this.violations.length > 0;
      },
      120_000,
    ).catch((error: unknown) => {
      const stuck = this.open.map(({ taskId, workflow, seen }) => `${taskId} (${workflow}) is stuck: ${seen.text}`);
      throw new Error(stuck.join('\n'), { cause: error });
    });
    this.refuseToGoOn();
    for (const target of this.#options.targets())
      for (const task of this.told.values()) await this.#look(target, task, false);
  }

  /** One contradiction is enough: what follows from it says nothing. */
  refuseToGoOn(): void {
    const [first] = this.violations;
    if (first !== undefined) throw new Error(first);
  }

  /** Undefined when no server is there, or none answered. */
  async #tried<T>(act: (target: Target) => Promise<T>): Promise<T | undefined> {
    const target = this.#any(this.#options.targets());
    if (target === undefined) {
      await sleep(20);
      return undefined;
    }
    try {
      return await act(target);
    } catch (error) {
      if (!(error instanceof RawError)) return undefined;
      if (this.#options.mayRefuse(error.message)) this.#refused += 1;
      else this.violations.push(`an unexpected refusal: ${error.code} ${error.message}`);
      return undefined;
    }
  }

  async #act(target: Target): Promise<void> {
    const { random } = this.#options;
    const open = this.open;
    const dice = random();
    const some = this.#any(open);
    const due = open.find(({ cancelAt, cancelSent }) => cancelAt <= Date.now() && !cancelSent);
    if (some === undefined || (dice < 0.3 && open.length < MOST_OPEN)) {
      await this.#create(target, this.#unanswered[0] ?? this.#next());
    } else if (due !== undefined) await this.#cancel(target, due);
    else if (dice < 0.9) await this.#look(target, some, random() < 0.7);
    else await this.#look(target, this.#any([...this.told.values()]) ?? some, false);
  }

  /** Every workflow with every `k`, over and over. */
  #next(): Wanted {
    const { workflows, ks } = this.#options;
    const workflow = workflows[this.#keys % workflows.length] ?? '';
    return this.#want(workflow, Math.trunc(this.#keys / workflows.length) % ks);
  }

  #want(workflow: string, k: number): Wanted {
    const wanted = { workflow, k, key: `key-${(this.#keys += 1)}` };
    this.#unanswered.push(wanted);
    return wanted;
  }

  async #create(target: Target, wanted: Wanted | undefined): Promise<boolean> {
    if (wanted === undefined) return false;
    const { workflow, k, key } = wanted;
    const meta = { ...CAPABILITIES, 'dev.mcp-workflow/idempotency-key': key };
    const answer = await rawRequest(target.url, 'tools/call', { name: workflow, arguments: { k } }, meta, target.gone);
    const taskId = textOf(answer, 'taskId');
    const at = this.#unanswered.indexOf(wanted);
    if (at !== -1) this.#unanswered.splice(at, 1);
    // Another client may have asked for it with the same key, and been told the same.
    if (this.told.has(taskId)) return true;
    const { random, cancels } = this.#options;
    const cancelAt = random() < cancels ? Date.now() + random() * CANCEL_WITHIN_MS : Infinity;
    const unknown = { cancelledAt: undefined, cancelSent: false, answers: new Map<string, Sent[]>() };
    this.told.set(taskId, { taskId, workflow, k, cancelAt, ...unknown, seen: seenIn(answer) });
    return true;
  }

  async #cancel(target: Target, task: Told): Promise<void> {
    task.cancelSent = true;
    await rawRequest(target.url, 'tasks/cancel', { taskId: task.taskId }, CAPABILITIES, target.gone);
    if (!TERMINAL.has(task.seen.status)) task.cancelledAt ??= Date.now();
    await this.#look(target, task, false);
  }

  /** Looks at a task and, if `answer`, answers what it asks. */
  async #look(target: Target, task: Told, answer: boolean): Promise<void> {
    const { taskId } = task;
    const before = { seen: task.seen, cancelled: task.cancelledAt !== undefined };
    const acked = [...task.answers].filter(([, sent]) => sent.some(({ ackedAt }) => ackedAt !== undefined));
    const began = Date.now();
    let view: JsonObject;
    try {
      view = await rawRequest(target.url, 'tasks/get', { taskId }, CAPABILITIES, target.gone);
    } catch (error) {
      if (error instanceof RawError && error.message.includes('not found'))
        this.violations.push(`${taskId}, acknowledged, is gone: ${error.message}`);
      throw error;
    }
    const seen = seenIn(view);
    const wrong = contradictions(before.seen, seen);
    if (before.cancelled && !TERMINAL.has(seen.status))
      wrong.push(
        `is ${seen.status} after its cancel was acknowledged ${began - (task.cancelledAt ?? began)} ms before: ${seen.text}`,
      );
    const questions = isJsonObject(view['inputRequests']) ? view['inputRequests'] : {};
    for (const [key] of acked)
      if (questions[key] !== undefined) wrong.push(`still asks ${key}, to which an answer was acknowledged`);
    this.violations.push(...wrong.map((text) => `${taskId} (${task.workflow}) ${text} [server ${target.index}]`));
    // Another look may have ended meanwhile and have seen more.
    if (task.seen === before.seen) task.seen = seen;
    else if (TERMINAL.has(seen.status)) task.seen = seen;
    if (answer) for (const [key, request] of Object.entries(questions)) await this.#answer(target, task, key, request);
  }

  async #answer(target: Target, task: Told, key: string, request: JsonValue): Promise<void> {
    const { random } = this.#options;
    if (isRacy(request) && random() < 0.8) return;
    const sent: Sent = { nonce: `nonce-${(this.#nonces += 1)}`, sentAt: Date.now(), ackedAt: undefined };
    const answer = answerTo(request, sent.nonce);
    if (answer === undefined) return;
    task.answers.set(key, [...(task.answers.get(key) ?? []), sent]);
    const params = { taskId: task.taskId, inputResponses: { [key]: answer } };
    await rawRequest(target.url, 'tasks/update', params, CAPABILITIES, target.gone);
    sent.ackedAt = Date.now();
  }

  #any<T>(list: readonly T[]): T | undefined {
    return list[Math.trunc(this.#options.random() * list.length)];
  }
}
