import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../../support/cli-process.ts';
import { startHttpServer, type TestHttpServer } from '../../support/http-server.ts';
import { tempDir } from '../../support/temp-dir.ts';

let folder: Awaited<ReturnType<typeof tempDir>>;
let server: TestHttpServer;
const seen: { readonly url: string | undefined; readonly key: unknown; readonly body: unknown }[] = [];

beforeEach(async () => {
  seen.length = 0;
  folder = await tempDir();
  server = await startHttpServer((request, response, body) => {
    seen.push({ url: request.url, key: request.headers['x-api-key'], body });
    const content = [{ type: 'text', text: 'Bonjour' }];
    const answer = { type: 'message', id: 'm', model: 'big-1', role: 'assistant', content, stop_reason: 'end_turn' };
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(
      JSON.stringify({ ...answer, stop_sequence: null, usage: { input_tokens: 9, output_tokens: 3 } }),
    );
  });
  await mkdir(join(folder.path, 'definitions'));
  await writeFile(join(folder.path, 'servers.json'), '{"mcpServers":{}}');
});
afterEach(async () => {
  await server.close();
  await folder.remove();
});

test('a model of Anthropic is asked in its own dialect, with the key of the file and nothing of the environment', async () => {
  const price = { input: 3, output: 15 };
  const entry = {
    provider: 'anthropic',
    model: 'big',
    api_key: '${KEY}',
    base_url: server.url.replace('/mcp', '/v1'),
    price,
  };
  await writeFile(join(folder.path, 'models.json'), JSON.stringify({ models: { default: entry } }));
  await writeFile(
    join(folder.path, 'definitions', 'a.yaml'),
    'name: a\nsteps: [{ id: ask, type: llm, prompt: Hello, system: In French, max_tokens: 20 }]\noutput: { text: "{{ask.output}}", usage: "{{ask.usage}}" }\n',
  );
  const env = { KEY: 'sk-ant-0123456789', ANTHROPIC_API_KEY: 'another', ANTHROPIC_BASE_URL: 'http://127.0.0.1:9/' };
  const { stdout, stderr } = await runCli(['run', 'a', '--json'], folder.path, env);
  expect(JSON.parse(stdout), stderr).toMatchObject({
    status: 'completed',
    output: { text: 'Bonjour', usage: { input_tokens: 9, output_tokens: 3, total_tokens: 12, usd: 0.000072 } },
  });
  expect(seen).toMatchObject([
    {
      url: '/v1/messages',
      key: 'sk-ant-0123456789',
      body: {
        model: 'big',
        max_tokens: 20,
        system: [{ type: 'text', text: 'In French' }],
        messages: [{ role: 'user', content: [{ type: 'text', text: 'Hello' }] }],
      },
    },
  ]);
});
