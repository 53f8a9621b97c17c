import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { newCaseFolder, type CaseFolder } from '../../support/case-folder.ts';
import { CLI } from '../../support/cli-process.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { initializeParams } from '../../support/wire-client.ts';

const GATE = new URL('../../support/read-gate.mjs', import.meta.url).href;
const MANY = Array.from({ length: 200 }, (_, index) => `workflow_${index}`);

let folder: CaseFolder;
let ended: (() => Promise<unknown>)[] = [];
beforeEach(async () => {
  const steps = [{ id: 'a', type: 'set', values: { done: true } }];
  folder = await newCaseFolder(
    Object.fromEntries(MANY.map((name) => [`${name}.json`, JSON.stringify({ name, steps })])),
  );
});
afterEach(async () => {
  for (const end of ended) await end();
  ended = [];
  await folder.remove();
});

/** The built server on the folder, over stdio, to which messages are written from the first moment on. */
function start(nodeFlags: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  const child = spawn(process.execPath, [...nodeFlags, CLI, 'serve', '--stdio'], {
    cwd: folder.path,
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env },
    stdio: 'pipe',
  });
  const closed = once(child, 'close');
  const received: JsonObject[] = [];
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  createInterface({ input: child.stdout }).on('line', (line) => {
    const message: unknown = JSON.parse(line);
    if (isJsonObject(message)) received.push(message);
  });
  ended.push(async () => {
    child.stdin.end();
    await closed;
  });
  return {
    send: (message: JsonObject) => child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`),
    /** The answer to a request; fails when it does not come. */
    answer: (id: number) =>
      waitUntil(`request ${id} is answered`, () => received.find((message) => message['id'] === id)),
    received,
    closed,
    stderr: () => stderr,
  };
}

const _meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'early', version: '1' },
  'io.modelcontextprotocol/clientCapabilities': {},
};
/** How a client of each generation begins, and asks for the tools. */
const FIRST: Readonly<Record<string, readonly [JsonObject, JsonObject]>> = {
  initialize: [
    { method: 'initialize', params: initializeParams({}) },
    { method: 'tools/list', params: {} },
  ],
  'server/discover': [
    { method: 'server/discover', params: { _meta } },
    { method: 'tools/list', params: { _meta } },
  ],
};
const METHODS = Object.keys(FIRST);

/** What loading waits for: each starts a server and gives what lets it go on. */
const SLOW: Readonly<
  Record<string, () => { server: ReturnType<typeof start>; waits: () => boolean; letGo: () => Promise<void> }>
> = {
  'many definitions': () => {
    const [open, reached] = [join(folder.path, 'open'), join(folder.path, 'reached')];
    const env = { GATE_FOLDER: join(folder.path, 'definitions'), GATE_OPEN: open, GATE_REACHED: reached };
    const server = start(['--import', GATE], env);
    return { server, waits: () => existsSync(reached), letGo: () => writeFile(open, '') };
  },
  'the servers file': () => {
    const file = join(folder.path, 'servers.json');
    execFileSync('mkfifo', [file]);
    return { server: start(), waits: () => true, letGo: () => writeFile(file, '{"mcpServers":{}}') };
  },
};
const CASES = Object.keys(SLOW).flatMap((what) => METHODS.map((method) => [method, what] as const));

describe('a client that has just started the server on a pipe', () => {
  it.each(CASES)('B4: is answered its %s while %s can still not be read', async (method, what) => {
    if (what === 'the servers file') await rm(join(folder.path, 'servers.json'));
    const slow = SLOW[what]?.();
    const [first, list] = FIRST[method] ?? [{}, {}];
    if (slow === undefined) throw new Error(what);
    const { server, waits, letGo } = slow;
    try {
      server.send({ id: 1, ...first });
      expect(await server.answer(1)).toMatchObject({
        result: {
          capabilities: { tools: expect.anything(), prompts: expect.anything(), resources: expect.anything() },
        },
      });
      await waitUntil('the server tries to load', waits);
      if (method === 'initialize') server.send({ method: 'notifications/initialized' });
      // What is asked meanwhile is answered when it is known, and in full.
      server.send({ id: 2, ...list });
    } finally {
      await letGo();
    }
    const { result } = await server.answer(2);
    const tools = isJsonObject(result) && Array.isArray(result['tools']) ? result['tools'] : [];
    const names = tools.map((tool: JsonObject) => tool['name']);
    expect(names).toEqual(expect.arrayContaining(MANY));
  });

  it.each(METHODS)(
    'B4: is left with a reason when it was answered its %s and the rest cannot be loaded',
    async (method) => {
      await writeFile(join(folder.path, 'servers.json'), '{"mcpServers": {"a": {"command": 5}}}');
      const server = start();
      server.send({ id: 1, ...FIRST[method]?.[0] });
      expect(await server.closed).toEqual([2, null]);
      expect(server.stderr()).toContain('servers.json');
    },
  );
});
