import { once } from 'node:events';
import { mkdir, realpath, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBuiltServer, type BuiltServer } from '../../support/built-server.ts';
import { runCli } from '../../support/cli-process.ts';
import { rawRequest } from '../../support/raw-client.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { logLines } from './c-world.ts';

/** What a terminal of eight bits takes for the beginning of a command. */
const C1 = /[\u0080-\u009F]/u;
const COLOURED = 'a\u009B31mred\u0085\u0090';
const TEXT = JSON.stringify(COLOURED);

const FILES = {
  loop: 'loop.txt',
  under_a_file: 'plain.txt/inside.txt',
  too_long: `${'x'.repeat(300)}.txt`,
  missing: 'missing.txt',
  folder: 'sub',
};
const DOCUMENTS = `name: documents
description: ${TEXT}
resources:
${Object.entries(FILES)
  .map(([name, file]) => `  - { uri: 'docs://${name}', name: ${name}, file: '${file}' }\n`)
  .join('')}steps:
  - { id: a, type: set, values: { text: ${TEXT} } }
output: { text: "{{a.output.text}}" }
`;

let folder: Awaited<ReturnType<typeof tempDir>>;
let path: string;

beforeAll(async () => {
  folder = await tempDir();
  path = await realpath(folder.path);
  await mkdir(join(path, 'definitions'));
  await mkdir(join(path, 'definitions', 'sub'));
  await writeFile(join(path, 'definitions', 'documents.yaml'), DOCUMENTS);
  await writeFile(join(path, 'definitions', 'plain.txt'), 'plain');
  await symlink('loop.txt', join(path, 'definitions', 'loop.txt'));
  await writeFile(join(path, 'servers.json'), '{"mcpServers": {}}');
});
afterAll(() => folder.remove());

function serve(token?: { readonly name: string; readonly secret: string }): Promise<BuiltServer> {
  const workspace = { dir: path, definitions: join(path, 'definitions'), remove: folder.remove };
  return startBuiltServer(workspace, {
    flags: ['--data', join(path, token === undefined ? 'data' : 'data-of-callers')],
    ...(token === undefined ? {} : { token }),
  });
}

/** The first line of the answer to a request that is written as it stands. */
async function statusOf(url: string, head: readonly string[], body = ''): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  let answer = '';
  socket.setEncoding('utf8').on('data', (text: string) => (answer += text));
  socket.on('error', () => undefined);
  socket.write(`${head.join('\r\n')}\r\nConnection: close\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  await once(socket, 'close');
  return answer.split('\r\n')[0] ?? '';
}

describe('the front over HTTP', () => {
  let server: BuiltServer;
  beforeAll(async () => {
    server = await serve();
  });
  afterAll(() => server.stop());

  it.each(Object.entries(FILES))(
    'F13: what a client is told of a resource whose file cannot be read names no place on this machine (%s)',
    async (name, file) => {
      const error: unknown = await rawRequest(server.url, 'resources/read', { uri: `docs://${name}` }).catch(
        (thrown: unknown) => thrown,
      );
      const message = error instanceof Error ? error.message : 'it was read';
      expect(message).toContain(file);
      expect(message).not.toContain(path);
      expect(message).not.toMatch(/(?:^|[\s'"])\/\w/u);
    },
  );

  it.each([
    ['of another machine behind the right one', ['127.0.0.1', 'evil.example']],
    ['of another machine before the right one', ['evil.example', '127.0.0.1']],
    ['the same one twice', ['127.0.0.1', '127.0.0.1']],
    ['the same one in other letters', ['localhost', 'LOCALHOST']],
  ])('F13: two Host headers are a bad request: %s', async (_, hosts) => {
    const { port } = new URL(server.url);
    for (const route of ['GET /healthz', 'POST /mcp', 'GET /metrics']) {
      const head = [
        `${route} HTTP/1.1`,
        ...hosts.map((host) => `Host: ${host}:${port}`),
        'Content-Type: application/json',
      ];
      expect(await statusOf(server.url, head, '{}'), route).toMatch(/^HTTP\/1\.1 400 /u);
    }
  });
});

describe('a token that is refused', () => {
  const TOKEN = { name: 'robot', secret: 'tok-1f3c9a77e2-0b64' };
  let server: BuiltServer;
  beforeAll(async () => {
    server = await serve(TOKEN);
  });
  afterAll(() => server.stop());

  it.each([
    ['an unknown one', 'Bearer wrong-5d20c4'],
    ['one of another scheme', 'Basic d3Jvbmc6d3Jvbmc='],
    ['a wrong one that begins like ours', `Bearer ${TOKEN.secret}x`],
    ['none', undefined],
  ])('F13: leaves a line in the log, without the token: %s', async (_, authorization) => {
    const refusals = (): readonly string[] =>
      logLines(server.process.stderr()).flatMap((line) => {
        const text = JSON.stringify(line);
        return Number(line['level']) >= 30 && /token|401|refused|unauthori[sz]ed/iu.test(text) ? [text] : [];
      });
    const before = refusals().length;
    const answer = await fetch(server.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization === undefined ? {} : { authorization }) },
      body: '{}',
    });
    expect(answer.status).toBe(401);
    await waitUntil('the refusal is in the log', () => refusals().length > before);
    const line = refusals().at(-1) ?? '';
    expect(line).toContain('127.0.0.1');
    expect(server.process.stderr()).not.toContain(TOKEN.secret);
    if (authorization !== undefined) expect(server.process.stderr()).not.toContain(authorization.split(' ')[1]);
  });
});

describe('one JSON document on standard output', () => {
  it('F13: has no control characters of eight bits, and says the same', async () => {
    const ran = await runCli(['run', 'documents', '--json'], path);
    const { taskId } = JSON.parse(ran.stdout) as { readonly taskId: string };
    const commands = [['list'], ['tasks', 'get', taskId], ['tasks', 'result', taskId]];
    const others = await Promise.all(commands.map((line) => runCli([...line, '--json'], path)));
    for (const { stdout } of [ran, ...others]) {
      expect(stdout).not.toMatch(C1);
      expect(JSON.stringify(JSON.parse(stdout))).toContain(TEXT.slice(1, -1));
    }
  });
});
