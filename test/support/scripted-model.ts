import type { ServerResponse } from 'node:http';
import { startHttpServer } from './http-server.ts';

/** One request as the server got it. */
export interface SeenTurn {
  readonly body: {
    readonly model: string;
    readonly max_tokens?: number;
    readonly temperature?: number;
    readonly messages: readonly { readonly role: string; readonly content: unknown }[];
    readonly response_format?: { readonly type: string; readonly json_schema?: { readonly strict: boolean } };
  };
  readonly authorization: string | undefined;
}

/** What the server does with a turn; `held` waits for `release`. */
export type Reply =
  | {
      readonly text: string;
      readonly finish?: string;
      readonly usage?: { readonly in: number; readonly out: number } | null;
    }
  | { readonly refusal: string }
  | { readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  | { readonly raw: string }
  | { readonly disconnect: true }
  | { readonly held: true };

/** An OpenAI-compatible server on loopback that answers by a script. */
export interface ScriptedModel {
  /** What `base_url` is to be. */
  readonly baseUrl: string;
  /** Every turn so far, in order. */
  readonly seen: readonly SeenTurn[];
  /** How many are held now. */
  readonly holding: number;
  /** The most that were under way at the same time. */
  readonly atOnce: number;
  /** Answers to come, in order; without any the server says `default`. */
  script(...replies: readonly Reply[]): void;
  /** Leaves out the answers that nobody came for. */
  forget(): void;
  /** Answers every turn that is held. */
  release(text: string): void;
  close(): Promise<void>;
}

export async function startScriptedModel(): Promise<ScriptedModel> {
  const seen: SeenTurn[] = [];
  const queue: Reply[] = [];
  const held = new Set<ServerResponse>();
  /** Turns that came and are neither answered nor gone. */
  const open = new Set<ServerResponse>();
  let atOnce = 0;
  const server = await startHttpServer((request, response, body) => {
    if (request.url !== '/v1/chat/completions') return response.writeHead(404).end();
    // The test's own scripts say what they look at.
    seen.push({ body: body as SeenTurn['body'], authorization: request.headers.authorization });
    open.add(response);
    atOnce = Math.max(atOnce, open.size);
    response.on('close', () => {
      open.delete(response);
      held.delete(response);
    });
    const reply = queue.shift() ?? { text: 'default' };
    if ('held' in reply) return held.add(response);
    // Before the caller can hear of it and make the next.
    open.delete(response);
    return answer(response, reply);
  });
  return {
    baseUrl: server.url.replace(/\/mcp$/u, '/v1'),
    seen,
    get holding() {
      return held.size;
    },
    get atOnce() {
      return atOnce;
    },
    script: (...replies) => queue.push(...replies),
    forget: () => {
      queue.length = 0;
    },
    release: (text) => {
      for (const response of held) {
        held.delete(response);
        open.delete(response);
        answer(response, { text });
      }
    },
    close: () => server.close(),
  };
}

function answer(response: ServerResponse, reply: Exclude<Reply, { held: true }>): unknown {
  if ('disconnect' in reply) return response.destroy();
  if ('status' in reply) return response.writeHead(reply.status, reply.headers).end(reply.body ?? '');
  const json = response.writeHead(200, { 'content-type': 'application/json' });
  if ('raw' in reply) return json.end(reply.raw);
  const isRefusal = 'refusal' in reply;
  const message = isRefusal
    ? { role: 'assistant', content: null, refusal: reply.refusal }
    : { role: 'assistant', content: reply.text };
  const usage = isRefusal ? { in: 10, out: 5 } : reply.usage === undefined ? { in: 100, out: 20 } : reply.usage;
  return json.end(
    JSON.stringify({
      id: 'chat-1',
      object: 'chat.completion',
      created: 1,
      model: 'scripted-1',
      choices: [{ index: 0, message, finish_reason: isRefusal ? 'stop' : (reply.finish ?? 'stop') }],
      ...(usage === null
        ? {}
        : { usage: { prompt_tokens: usage.in, completion_tokens: usage.out, total_tokens: usage.in + usage.out } }),
    }),
  );
}
