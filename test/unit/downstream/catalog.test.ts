import { describe, expect, test } from 'vitest';
import { parseServersFile } from '../../../src/downstream/catalog.ts';

const read = (text: string) => parseServersFile(text, '/etc/flow/servers.json');
const brief = (text: string) =>
  read(text).issues.map(({ severity, code, line, column, message, hint }) => ({
    severity,
    code,
    at: `${line}:${column}`,
    message,
    ...(hint === undefined ? {} : { hint }),
  }));

describe('a servers file', () => {
  test('of a host is read with the defaults of the contract', () => {
    const { catalog, issues } = read(`{
      "mcpServers": {
        "files":  { "command": "npx", "args": ["-y", "pkg", "./work"], "env": {"TOKEN": "\${TOKEN}"} },
        "search": { "url": "https://example.com/mcp", "headers": {"Authorization": "Bearer \${SEARCH_TOKEN}"} }
      }
    }`);
    expect(issues).toEqual([]);
    expect(Object.fromEntries(catalog.servers)).toEqual({
      files: {
        name: 'files',
        kind: 'stdio',
        command: 'npx',
        args: ['-y', 'pkg', './work'],
        env: { TOKEN: '${TOKEN}' },
        cwd: '.',
        timeoutSeconds: 300,
        startTimeoutSeconds: 60,
        maxConcurrent: 16,
        maxResponseBytes: 10_485_760,
        maxResponseValues: 250_000,
        folder: '/etc/flow',
        trusted: false,
        disabled: false,
      },
      search: {
        name: 'search',
        kind: 'http',
        url: 'https://example.com/mcp',
        headers: { Authorization: 'Bearer ${SEARCH_TOKEN}' },
        timeoutSeconds: 300,
        startTimeoutSeconds: 60,
        maxConcurrent: 16,
        maxResponseBytes: 10_485_760,
        maxResponseValues: 250_000,
        folder: '/etc/flow',
        trusted: false,
        disabled: false,
      },
    });
  });

  test('keeps command and cwd as they were written, with the folder that relative ones begin in', () => {
    const { catalog } = read(
      '{"mcpServers": {"a": {"command": "./bin/a"}, "b": {"command": "../b", "cwd": "work"}, "c": {"command": "node"}}}',
    );
    const where = [...catalog.servers.values()].map((each) =>
      each.kind === 'stdio' ? [each.command, each.cwd, each.folder] : [],
    );
    expect(where).toEqual([
      ['./bin/a', '.', '/etc/flow'],
      ['../b', 'work', '/etc/flow'],
      ['node', '.', '/etc/flow'],
    ]);
  });

  test('the additive keys are read', () => {
    const { catalog, issues } = read(
      JSON.stringify({
        mcpServers: {
          a: {
            command: 'x',
            timeout_seconds: 1,
            start_timeout_seconds: 2,
            max_concurrent: 3,
            max_response_bytes: 4096,
            rate_per_minute: 5,
            circuit_breaker: { failures: 6, reset_seconds: 7 },
            trusted: true,
            disabled: true,
            protocol: 'auto',
            type: 'stdio',
          },
        },
      }),
    );
    expect(issues).toEqual([]);
    expect(catalog.servers.get('a')).toMatchObject({
      timeoutSeconds: 1,
      startTimeoutSeconds: 2,
      maxConcurrent: 3,
      maxResponseBytes: 4096,
      ratePerMinute: 5,
      circuitBreaker: { failures: 6, resetSeconds: 7 },
      trusted: true,
      disabled: true,
      protocol: 'auto',
    });
  });

  test('keys of hosts that mean nothing here are a warning with a suggestion, the server is kept', () => {
    const text = '{"mcpServers": {\n  "a": {"command": "x",\n    "alwaysAllow": [],\n    "timout_seconds": 3}}}';
    expect(brief(text)).toEqual([
      {
        severity: 'warning',
        code: 'unknown_key',
        at: '3:5',
        message: "server 'a': key 'alwaysAllow' is not used here",
      },
      {
        severity: 'warning',
        code: 'unknown_key',
        at: '4:5',
        message: "server 'a': key 'timout_seconds' is not used here",
        hint: "did you mean 'timeout_seconds'?",
      },
    ]);
    expect(read(text).catalog.servers.size).toBe(1);
  });

  test.each([
    ['neither command nor url', '{"mcpServers": {"a": {}}}', 'invalid_server', '1:17'],
    ['both', '{"mcpServers": {"a": {"command": "x", "url": "http://x"}}}', 'invalid_server', '1:17'],
    [
      'a header name with a space',
      '{"mcpServers": {"a": {"url": "http://x", "headers": {"X Bad": "1"}}}}',
      'invalid_value',
      '1:54',
    ],
    [
      'a header value of two lines',
      '{"mcpServers": {"a": {"url": "http://x", "headers": {"X": "1\\nY: 2"}}}}',
      'invalid_value',
      '1:54',
    ],
    ['a variable name with =', '{"mcpServers": {"a": {"command": "x", "env": {"A=B": "1"}}}}', 'invalid_value', '1:47'],
    ['a bad URL', '{"mcpServers": {"a": {"url": "ftp://x"}}}', 'invalid_url', '1:23'],
    ['a value of a wrong type', '{"mcpServers": {"a": {"command": "x",\n "args": [1]}}}', 'invalid_value', '2:11'],
    ['a number out of range', '{"mcpServers": {"a": {"command": "x",\n "max_concurrent": 0}}}', 'invalid_value', '2:2'],
    ['a server that is no object', '{"mcpServers": {"a": 1}}', 'invalid_server', '1:17'],
    ['a name that reaches a prototype', '{"mcpServers": {"constructor": {"command": "x"}}}', 'forbidden_name', '1:17'],
    ['no mcpServers', '{"servres": {}}', 'no_servers', '1:1'],
    ['nothing', '', 'no_servers', '1:1'],
    ['a list', '[]', 'no_servers', '1:1'],
    ['text that is not JSON', '{"mcpServers": {\n  "a": {]', 'syntax', '2:9'],
    ['a key twice', '{"mcpServers": {"a": {"command": "x"},\n "a": {"command": "y"}}}', 'duplicate_key', '2:2'],
  ])('%s is one error with its position', (_, text, code, at) => {
    expect(brief(text)[0]).toMatchObject({ severity: 'error', code, at });
  });

  test('an entry with the SSE transport, as files of hosts have it, is a warning and left out', () => {
    const text = '{"mcpServers": {"a": {"type": "sse", "url": "http://x"}, "b": {"command": "x"}}}';
    expect(brief(text)).toMatchObject([{ severity: 'warning', code: 'unsupported_transport', at: '1:23' }]);
    expect([...read(text).catalog.servers.keys()]).toEqual(['b']);
  });

  test('what is wrong with the text of a JSON file is said in the words of JSON, once', () => {
    const problems = read('{"mcpServers": {\n  "a": {"command": "x"} "b": {}\n}}').issues;
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({ code: 'syntax', line: 2 });
    expect(problems[0]?.message).not.toMatch(/map|collection|indent/iu);
  });

  test('one bad entry does not cost the others', () => {
    const { catalog } = read('{"mcpServers": {"a": {"command": 1}, "b": {"command": "x"}}}');
    expect([...catalog.servers.keys()]).toEqual(['b']);
  });

  test('aliases cannot blow it up', () => {
    const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nmcpServers: {s: {command: x, args: *c}}`;
    expect(read(bomb).issues.some((issue) => issue.severity === 'error')).toBe(true);
  });
});
