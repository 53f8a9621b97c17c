import { execFile, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isJsonObject, type JsonObject } from '../../src/core/json.ts';
import { newerNode } from './newer-node.mjs';
import { PATIENCE_MS } from './patience.ts';
import type { HttpEndpoint, StdioCommand } from './wire-clients.ts';

const FOLDER = fileURLToPath(new URL('../inspector/', import.meta.url));
const INSTALLED = `${FOLDER}node_modules/@modelcontextprotocol/inspector`;

/** Where the Inspector connects to: an address, or a command that serves on a pipe. */
export type InspectorTarget = HttpEndpoint | StdioCommand;

/** The Inspector's command line: every call is a process and a connection of its own. */
export interface Inspector {
  /**
   * Calls a tool, and resolves with its result, also one with `isError`; rejects with what the Inspector says when
   * there is none.
   */
  callTool(target: InspectorTarget, era: 'legacy' | 'modern', name: string, args?: JsonObject): Promise<JsonObject>;
}

/**
 * Installs the pinned Inspector where it is not there yet, with a Node.js that is new enough for it. Throws when it
 * cannot.
 */
export function inspector(): Inspector {
  const wanted = (JSON.parse(readFileSync(`${FOLDER}package.json`, 'utf8')) as { readonly dependencies: JsonObject })
    .dependencies; // our own file
  if (installedVersion() !== wanted['@modelcontextprotocol/inspector']) {
    execFileSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: FOLDER, stdio: 'pipe' });
  }
  const node = newerNode();
  return {
    callTool: async (target, era, name, args = {}) => {
      const flags = [
        '--format',
        'json',
        '--quiet',
        '--protocol-era',
        era,
        '--method',
        'tools/call',
        '--tool-name',
        name,
      ];
      if (Object.keys(args).length > 0) flags.push('--tool-args-json', JSON.stringify(args));
      const { stdout, stderr } = await run(node, [
        `${INSTALLED}/clients/cli/build/index.js`,
        ...flags,
        ...place(target),
      ]);
      const printed: unknown = stdout === '' ? undefined : JSON.parse(stdout);
      const result = isJsonObject(printed) ? printed['result'] : undefined;
      if (!isJsonObject(result)) throw new Error(`the Inspector has no result: ${stdout}${stderr}`);
      return result;
    },
  };
}

function installedVersion(): unknown {
  const file = `${INSTALLED}/package.json`;
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as JsonObject)['version'] : undefined; // of a package
}

function place(target: InspectorTarget): string[] {
  if ('url' in target) {
    const headers = Object.entries(target.headers).flatMap(([name, value]) => ['--header', `${name}: ${value}`]);
    return ['--server-url', target.url, ...headers];
  }
  const env = Object.entries(target.env).flatMap(([name, value]) => ['-e', `${name}=${value}`]);
  return [...env, '--cwd', target.cwd, '--', target.command, ...target.args];
}

/** An exit code is not looked at: a result with `isError` has one of its own. */
function run(command: string, args: readonly string[]): Promise<{ readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: PATIENCE_MS }, (_error, stdout, stderr) => resolve({ stdout, stderr }));
  });
}
