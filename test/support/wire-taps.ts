import { readFileSync } from 'node:fs';
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { buffer } from 'node:stream/consumers';
import type { StdioCommand } from './wire-clients.ts';
import { Conversation, HttpConversations, jsonOf } from './wire-watch.ts';

const TAP = fileURLToPath(new URL('wire-tap.mjs', import.meta.url));

/**
 * The same command with a tap in front, for a client that is a process of its own. What it notes goes to `log`; see
 * `checkTap`.
 */
export function tapped(server: StdioCommand, log: string): StdioCommand {
  return { ...server, command: process.execPath, args: [TAP, log, server.command, ...server.args] };
}

/** Checks every message of the server in a log against the schemas, for `verifyWire`; gives how many there were. */
export function checkTap(log: string): number {
  const conversations = new Map<number, Conversation>();
  let checked = 0;
  for (const entry of readFileSync(log, 'utf8').trim().split('\n')) {
    const { pid, from, line } = JSON.parse(entry) as {
      readonly pid: number;
      readonly from: string;
      readonly line: string;
    }; // written by wire-tap.mjs
    const conversation = conversations.get(pid) ?? new Conversation();
    conversations.set(pid, conversation);
    if (from === 'client') conversation.sent(jsonOf(line));
    else {
      conversation.received(jsonOf(line));
      checked += 1;
    }
  }
  return checked;
}

/** A loopback address that hands everything on to a server, and checks what comes back against the schemas. */
export interface HttpTap {
  readonly url: string;
  /** Messages of the server so far. */
  checked(): number;
  close(): Promise<void>;
}

/** `target` is asked at each request, since a server that was restarted has another address. */
export async function startHttpTap(target: () => string): Promise<HttpTap> {
  let checked = 0;
  const conversations = new HttpConversations(() => (checked += 1));
  const server = createServer((request, response) => {
    handOn(request, response, new URL(target()), conversations).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    checked: () => checked,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function handOn(
  request: IncomingMessage,
  response: ServerResponse,
  target: URL,
  conversations: HttpConversations,
): Promise<void> {
  const body = await buffer(request);
  const session = request.headers['mcp-session-id'];
  const watch = conversations.sent(typeof session === 'string' ? session : null, jsonOf(body.toString()));
  const onwards = httpRequest(
    target,
    { method: request.method ?? 'GET', headers: { ...request.headers, host: target.host } },
    (answer) => {
      const reader = watch(answer.headers['content-type'] ?? '');
      response.writeHead(answer.statusCode ?? 500, answer.headers);
      response.flushHeaders();
      answer.on('data', (chunk: Buffer) => reader?.push(chunk));
      answer.on('end', () => reader?.end());
      answer.on('error', () => response.destroy());
      answer.pipe(response);
    },
  );
  onwards.on('error', () => response.destroy());
  response.on('close', () => onwards.destroy());
  onwards.end(body);
}
