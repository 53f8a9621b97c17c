import { afterAll, beforeAll, expect, it } from 'vitest';
import { isJsonObject } from '../../../src/core/json.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { openServersWorld, type ServersWorld } from './c-world.ts';

const PASSWORD = 'pw-4f 8?z/K2m';
const USER = 'robot';

let echo: TestHttpServer;
let world: ServersWorld;
/** The header as the server got it. */
let authorization = '';

beforeAll(async () => {
  echo = await startHttpServer((request, response, body) => {
    if (request.method !== 'POST' || !isJsonObject(body)) return response.writeHead(405).end();
    const { id, method } = body;
    if (id === undefined) return response.writeHead(202).end();
    authorization = request.headers.authorization ?? '';
    if (method === 'tools/call' && request.url?.startsWith('/refuses') === true) {
      return response.writeHead(403).end(`no access with ${authorization}`);
    }
    const results: Record<string, object> = {
      initialize: {
        protocolVersion: '2025-11-25',
        capabilities: { tools: {} },
        serverInfo: { name: 'e', version: '1' },
      },
      'tools/list': { tools: [{ name: 'go', inputSchema: { type: 'object' } }] },
      'tools/call': {
        content: [],
        structuredContent: { authorization, in: { [authorization]: [`x ${authorization}`] } },
      },
    };
    const result = typeof method === 'string' ? results[method] : undefined;
    const what = result === undefined ? { error: { code: -32601, message: `no ${authorization}` } } : { result };
    return response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify({ jsonrpc: '2.0', id, ...what }));
  });
  const { host } = new URL(echo.url);
  world = await openServersWorld({
    servers: () => ({
      whole: { url: 'http://${LOGIN}@' + host + '/mcp' },
      password: { url: 'http://' + USER + ':${PASSWORD}@' + host + '/mcp' },
      refuses: { url: 'http://' + USER + ':${PASSWORD}@' + host + '/refuses' },
    }),
    env: { LOGIN: `${USER}:${encodeURIComponent(PASSWORD)}`, PASSWORD: encodeURIComponent(PASSWORD) },
    flags: ['--log-level', 'debug'],
  });
});

afterAll(async () => {
  await world.close();
  await echo.close();
});

it.each(['whole', 'password', 'refuses'])(
  'F10: the Basic header that is made of a URL comes back in no result, no failure and no log (%s)',
  async (server) => {
    const came = await world.call(server);
    const header = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString('base64')}`;
    expect(authorization).toBe(header);
    const everything = `${JSON.stringify(came)}\n${world.stderr()}`;
    expect(everything).toContain('***');
    for (const stretch of everything.match(/[\w+/-]{8,}={0,2}/gu) ?? []) {
      expect(Buffer.from(stretch, 'base64').toString('utf8')).not.toContain(PASSWORD.slice(2, -2));
    }
    expect(everything).not.toContain(PASSWORD);
    expect(everything).not.toContain(encodeURIComponent(PASSWORD));
  },
);
