import type { Server as Server2025 } from '@modelcontextprotocol/sdk/server/index.js';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JSONRPCMessage, McpServerFactory, Transport } from '@modelcontextprotocol/server';
import type { Caller } from './caller.ts';
import type { ConnectionContext } from './connection.ts';
import type { ProtocolDeps } from './deps.ts';
import { handshakeProblem } from './rev-2025-11-25/handshake.ts';
import { create2025Server } from './rev-2025-11-25/server.ts';
import { create2026Generation } from './rev-2026-07-28/generation.ts';

/** 2025-11-25 and older: one server per connection, with a handshake and, over HTTP, a session. */
export interface SessionGeneration {
  readonly revision: string;
  server(context: ConnectionContext): Server2025;
  /** Why a handshake cannot be one, in a sentence; `undefined` for one that is in order and for every other message. */
  handshakeProblem(message: unknown): string | undefined;
}

/** 2026-07-28 and later: every request stands for itself. */
export interface StatelessGeneration {
  readonly revision: string;
  /** Whether a message of a pipe is for this generation. `shaken`: a handshake of the other one came before it. */
  claims(message: JSONRPCMessage, shaken: boolean): boolean;
  /** A server for the messages of a pipe that belong to this generation. */
  stdio(context: ConnectionContext): ReturnType<McpServerFactory>;
  /** Their way, with what this generation serves beside a server: `subscriptions/listen`. */
  pipe(transport: Transport, context: ConnectionContext): Transport;
  /** Whether an HTTP request with this body belongs to this generation. */
  owns(request: IncomingMessage, body: unknown): Promise<boolean>;
  /**
   * Answers one HTTP request. The guards have passed; `body` is parsed. Resolves when the answer has been handed over.
   */
  handle(request: IncomingMessage, response: ServerResponse, body: unknown, caller: Caller): Promise<void>;
  /** Ends every open stream. */
  close(): Promise<void>;
}

/**
 * The one place that chooses between generations: a transport asks this table and never looks at a revision itself. A
 * new generation is one folder and one row.
 */
export interface GenerationTable {
  readonly session: SessionGeneration;
  readonly stateless?: StatelessGeneration;
}

/** The generations this server speaks. `hurry` aborts when the server is stopping. */
export function createGenerations(deps: ProtocolDeps, hurry: AbortSignal): GenerationTable {
  return {
    session: { revision: '2025-11-25', server: (context) => create2025Server(deps, context), handshakeProblem },
    stateless: create2026Generation(deps, hurry),
  };
}
