import { afterEach, describe, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { OpenClients } from '../support/open-clients.ts';
import type { WireClient } from '../support/wire-client.ts';
import { rawHttp, rawStdio, sdkHttp, sdkStdio } from '../support/wire-clients.ts';
import { SCENARIOS, type Subject } from './tasks-2025-scenarios.ts';

/** What `scripts/tasks-2025.mjs` hands over: a server of somebody else, and what its tools are called. */
interface Plan {
  readonly url?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly strangerHeaders?: Readonly<Record<string, string>>;
  readonly command?: readonly [string, ...string[]];
  readonly tools: Partial<Subject['tools']>;
}

const plan = JSON.parse(process.env['TASKS_2025_SUBJECT'] ?? '') as Plan; // written by the script

/** A scenario needs a tool that this server does not have. */
class NoSuchTool extends Error {}

/** As far as they are named; asking for another one ends the scenario. */
const tools = new Proxy(plan.tools, {
  get: (named, key) => {
    const name = named[key as keyof Subject['tools']]; // whatever a scenario asks for
    if (name === undefined) throw new NoSuchTool(`no tool is named for '${String(key)}'`);
    return name;
  },
}) as Subject['tools'];

const clients = new OpenClients();
afterEach(() => clients.closeAll());

type Open = (capabilities?: JsonObject, headers?: Readonly<Record<string, string>>) => Promise<WireClient>;

function ways(): readonly (readonly [string, Open])[] {
  const { url, command, headers } = plan;
  if (url !== undefined) {
    return [
      ['raw JSON-RPC over HTTP', (capabilities, own = headers) => rawHttp({ url, headers: own }, capabilities)],
      ["the SDK's client over HTTP", (capabilities, own = headers) => sdkHttp({ url, headers: own }, capabilities)],
    ];
  }
  if (command === undefined) throw new Error('neither --url nor --command');
  const [file, ...args] = command;
  const env = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const server = { command: file, args, cwd: process.cwd(), env };
  return [
    ['raw JSON-RPC over stdio', (capabilities) => rawStdio(server, capabilities)],
    ["the SDK's client over stdio", (capabilities) => sdkStdio(server, capabilities)],
  ];
}

describe.each(ways())('tasks of 2025-11-25 with %s', (_name, open) => {
  for (const { name, cites, needsStranger, run } of SCENARIOS) {
    test(`${name} [${cites.join(' ')}]`, async ({ skip }) => {
      const { strangerHeaders } = plan;
      if (needsStranger === true && strangerHeaders === undefined) skip('needs a second caller: --stranger-header');
      const stranger = (): Promise<WireClient> => clients.tracked(open({}, strangerHeaders));
      try {
        await run({ connect: (capabilities) => clients.tracked(open(capabilities)), stranger, tools });
      } catch (error) {
        if (!(error instanceof NoSuchTool)) throw error;
        skip(error.message);
      }
    });
  }
});
