import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { openServersWorld, warningsOf, type ServersWorld } from './c-world.ts';

interface Plan {
  /** What a request within a session is answered with, by the number of the session; `undefined` lets it in. */
  readonly refuses?: (session: number, method: string) => number | undefined;
  /** The body of a refusal. */
  readonly words?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Ids of answers are texts. */
  readonly textIds?: boolean;
  /** Answers come as event streams. */
  readonly events?: boolean;
  /** Laid over each message. */
  readonly envelope?: JsonObject;
  /** Laid over the handshake. */
  readonly initialize?: JsonObject;
}

/** A server of 2025-11-25 with sessions, numbered from 1, and with the tool `go`, which counts. */
class SessionServer {
  readonly plan: Plan;
  /** A restart ends the sessions that there are. */
  sessions = 0;
  calls = 0;
  /** Calls that it did not let in. */
  refused = 0;
  #http: TestHttpServer | undefined;

  constructor(plan: Plan) {
    this.plan = plan;
  }

  async start(): Promise<void> {
    this.#http = await startHttpServer((request, response, body) => this.#serve(request, response, body));
  }

  get url(): string {
    return this.#http?.url ?? '';
  }

  async close(): Promise<void> {
    await this.#http?.close();
  }

  #serve(request: IncomingMessage, response: ServerResponse, body: unknown): void {
    if (request.method === 'DELETE') return void response.writeHead(200).end();
    if (request.method !== 'POST' || !isJsonObject(body)) return void response.writeHead(405).end();
    const { id, method } = body;
    const session = Number(request.headers['mcp-session-id'] ?? 0);
    const name = typeof method === 'string' ? method : '';
    const { refuses, words = '', headers = {} } = this.plan;
    const status = session === 0 ? undefined : refuses?.(session, name);
    if (status !== undefined && name === 'tools/call') this.refused += 1;
    if (status !== undefined) return void response.writeHead(status, headers).end(words);
    if (id === undefined) return void response.writeHead(202).end();
    this.#answer(response, id, this.#result(name));
  }

  #result(method: string): JsonObject | undefined {
    switch (method) {
      case 'initialize':
        this.sessions += 1;
        return {
          protocolVersion: '2025-11-25',
          capabilities: { tools: {} },
          serverInfo: { name: 'sessions', version: '1' },
          ...this.plan.initialize,
        };
      case 'tools/list':
        return { tools: [{ name: 'go', inputSchema: { type: 'object' } }] };
      case 'tools/call':
        this.calls += 1;
        return { content: [], structuredContent: { calls: this.calls } };
      case 'ping':
        return {};
      default:
        return undefined;
    }
  }

  #answer(response: ServerResponse, id: JsonValue, result: JsonObject | undefined): void {
    const { textIds, events, envelope } = this.plan;
    const what = result === undefined ? { error: { code: -32601, message: 'no such method' } } : { result };
    const message = JSON.stringify({
      jsonrpc: '2.0',
      id: textIds === true && typeof id === 'number' ? String(id) : id,
      ...envelope,
      ...what,
    });
    response.writeHead(200, {
      'content-type': events === true ? 'text/event-stream' : 'application/json',
      'mcp-session-id': String(this.sessions),
    });
    response.end(events === true ? `data: ${message}\n\n` : message);
  }
}

/** Refuses the first session from its first call on, as a server does that has lost it. */
const lost =
  (status: number): NonNullable<Plan['refuses']> =>
  (session, method) =>
    session === 1 && (method === 'tools/call' || method === 'ping') ? status : undefined;

const STATUSES = [400, 404, 410, 500, 503] as const;
const REFUSING = Object.fromEntries(
  STATUSES.flatMap((status) => [
    [`lost_${status}`, new SessionServer({ refuses: lost(status) })],
    [`lost_with_words_${status}`, new SessionServer({ refuses: lost(status), words: '{"error":"no such thing"}' })],
    [
      `always_${status}`,
      new SessionServer({ refuses: (_, method) => (/call|ping/u.test(method) ? status : undefined), words: 'never' }),
    ],
  ]),
);
const SERVERS = {
  ...REFUSING,
  busy: new SessionServer({
    refuses: (session) => (session > 0 ? 429 : undefined),
    headers: { 'retry-after': '7' },
  }),
  tool_fails: new SessionServer({ refuses: (_, method) => (method === 'tools/call' ? 500 : undefined), words: 'odd' }),
  text_ids: new SessionServer({ textIds: true }),
  text_ids_in_events: new SessionServer({ textIds: true, events: true }),
  nulls: new SessionServer({ envelope: { error: null }, initialize: { instructions: null, _meta: null } }),
} satisfies Record<string, SessionServer>;

/** The server of a name that is made up. */
function serverOf(name: string): SessionServer {
  const found = Object.entries(SERVERS).find(([each]) => each === name)?.[1];
  if (found === undefined) throw new Error(`no server '${name}'`);
  return found;
}

let world: ServersWorld;

beforeAll(async () => {
  await Promise.all(Object.values(SERVERS).map((server) => server.start()));
  world = await openServersWorld({
    servers: () => Object.fromEntries(Object.entries(SERVERS).map(([name, { url }]) => [name, { url }])),
  });
});

afterAll(async () => {
  await world.close();
  await Promise.all(Object.values(SERVERS).map((server) => server.close()));
});

describe('a session that its server refuses', () => {
  it.each(STATUSES)('C11: with %i and no word is dropped and begun anew, and the call goes through', async (status) => {
    const name = `lost_${status}`;
    expect(await world.call(name)).toEqual({ output: { calls: 1 } });
    expect(serverOf(name)).toMatchObject({ sessions: 2, calls: 1 });
    expect(await world.call(name)).toEqual({ output: { calls: 2 } });
    expect(serverOf(name).sessions).toBe(2);
  });

  it.each(STATUSES)('C11: with %i and other words than ours is dropped and begun anew', async (status) => {
    const name = `lost_with_words_${status}`;
    expect(await world.call(name)).toEqual({ output: { calls: 1 } });
    expect(serverOf(name)).toMatchObject({ sessions: 2, calls: 1 });
  });

  it.each(STATUSES)('C11: with %i again is begun anew once, and the failure has the status', async (status) => {
    const name = `always_${status}`;
    const { failure } = await world.call(name);
    expect(failure).toContain('(transport)');
    expect(failure).toContain(`HTTP ${status}`);
    expect(serverOf(name)).toMatchObject({ sessions: 2, calls: 0 });
  });

  it('C11: with 429 is no session that is over: nothing is begun anew', async () => {
    expect((await world.call('busy')).failure).toContain('HTTP 429');
    expect(serverOf('busy').sessions).toBe(1);
  });
});

it('C11: a tool that answers 500 while its session answers is not called again in another session', async () => {
  expect((await world.call('tool_fails')).failure).toContain('HTTP 500');
  expect(serverOf('tool_fails').refused).toBe(1);
});

describe('answers over HTTP', () => {
  it.each(['text_ids', 'text_ids_in_events'])(
    'C12: whose id is the right number as text are taken, with a warning (%s)',
    async (name) => {
      expect(await world.call(name)).toEqual({ output: { calls: 1 } });
      expect(await warningsOf(world, name)).toEqual([expect.stringMatching(/\bid\b/u)]);
    },
  );

  it('C3: null where a member may be absent is an absent one', async () => {
    expect(await world.call('nulls')).toEqual({ output: { calls: 1 } });
  });
});
