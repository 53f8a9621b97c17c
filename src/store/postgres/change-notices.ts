import type { Client, Notification } from 'pg';
import { backoffMs } from '../../core/backoff.ts';
import type { Clock } from '../../core/clock.ts';
import type { Row } from '../group-commit.ts';
import type { Connections } from './connections.ts';
import type { PostgresTable } from './table.ts';

const BACKOFF = { kind: 'exponential', delaySeconds: 0.2, maxDelaySeconds: 10, jitter: true } as const;
/** A notification says no more of a busy process than this often. */
const TOLD_EVERY_MS = 20;
/**
 * A pooler that hands sessions to others takes LISTEN and passes nothing on: a notification of our own has to come back
 * within this time.
 */
const ECHO_MS = 3000;
const POLL_MS = { listening: 30_000, polling: 500 } as const;
const MAX_TEXT = 7000;
const EVERYTHING = '*';

interface Listener {
  readonly prefix: string;
  readonly call: () => void;
}

/**
 * Tells of what other processes have changed. They send a notification after their commits, which names the first words
 * of the keys; after a lost connection everybody is called once, and commits are counted now and then, so a
 * notification that never came costs time and nothing else.
 */
export class ChangeNotices {
  readonly #connections: Connections;
  readonly #table: PostgresTable;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #id: string;
  readonly #channel: string;
  readonly #listeners = new Set<Listener>();
  readonly #closed = new AbortController();
  readonly #untold = new Set<string>();
  #running: Promise<void> | undefined;
  #telling: Promise<void> | undefined;
  #client: Client | undefined;
  #counter: number | undefined;
  mode: 'off' | 'connecting' | 'listening' | 'polling' = 'off';

  constructor(
    connections: Connections,
    table: PostgresTable,
    deps: { readonly clock: Clock; readonly random: () => number; readonly id: string },
  ) {
    this.#connections = connections;
    this.#table = table;
    this.#clock = deps.clock;
    this.#random = deps.random;
    this.#id = deps.id;
    this.#channel = `mcp_workflow_${connections.address.schema}`.slice(0, 63);
  }

  /** Rows of ours were written and others want to hear of it. Never rejects, never waits. */
  wrote(rows: readonly Row[]): void {
    for (const [key] of rows) this.#untold.add(firstWord(key));
    this.#telling ??= this.#tell();
  }

  /** See `PostgresTaskStore.onChange`. */
  onChange(prefix: string, call: () => void): () => void {
    const listener = { prefix, call };
    this.#listeners.add(listener);
    if (!this.#closed.signal.aborted) this.#running ??= this.#run();
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#closed.abort();
    this.#listeners.clear();
    await this.#client?.end().catch(() => undefined);
    await Promise.all([this.#running, this.#telling]);
    this.mode = 'off';
  }

  async #tell(): Promise<void> {
    await this.#clock.sleep(TOLD_EVERY_MS, this.#closed.signal).catch(() => undefined);
    const words = [...this.#untold].join(' ');
    this.#untold.clear();
    this.#telling = undefined;
    await this.#send(words.length > MAX_TEXT ? EVERYTHING : words).catch(() => undefined);
  }

  async #send(text: string): Promise<void> {
    const { schema } = this.#connections.address;
    await this.#connections.read(`SELECT ${schema}.tell($1, $2)`, [this.#channel, `${this.#id} ${text}`]);
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closed.signal.aborted;) {
      this.mode = 'connecting';
      try {
        const ended = await this.#listen();
        failures = 0;
        // What comes between the count and the call is counted by the next one.
        this.#counter = await this.#table.commitsOfOthers();
        this.mode = ended === undefined ? 'polling' : 'listening';
        this.#call(EVERYTHING);
        await this.#watch(ended);
      } catch {
        // What was missed meanwhile is found by the count when it is back.
        failures += 1;
        await this.#clock
          .sleep(backoffMs(BACKOFF, failures, this.#random()), this.#closed.signal)
          .catch(() => undefined);
      } finally {
        await this.#client?.end().catch(() => undefined);
        this.#client = undefined;
      }
    }
  }

  /**
   * Resolves with the end of the connection once notifications come through, or with `undefined` when they do not.
   * Rejects with `PostgresError`.
   */
  async #listen(): Promise<AbortSignal | undefined> {
    const client = await this.#connections.dedicated();
    this.#client = client;
    const ended = new AbortController();
    client.once('end', () => ended.abort());
    const echo = new AbortController();
    client.on('notification', (notice) => this.#heard(notice, echo));
    await client.query(`LISTEN "${this.#channel}"`);
    await this.#announce();
    await this.#send('echo');
    await this.#clock
      .sleep(ECHO_MS, AbortSignal.any([echo.signal, ended.signal, this.#closed.signal]))
      .catch(() => undefined);
    if (ended.signal.aborted) throw new Error('the connection has ended');
    if (echo.signal.aborted) return ended.signal;
    await client.end();
    return undefined;
  }

  /** Counts commits now and then until the connection ends. Rejects with `PostgresError`. */
  async #watch(ended: AbortSignal | undefined): Promise<void> {
    const stop = AbortSignal.any([this.#closed.signal, ...(ended === undefined ? [] : [ended])]);
    for (;;) {
      await this.#clock.sleep(ended === undefined ? POLL_MS.polling : POLL_MS.listening, stop).catch(() => undefined);
      if (stop.aborted) return;
      if (ended !== undefined) await this.#announce();
      const counter = await this.#table.commitsOfOthers();
      if (counter !== this.#counter) this.#call(EVERYTHING);
      this.#counter = counter;
    }
  }

  /** Others send notifications only where somebody listens. */
  async #announce(): Promise<void> {
    const { schema } = this.#connections.address;
    await this.#connections.read(
      `INSERT INTO ${schema}.writers VALUES ($1, 0, true, clock_timestamp())
       ON CONFLICT (id) DO UPDATE SET listens = true, seen = excluded.seen`,
      [this.#id],
    );
  }

  #heard({ payload = '' }: Notification, echo: AbortController): void {
    const [sender, ...words] = payload.split(' ');
    if (sender === this.#id) {
      echo.abort();
      return;
    }
    for (const word of words) this.#call(word);
  }

  #call(word: string): void {
    for (const { prefix, call } of this.#listeners) {
      if (word === EVERYTHING || firstWord(prefix) === word || word.startsWith(prefix)) call();
    }
  }
}

/** The part of a key that says what it is of. */
function firstWord(key: string): string {
  const end = key.indexOf(':');
  return end < 0 ? key : key.slice(0, end);
}
