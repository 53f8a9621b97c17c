import type { Server as Server2025 } from '@modelcontextprotocol/sdk/server/index.js';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import type { Readable, Writable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { KnownTasks } from '../protocol/caller.ts';
import type { ConnectionContext } from '../protocol/connection.ts';
import type { ProtocolDeps } from '../protocol/deps.ts';
import { createGenerations } from '../protocol/generations.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
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
 * Serves one client on a pipe, in whichever generation it opens. One process has one caller, so tasks are listed. When stdin
 * ends, `closed` resolves at once, whatever still runs: open tasks go on at the next start.
 * Without `streams` it takes the process's own, and from then on everything else that is written to stdout goes to stderr.
 */
export function serveOnStdio(
  deps: ProtocolDeps,
  streams?: { readonly input: Readable; readonly output: Writable },
): Promise<StdioFront> {
  const hurry = new AbortController();
  const context: ConnectionContext = {
    caller: { principal: LOCAL_PRINCIPAL, identified: true, listsAll: true, known: new KnownTasks() },
    hurry: hurry.signal,
  };
  const generations = createGenerations(deps, hurry.signal);
  const { session, stateless } = generations;
  let onClosed = (): void => undefined;
  const closed = new Promise<void>((resolve) => {
    onClosed = resolve;
  });
  const transport =
    streams === undefined
      ? new PipeTransport(process.stdin, process.stdout, () => onClosed(), claimStdout())
      : new PipeTransport(streams.input, streams.output, () => onClosed());
  const handle = serveStdio(
    (request) =>
      request.era === 'legacy' || stateless === undefined
        ? // The entry only connects and closes a server of the older SDK, which has both methods in the same form.
          (straight(session.server(context), transport) as unknown as ReturnType<
            Exclude<typeof stateless, undefined>['stdio']
          >)
        : stateless.stdio(context),
    {
      transport: stateless?.pipe(transport, context) ?? transport,
      onerror: (error) => deps.logger.warn({ err: error }, 'stdio'),
    },
  );
  return Promise.resolve({
    closed,
    async close() {
      hurry.abort(new Error('the server is stopping'));
      // The answers of the hurried requests are written in this turn and the next.
      await nextTurn();
      await nextTurn();
      await handle.close();
      await stateless?.close();
      await closed;
    },
  });
}

/** The server, to be connected to the pipe itself. */
function straight(server: Server2025, pipe: PipeTransport): Server2025 {
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
