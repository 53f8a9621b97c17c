import { chmod, mkdir, realpath, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { startBuiltServer, type BuiltServer } from '../../support/built-server.ts';
import { rawRequest } from '../../support/raw-client.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const ODD_SERVER = fileURLToPath(new URL('./c-odd-server.mjs', import.meta.url));

/** An entry of a servers file that starts the odd server with a plan (see there), and with more arguments. */
export function oddServer(plan: JsonObject, more: JsonObject = {}, args: readonly string[] = []): JsonObject {
  return { command: process.execPath, args: [ODD_SERVER, JSON.stringify(plan), ...args], ...more };
}

/** What came of a call of a server's tool `go` through a workflow: its output, or the text of the failed step. */
export interface Came {
  readonly output?: JsonValue;
  readonly failure?: string;
}

/** The built server over a servers file; each server has a workflow of its name that calls the tool `go`. */
export interface ServersWorld {
  /** Of the workspace, as the system knows it. */
  readonly folder: string;
  /** Not the workspace's. */
  readonly home: string;
  readonly url: string;
  /** What it has logged so far, a line each. */
  log(): readonly JsonObject[];
  stderr(): string;
  call(server: string, args?: JsonObject): Promise<Came>;
  close(): Promise<void>;
}

export interface WorldOptions {
  /** The servers by name, told where the workspace and the home folder are. */
  readonly servers: (places: { readonly folder: string; readonly home: string }) => JsonObject | Promise<JsonObject>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly string[];
  /** The servers whose workflow answers with the id of its task. */
  readonly asTasks?: readonly string[];
}

/** Makes a workspace and serves it. */
export async function openServersWorld(options: WorldOptions): Promise<ServersWorld> {
  const { path, remove } = await tempDir();
  const folder = await realpath(path);
  const home = join(folder, 'home');
  await mkdir(join(folder, 'definitions'));
  await mkdir(home);
  const servers = await options.servers({ folder, home });
  await writeFile(join(folder, 'servers.json'), JSON.stringify({ mcpServers: servers }));
  for (const name of Object.keys(servers)) {
    const text = `name: ${name}\ntask: ${options.asTasks?.includes(name) === true ? 'required' : 'forbidden'}\nsteps:\n  - { id: go, server: ${name}, action: go }\n`;
    await writeFile(join(folder, 'definitions', `${name}.yaml`), text);
  }
  const workspace = { dir: folder, definitions: join(folder, 'definitions'), remove };
  let server: BuiltServer;
  try {
    server = await startBuiltServer(workspace, {
      env: { HOME: home, ...options.env },
      ...(options.flags === undefined ? {} : { flags: options.flags }),
    });
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    folder,
    home,
    url: server.url,
    log: () => logLines(server.process.stderr()),
    stderr: () => server.process.stderr(),
    call: async (name, args = {}) => cameOf(await rawRequest(server.url, 'tools/call', { name, arguments: args })),
    close: async () => {
      await server.stop();
      await remove();
    },
  };
}

/** The lines of a log in JSON; others are left out. */
export function logLines(text: string): readonly JsonObject[] {
  return text.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const value: unknown = JSON.parse(line);
    return isJsonObject(value) ? [value] : [];
  });
}

/** The warnings that a server is the subject of, when there is one: the log takes its way beside the answer. */
export function warningsOf(world: ServersWorld, server: string): Promise<readonly unknown[]> {
  return waitUntil(`a warning about '${server}'`, () => {
    const lines = world.log().filter((line) => line['level'] === 40 && line['server'] === server);
    return lines.length > 0 && lines.map((line) => line['msg']);
  });
}

/** Writes a program that can be started by its name. */
export async function writeProgram(file: string, text: string): Promise<void> {
  await writeFile(file, text);
  await chmod(file, 0o755);
}

function cameOf({ isError, content, structuredContent }: JsonObject): Came {
  const block = Array.isArray(content) ? content[0] : undefined;
  const text = isJsonObject(block) && typeof block['text'] === 'string' ? block['text'] : '';
  if (isError === true) return { failure: text };
  const value: unknown = structuredContent ?? JSON.parse(text);
  return { output: isJsonObject(value) ? (value['result'] ?? null) : null };
}
