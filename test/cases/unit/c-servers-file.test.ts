import { describe, expect, it } from 'vitest';
import { readArguments } from '../../../src/cli/arguments.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import { parseServersFile } from '../../../src/downstream/catalog.ts';

const URL_OF_IT = 'https://example.com/mcp';
const HEADERS = { Authorization: 'Bearer ${TOKEN}' };

function read(entry: JsonObject) {
  const { catalog, issues } = parseServersFile(JSON.stringify({ mcpServers: { s: entry } }), '/etc/flow/servers.json');
  return { server: catalog.servers.get('s'), issues: issues.map(({ message }) => message) };
}

describe('words of other hosts in a servers file', () => {
  it.each<[string, JsonObject]>([
    ['serverUrl', { serverUrl: URL_OF_IT, headers: HEADERS }],
    ['httpUrl', { httpUrl: URL_OF_IT, headers: HEADERS }],
    ['httpUrl with a type', { type: 'http', httpUrl: URL_OF_IT, headers: HEADERS }],
    ['type remote', { type: 'remote', url: URL_OF_IT, headers: HEADERS }],
    ['type streamable_http', { type: 'streamable_http', url: URL_OF_IT, headers: HEADERS }],
  ])('C7: %s is a server over HTTP, without a word', (_, entry) => {
    expect(read(entry)).toEqual({
      server: expect.objectContaining({ kind: 'http', url: URL_OF_IT, headers: HEADERS }) as unknown,
      issues: [],
    });
  });

  it('C7: type local is a program, without a word', () => {
    expect(read({ type: 'local', command: 'node', args: ['x.js'] })).toEqual({
      server: expect.objectContaining({ kind: 'stdio', command: 'node', args: ['x.js'] }) as unknown,
      issues: [],
    });
  });

  it.each<[string, JsonObject]>([
    ['command and serverUrl', { command: 'node', serverUrl: URL_OF_IT }],
    ['an httpUrl that is none', { httpUrl: 'ftp://example.com' }],
    ['a serverUrl that is no text', { serverUrl: 1 }],
  ])('C7: what is wrong with them is said once: %s', (_, entry) => {
    const { server, issues } = read(entry);
    expect(server).toBeUndefined();
    expect(issues).toEqual([expect.stringMatching(/url/iu)]);
  });
});

describe('a byte order mark before the arguments of a call', () => {
  it.each(['-', '@-'])('C8: --input %s: the mark of an editor or a shell is passed over', async (flag) => {
    const given = await readArguments({ input: flag }, {}, '/', () =>
      Promise.resolve('\uFEFF{"url": "https://x"}\r\n'),
    );
    expect(given).toEqual({ url: 'https://x' });
  });

  it('C8: the text of the flag itself may begin with one too', async () => {
    expect(await readArguments({ input: '\uFEFF{"n": 1}' }, {}, '/', () => Promise.resolve(''))).toEqual({ n: 1 });
  });
});

describe('the time that a server has to start', () => {
  it('C10: is 60 seconds, of a program and behind a URL, since a first npx takes long', () => {
    expect(read({ command: 'npx', args: ['-y', 'x'] }).server).toMatchObject({ startTimeoutSeconds: 60 });
    expect(read({ url: URL_OF_IT }).server).toMatchObject({ startTimeoutSeconds: 60 });
    expect(read({ command: 'npx', start_timeout_seconds: 5 }).server).toMatchObject({ startTimeoutSeconds: 5 });
  });
});
