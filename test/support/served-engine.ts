import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import type { ClientCapabilities } from '@modelcontextprotocol/sdk/types.js';
import { CLI, startCli } from './cli-process.ts';
import { waitUntil } from './wait-until.ts';
import { watched } from './wire-watch.ts';

const TOKEN = 'a-token-of-the-tests';

/** How a client reaches the built server. */
export type Reach = 'stdio' | 'HTTP';

/**
 * The built server on a folder, as processes. Over stdio every client has a process of its own on the shared data; over
 * HTTP all clients are sessions of one process and present the same token.
 */
export interface ServedEngine {
  /**
   * A new client on a new connection; starts the server when none runs. `prepare` can add handlers before it connects.
   */
  connect(options?: {
    readonly capabilities?: ClientCapabilities;
    readonly prepare?: (client: Client) => void;
  }): Promise<Client>;
  /** SIGKILL to every process of the server; resolves when they are gone. */
  kill(): Promise<void>;
  /** Closes the clients and ends the server in order. For afterEach. */
  stop(): Promise<void>;
}

/** Serves `folder` (its `definitions`, `servers.json`, `data`) by the built command. Nothing is started yet. */
export function serveEngine(reach: Reach, folder: string, env: Readonly<Record<string, string>> = {}): ServedEngine {
  const clients: Client[] = [];
  let pids: number[] = [];
  let web: { readonly child: ChildProcess; readonly url: URL } | undefined;

  async function overHttp(): Promise<StreamableHTTPClientTransport> {
    if (web === undefined) {
      const token = { MCP_WORKFLOW_TOKENS: `tester=${TOKEN}` };
      const running = startCli(['serve', '--http', '127.0.0.1:0'], folder, { ...token, ...env });
      const address = await waitUntil(
        'it serves',
        () => /"url":"(?<url>[^"]+)"/.exec(running.stderr())?.groups?.['url'],
      );
      web = { child: running.child, url: new URL(address) };
    }
    const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };
    return new StreamableHTTPClientTransport(web.url, { requestInit });
  }

  function overStdio(): StdioClientTransport {
    return watched(
      new StdioClientTransport({
        command: process.execPath,
        args: [CLI, 'serve', '--stdio'],
        cwd: folder,
        env: { ...env },
        stderr: 'ignore',
      }),
    );
  }

  return {
    connect: async ({ capabilities = {}, prepare } = {}) => {
      const client = new Client({ name: 'test', version: '1' }, { capabilities });
      prepare?.(client);
      if (reach === 'HTTP') await client.connect(await overHttp());
      else {
        const transport = overStdio();
        await client.connect(transport);
        if (transport.pid !== null) pids.push(transport.pid);
      }
      clients.push(client);
      return client;
    },
    kill: async () => {
      if (web !== undefined) {
        web.child.kill('SIGKILL');
        if (web.child.exitCode === null && web.child.signalCode === null) await once(web.child, 'exit');
        web = undefined;
      }
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      for (const pid of pids) await waitUntil(`process ${pid} is gone`, () => !isAlive(pid));
      pids = [];
      for (const client of clients.splice(0)) await client.close();
    },
    stop: async () => {
      for (const client of clients.splice(0)) await client.close();
      pids = [];
      if (web === undefined) return;
      const { child } = web;
      web = undefined;
      child.kill('SIGTERM');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
