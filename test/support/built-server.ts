import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, startCli, type Running } from './cli-process.ts';
import { waitUntil } from './wait-until.ts';
import type { HttpEndpoint, StdioCommand } from './wire-clients.ts';

/** A folder of its own with definitions, a servers file without servers, and a data folder that outlives servers. */
export interface Workspace {
  readonly dir: string;
  readonly definitions: string;
  remove(): Promise<void>;
}

/** Copies `definitions` into a new workspace. */
export async function createWorkspace(definitions: string): Promise<Workspace> {
  const dir = await mkdtemp(join(tmpdir(), 'mcp-workflow-e2e-'));
  await mkdir(join(dir, 'data'));
  await cp(definitions, join(dir, 'definitions'), { recursive: true });
  await writeFile(join(dir, 'servers.json'), '{"mcpServers":{}}');
  return {
    dir,
    definitions: join(dir, 'definitions'),
    remove: () => rm(dir, { recursive: true, force: true, maxRetries: 5 }),
  };
}

/** Flags and environment that a test wants beside the defaults. */
export interface ServerOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** The command that serves a workspace on a pipe. */
export function stdioCommand(workspace: Workspace, options: ServerOptions = {}): StdioCommand {
  return {
    command: process.execPath,
    args: [CLI, 'serve', '--stdio', ...(options.flags ?? [])],
    cwd: workspace.dir,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
  };
}

/** The built server, listening. */
export interface BuiltServer extends HttpEndpoint {
  readonly process: Running;
  /** SIGTERM; resolves when it has ended. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
}

/** Serves a workspace over loopback HTTP. Without `token` nobody is asked who they are. */
export async function startBuiltServer(
  workspace: Workspace,
  options: ServerOptions & { readonly token?: { readonly name: string; readonly secret: string } } = {},
): Promise<BuiltServer> {
  const { token } = options;
  const running = startCli(['serve', '--http', '127.0.0.1:0', ...(options.flags ?? [])], workspace.dir, {
    ...options.env,
    ...(token === undefined ? {} : { MCP_WORKFLOW_TOKENS: `${token.name}=${token.secret}` }),
  });
  let ended = false;
  void running.finished.then(() => (ended = true));
  const url = await waitUntil('the server listens', () => {
    if (ended) throw new Error(running.stderr());
    return /http:\/\/127\.0\.0\.1:\d+\/mcp/u.exec(running.stderr())?.[0];
  });
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    running.child.kill(signal);
    await running.finished;
  };
  return {
    url,
    headers: token === undefined ? {} : { authorization: `Bearer ${token.secret}` },
    process: running,
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
  };
}
