import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { startCli, type Running } from './cli-process.ts';
import { ask, callBody } from './planner-server.ts';
import { tasksIn, textIn } from './planner-world.ts';
import { rawRequest } from './raw-client.ts';
import { waitUntil } from './wait-until.ts';

/** A task as its writer was told it is. */
interface KnownTask {
  readonly id: string;
  title: string;
  state: 'Pending' | 'Done' | 'Approved';
  details: string;
}

/** A request as its only writer was told it is. */
interface Known {
  readonly requestId: string;
  readonly originalRequest: string;
  tasks: KnownTask[];
  completed: boolean;
}

/** One call of a writer, and what it knows once that is answered. */
interface Move {
  readonly tool: string;
  readonly args: JsonObject;
  readonly learn: (answer: JsonObject) => void;
}

const WRITERS = 5;
/** What all writers add to. */
const SHARED = 'shared';
const MOST_SHARED = 400;
/** Below what is kept: a further request takes the place of the oldest completed one. */
const MOST_REQUESTS = 900;

/**
 * Two servers on one data folder, killed again and again while writers call both: over the route and over MCP, each
 * call with an idempotency key, and repeated with that key at any server until it is answered. Each writer compares
 * every answer with what it was told before.
 */
export class PlannerLane {
  readonly violations: string[] = [];
  readonly known: Known[] = [];
  readonly added: string[] = [];
  acknowledged = 0;
  kills = 0;
  /** Calls that lost their server before their answer. */
  unanswered = 0;
  readonly #folder: string;
  readonly #random: () => number;
  readonly #servers: { running: Running; url: string | undefined }[] = [];
  readonly #stop = new AbortController();
  #calls = 0;
  #shared = '';

  constructor(folder: string, random: () => number) {
    this.#folder = folder;
    this.#random = random;
  }

  /**
   * So many kills, each behind some more answers, then an end in order at which all that was acknowledged has to be
   * there.
   */
  async live(kills: number): Promise<void> {
    for (let at = 0; at < 2; at += 1) await this.#start(at);
    await this.#make({
      tool: 'request_planning',
      args: { originalRequest: SHARED, tasks: [{ title: 'first', description: '' }] },
      learn: (answer) => {
        this.#shared = textIn(answer, 'requestId');
      },
    });
    const writers = Array.from({ length: WRITERS }, (_, index) => this.#write(index));
    const ended = Promise.all(writers);
    while (this.kills < kills && this.violations.length === 0) await this.#killSome();
    this.#stop.abort();
    await ended;
    for (const at of [0, 1]) await this.#start(at);
    await this.#compareAll();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    for (const { running } of this.#servers) {
      running.child.kill('SIGKILL');
      await running.finished;
    }
  }

  /**
   * SIGKILL to one or both behind a random number of answers, and new ones in their place while the other serves on.
   */
  async #killSome(): Promise<void> {
    const enough = this.acknowledged + Math.trunc(this.#random() * 12);
    await waitUntil('answers', () => this.acknowledged >= enough || this.violations.length > 0);
    const victims = this.#random() < 0.4 ? [0, 1] : [this.#random() < 0.5 ? 0 : 1];
    await Promise.all(victims.map((at) => this.#start(at)));
  }

  /** Ends the server in this place, if there is one, and starts another. */
  async #start(at: number): Promise<void> {
    const old = this.#servers[at];
    if (old !== undefined) {
      old.url = undefined;
      if (!this.#stop.signal.aborted) this.kills += 1;
      old.running.child.kill('SIGKILL');
      await old.running.finished;
    }
    const running = startCli(['serve', '--http', '127.0.0.1:0', '--planner'], this.#folder);
    const server: { running: Running; url: string | undefined } = { running, url: undefined };
    this.#servers[at] = server;
    server.url = await waitUntil('it serves', () => /"url":"(?<url>[^"]+)"/.exec(running.stderr())?.groups?.['url']);
  }

  async #write(writer: number): Promise<void> {
    let own: Known | undefined;
    for (let n = 0; !this.#stop.signal.aborted && this.violations.length === 0; n += 1) {
      const name = `w${writer}-${n}`;
      const dice = this.#random();
      if (dice < 0.2 && this.added.length < MOST_SHARED) await this.#make(this.#share(name));
      else if (own === undefined || (own.completed && this.known.length < MOST_REQUESTS)) own = await this.#plan(name);
      else if (own.completed) await this.#make(this.#look(own));
      else await this.#make(this.#next(own, name));
    }
  }

  async #plan(name: string): Promise<Known> {
    const tasks = [1, 2].map((part) => ({ title: `${name}-${part}`, description: '' }));
    const known: Known[] = [];
    await this.#make({
      tool: 'request_planning',
      args: { originalRequest: name, tasks },
      learn: (answer) => {
        const requestId = textIn(answer, 'requestId');
        const planned = tasksIn(answer).map((task) => pending(task));
        known.push({ requestId, originalRequest: name, tasks: planned, completed: false });
        this.#compare(known[0], answer);
      },
    });
    const [own] = known;
    if (own === undefined) throw new Error('nothing was planned');
    this.known.push(own);
    return own;
  }

  #look(own: Known): Move {
    const args = { requestId: own.requestId };
    return { tool: 'get_next_task', args, learn: (answer) => this.#compare(own, answer) };
  }

  #share(title: string): Move {
    return {
      tool: 'add_tasks_to_request',
      args: { requestId: this.#shared, tasks: [{ title, description: '' }] },
      learn: () => void this.added.push(title),
    };
  }

  /** What the life of a request goes on with. */
  #next(own: Known, name: string): Move {
    const { requestId } = own;
    const some = own.tasks.filter(({ state }) => state !== 'Approved');
    const task = some[Math.trunc(this.#random() * some.length)];
    const learning =
      (change: (answer: JsonObject) => void) =>
      (answer: JsonObject): void => {
        change(answer);
        this.#compare(own, answer);
      };
    if (task === undefined) {
      return {
        tool: 'approve_request_completion',
        args: { requestId },
        learn: learning(() => (own.completed = true)),
      };
    }
    const at = { requestId, taskId: task.id };
    const dice = this.#random();
    if (dice < 0.1) {
      return {
        tool: 'add_tasks_to_request',
        args: { requestId, tasks: [{ title: name, description: '' }] },
        learn: learning((answer) => {
          const last = tasksIn(answer).at(-1);
          if (last !== undefined) own.tasks.push(pending(last));
        }),
      };
    }
    if (task.state === 'Done') {
      return { tool: 'approve_task_completion', args: at, learn: learning(() => (task.state = 'Approved')) };
    }
    if (dice < 0.2) {
      return {
        tool: 'delete_task',
        args: at,
        learn: learning(() => (own.tasks = own.tasks.filter(({ id }) => id !== task.id))),
      };
    }
    if (dice < 0.3) {
      return { tool: 'update_task', args: { ...at, title: name }, learn: learning(() => (task.title = name)) };
    }
    return {
      tool: 'mark_task_done',
      args: { ...at, completedDetails: name },
      learn: learning(() => {
        task.state = 'Done';
        task.details = name;
      }),
    };
  }

  /** Calls until there is an answer, always with the same key. */
  async #make({ tool, args, learn }: Move): Promise<void> {
    const key = `key-${(this.#calls += 1)}`;
    for (;;) {
      const { url, running } = await this.#someServer();
      let answer: JsonObject | string | undefined;
      try {
        answer = await callOnce(url, this.#random() < 0.5, tool, args, key);
      } catch (error) {
        // A server that lives answers.
        if (running.child.exitCode === null && running.child.signalCode === null && !running.child.killed) throw error;
        this.unanswered += 1;
        continue;
      }
      if (answer === undefined) continue;
      if (typeof answer === 'string') {
        this.violations.push(`${tool} ${JSON.stringify(args)} was refused: ${answer}`);
        return;
      }
      this.acknowledged += 1;
      learn(answer);
      return;
    }
  }

  #someServer(): Promise<{ readonly url: string; readonly running: Running }> {
    return waitUntil('a server', () => {
      const up = this.#servers.flatMap(({ url, running }) => (url === undefined ? [] : [{ url, running }]));
      return up[Math.trunc(this.#random() * up.length)];
    });
  }

  #compare(own: Known | undefined, answer: JsonObject): void {
    if (own === undefined) return;
    const seen = seenIn(answer);
    const expected = JSON.stringify(own);
    if (seen !== expected) this.violations.push(`told ${expected}, then ${seen}`);
  }

  /** Everything that was acknowledged, as a new process sees it. */
  async #compareAll(): Promise<void> {
    const { url } = await this.#someServer();
    const get = async (requestId: string): Promise<JsonObject> => {
      const answer = await callOnce(url, true, 'get_next_task', { requestId }, 'unused');
      if (isJsonObject(answer)) return answer;
      this.violations.push(`${requestId}, acknowledged: ${answer ?? 'the store cannot be used'}`);
      return {};
    };
    for (const own of this.known) {
      const answer = await get(own.requestId);
      if ('request' in answer) this.#compare(own, answer);
    }
    const titles = tasksIn(await get(this.#shared)).map((task) => textIn(task, 'title'));
    if (JSON.stringify(titles.toSorted()) !== JSON.stringify(['first', ...this.added].toSorted()))
      this.violations.push(`added ${this.added.join()}, found ${titles.join()}`);
    const list = await callOnce(url, true, 'list_requests', {}, 'unused');
    const requests = isJsonObject(list) ? list['requests'] : undefined;
    const count = Array.isArray(requests) ? requests.length : -1;
    if (count !== this.known.length + 1)
      this.violations.push(`${this.known.length + 1} requests acknowledged, ${count} found`);
  }
}

/**
 * What a tool answered; the text when it refused; `undefined` when the store could not be used. Rejects when there was
 * no answer.
 */
async function callOnce(
  url: string,
  byRoute: boolean,
  tool: string,
  args: JsonObject,
  key: string,
): Promise<JsonObject | string | undefined> {
  if (byRoute) {
    const { status, body } = await ask({ url, headers: {} }, '/call-tool', callBody(tool, args, key));
    if (status === 200) return body;
    if (status === 400) return textIn(body, 'error');
    if (status === 503) return undefined;
    throw new Error(`${status} ${JSON.stringify(body)}`);
  }
  const meta = { 'dev.mcp-workflow/idempotency-key': key };
  const { structuredContent, content } = await rawRequest(url, 'tools/call', { name: tool, arguments: args }, meta);
  if (isJsonObject(structuredContent)) return structuredContent;
  const text = JSON.stringify(content);
  return text.includes('The task store is') ? undefined : text;
}

function pending(task: JsonObject): KnownTask {
  return { id: textIn(task, 'id'), title: textIn(task, 'title'), state: 'Pending', details: '' };
}

/** The request in an answer, in the form of `Known`. */
function seenIn(answer: JsonObject): string {
  const request = isJsonObject(answer['request']) ? answer['request'] : {};
  const seen: Known = {
    requestId: textIn(request, 'requestId'),
    originalRequest: textIn(request, 'originalRequest'),
    tasks: tasksIn(answer).map((task) => ({
      id: textIn(task, 'id'),
      title: textIn(task, 'title'),
      state: task['approved'] === true ? 'Approved' : task['done'] === true ? 'Done' : 'Pending',
      details: textIn(task, 'completedDetails'),
    })),
    completed: request['completed'] === true,
  };
  return JSON.stringify(seen);
}
