import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(fileURLToPath(new URL('../..', import.meta.url)));
/** The built command, as users start it. */
export const CLI = join(ROOT, 'dist/cli.js');

/** A command that ran to its end. */
export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs: its process, what it has written so far, and its end. */
export interface Running {
  readonly child: ChildProcess;
  stdout(): string;
  stderr(): string;
  readonly finished: Promise<Finished>;
}

/** Starts the built command without a terminal, with an environment of its own: `PATH`, `HOME` and what is given. */
export function startCli(args: readonly string[], cwd: string, env: Readonly<Record<string, string>> = {}): Running {
  const child = spawn(process.execPath, [CLI, ...args], {
    cwd,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const finished = new Promise<Finished>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done({ code, stdout, stderr }));
  });
  return { child, stdout: () => stdout, stderr: () => stderr, finished };
}

/** Runs the built command to its end. */
export function runCli(
  args: readonly string[],
  cwd: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Finished> {
  return startCli(args, cwd, env).finished;
}

/**
 * Fills a folder with definitions and a servers file that names the reference server `everything` and what is given.
 */
export async function writeWorkspace(
  folder: string,
  definitions: Readonly<Record<string, string>>,
  more: Readonly<Record<string, object>> = {},
): Promise<void> {
  await mkdir(join(folder, 'definitions'));
  const everything = join(ROOT, 'node_modules/@modelcontextprotocol/server-everything/dist/index.js');
  const servers = { everything: { command: process.execPath, args: [everything], trusted: true }, ...more };
  await writeFile(join(folder, 'servers.json'), JSON.stringify({ mcpServers: servers }));
  for (const [name, text] of Object.entries(definitions)) {
    await writeFile(join(folder, 'definitions', `${name}.yaml`), `name: ${name}\n${text}`);
  }
}
