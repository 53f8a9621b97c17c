import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import {
  createWorkspace,
  startBuiltServer,
  stdioCommand,
  type BuiltServer,
  type Workspace,
} from '../support/built-server.ts';
import { OpenClients } from '../support/open-clients.ts';
import { rawHttp, rawStdio, sdkHttp, sdkStdio } from '../support/wire-clients.ts';
import { SCENARIOS, type Subject } from './tasks-2025-scenarios.ts';

const DEFINITIONS = fileURLToPath(new URL('definitions', import.meta.url));
const TOOLS = JSON.parse(readFileSync(new URL('tasks-2025-tools.json', import.meta.url), 'utf8')) as Subject['tools']; // a file beside this one
const ADA = { name: 'ada', secret: 'the-secret-of-ada-1' };
const BOB = 'the-secret-of-bob-1';

const clients = new OpenClients();
afterEach(() => clients.closeAll());

/** One workspace for each way to connect; a client over stdio is a server process of its own on it. */
let workspaces: Workspace[] = [];
afterAll(async () => {
  for (const workspace of workspaces) await workspace.remove();
  workspaces = [];
});

async function newWorkspace(): Promise<Workspace> {
  const made = await createWorkspace(DEFINITIONS);
  workspaces.push(made);
  return made;
}

describe.each([
  ['raw JSON-RPC', rawStdio],
  ["the SDK's client", sdkStdio],
])('tasks of 2025-11-25 of the built server over stdio with %s', (_name, open) => {
  let own: Workspace;
  beforeAll(async () => {
    own = await newWorkspace();
  });

  // A pipe has one requestor.
  test.each(SCENARIOS.filter(({ needsStranger }) => needsStranger !== true))('$name', async ({ run }) => {
    await run({
      connect: (capabilities?: JsonObject) => clients.tracked(open(stdioCommand(own), capabilities)),
      tools: TOOLS,
    });
  });
});

describe.each([
  ['raw JSON-RPC', rawHttp],
  ["the SDK's client", sdkHttp],
])('tasks of 2025-11-25 of the built server over HTTP with %s', (_name, open) => {
  let server: BuiltServer;
  beforeAll(async () => {
    server = await startBuiltServer(await newWorkspace(), {
      env: { MCP_WORKFLOW_TOKENS: `${ADA.name}=${ADA.secret},bob=${BOB}` },
    });
  });
  afterAll(() => server.stop());

  test.each(SCENARIOS)('$name', async ({ run }) => {
    const as = (secret: string) => (capabilities?: JsonObject) =>
      clients.tracked(open({ url: server.url, headers: { authorization: `Bearer ${secret}` } }, capabilities));
    await run({ connect: as(ADA.secret), stranger: as(BOB), tools: TOOLS });
  });
});
