import type { Server as Server2025 } from '@modelcontextprotocol/sdk/server/index.js';
import type { McpServerFactory, Transport } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KnownTasks } from '../protocol/caller.ts';
import type { ConnectionContext } from '../protocol/connection.ts';
import type { ProtocolDeps } from '../protocol/deps.ts';
import { createGenerations } from '../protocol/generations.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import type { Greeted } from './greeter.ts';
import { pipeLanes } from './pipe-lanes.ts';
import { PipeTransport } from './stdio-transport.ts';
import { StraightChannel } from './straight-channel.ts';

/** A served pipe. */
export interface StdioFront {
  /** Resolves when the client has closed the pipe or `close` is done. Never rejects. */
  readonly closed: Promise<void>;
  /** Answers what waits, then lets go of the pipe. Tasks stay as they are. */
  close(): Promise<void>;
}

/**
 * Serves one client on a pipe, each request in the generation that it speaks. One process has one caller, so tasks are
 * listed. When stdin ends, `closed` resolves at once, whatever still runs: open tasks go on at the next start. Without
 * `streams` it takes the process's own, and from then on everything else that is written to stdout goes to stderr.
 */
export async function serveOnStdio(
  deps: ProtocolDeps,
  streams?: { readonly input: Readable; readonly output: Writable },
  greeted?: Greeted,
): Promise<StdioFront> {
  const hurry = new AbortController();
  const context: ConnectionContext = {
    caller: { principal: LOCAL_PRINCIPAL, identified: true, listsAll: true, known: new KnownTasks() },
    hurry: hurry.signal,
  };
  const { session, stateless } = createGenerations(deps, hurry.signal);
  let onClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const bounds = deps.settings.messageBounds;
  const pipe =
    streams === undefined
      ? new PipeTransport(process.stdin, process.stdout, () => onClosed(), bounds, claimStdout(), greeted)
      : new PipeTransport(streams.input, streams.output, () => onClosed(), bounds, undefined, greeted);
  const onerror = (error: Error): void => deps.logger.warn({ err: error }, 'stdio');
  const lanes = pipeLanes(pipe, (message, shaken) => stateless?.claims(message, shaken) === true);
  // The entry only connects and closes a server of the older SDK, which has both methods in the same form.
  const sessions = serveStdio(() => straight(session.server(context), lanes.session) as unknown as AnyServer, {
    transport: lanes.session,
    onerror,
  });
  const plain =
    stateless === undefined
      ? undefined
      : serveStdio(() => stateless.stdio(context), {
          transport: stateless.pipe(lanes.stateless, context),
          legacy: 'reject',
          onerror,
        });
  await pipe.start();
  return {
    closed,
    async close() {
      hurry.abort(new Error('the server is stopping'));
      // The answers of the hurried requests are written in this turn and the next.
      await nextTurn();
      await nextTurn();
      // First the one that has something to say at the end: its subscriptions.
      await plain?.close();
      await sessions.close();
      await stateless?.close();
      await closed;
    },
  };
}

type AnyServer = Awaited<ReturnType<McpServerFactory>>;

/** The server, to be connected to the pipe itself. */
function straight(server: Server2025, pipe: Transport): Server2025 {
  const connect = server.connect.bind(server);
  server.connect = (channel) => connect(new StraightChannel(channel, pipe));
  return server;
}

/** The process's stdout for MCP alone: whatever a library prints there would break the client's parser. */
function claimStdout(): (text: string) => boolean {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  return (text) => write(text);
}
