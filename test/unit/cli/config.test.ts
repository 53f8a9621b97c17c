import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ConfigError, loadConfig } from '../../../src/config.ts';
import type { Environment, Flags } from '../../../src/config.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mcp-workflow-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeFile(content: unknown, name = 'mcp-workflow.json'): void {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
}

function load(flags: Flags = {}, environment: Environment = {}) {
  return loadConfig(flags, environment, folder);
}

function problems(flags: Flags = {}, environment: Environment = {}): readonly string[] {
  try {
    load(flags, environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('precedence', () => {
  test('nothing given: the defaults of the contract', () => {
    expect(load()).toMatchObject({
      definitions: join(folder, 'definitions'),
      servers: join(folder, 'servers.json'),
      serversGiven: false,
      data: join(folder, 'data'),
      transports: { stdio: false, http: { host: '127.0.0.1', port: 3000 } },
      inlineWaitMs: 45_000,
      logLevel: 'info',
    });
  });

  test('flag beats environment beats file', () => {
    writeFile({ log_level: 'debug', data: 'from-file', definitions: 'from-file' });
    const environment = { MCP_WORKFLOW_LOG_LEVEL: 'warn', MCP_WORKFLOW_DATA: 'from-env' };
    const config = load({ log_level: 'error' }, environment);
    expect(config.logLevel).toBe('error');
    expect(config.data).toBe(join(folder, 'from-env'));
    expect(config.definitions).toBe(join(folder, 'from-file'));
  });

  test('an empty environment variable counts as not set', () => {
    expect(load({}, { MCP_WORKFLOW_LOG_LEVEL: '' }).logLevel).toBe('info');
  });

  test('paths of the file are relative to the file, those of flags to the current folder', () => {
    writeFile({ data: 'd' });
    const config = loadConfig({ config: join(folder, 'mcp-workflow.json'), servers: 's.json' }, {}, '/elsewhere');
    expect(config.data).toBe(join(folder, 'd'));
    expect(config.servers).toBe('/elsewhere/s.json');
    expect(config.serversGiven).toBe(true);
  });

  test('the result is frozen through and through', () => {
    const config = load();
    expect(Object.isFrozen(config) && Object.isFrozen(config.transports) && Object.isFrozen(config.limits)).toBe(true);
  });
});

describe('transports', () => {
  test('--stdio means stdio alone, whatever the environment says about HTTP', () => {
    expect(load({ stdio: true }, { MCP_WORKFLOW_HTTP: '4000' }).transports).toEqual({ stdio: true });
  });

  test('--http beats an environment that says stdio', () => {
    expect(load({ http: '4000' }, { MCP_WORKFLOW_STDIO: 'true' }).transports).toEqual({
      stdio: false,
      http: { host: '127.0.0.1', port: 4000 },
    });
  });

  test('both on the command line: both are served', () => {
    expect(load({ http: '4000', stdio: true }).transports).toEqual({
      stdio: true,
      http: { host: '127.0.0.1', port: 4000 },
    });
  });

  test('stdio switched off in the environment leaves the default', () => {
    expect(load({}, { MCP_WORKFLOW_STDIO: 'false' }).transports).toEqual({
      stdio: false,
      http: { host: '127.0.0.1', port: 3000 },
    });
  });

  test.each([
    ['8080', '127.0.0.1', 8080],
    ['0', '127.0.0.1', 0],
    ['0.0.0.0:8080', '0.0.0.0', 8080],
    ['localhost:1', 'localhost', 1],
    ['[::1]:65535', '::1', 65_535],
  ])('address %s', (text, host, port) => {
    expect(load({ http: text }).transports.http).toEqual({ host, port });
  });

  test.each(['', 'x', '1.2.3.4', ':80', '65536', '::1:80', '80 80', '-1'])('address %j is refused', (text) => {
    expect(problems({ http: text })).toEqual([expect.stringContaining('flag --http: expected [HOST:]PORT')]);
  });
});

describe('wrong values', () => {
  test('every problem is reported at once, each with its place', () => {
    writeFile({ compact: 'maybe', max_open_tasks: 0 });
    expect(problems({ log_level: 'loud' }, { MCP_WORKFLOW_INLINE_WAIT_MS: '1.5' })).toEqual(
      [
        'flag --log-level: expected one of debug, info, warn, error, silent, found "loud"',
        'environment variable MCP_WORKFLOW_INLINE_WAIT_MS: expected a whole number of milliseconds, from 0 to 86400000, found "1.5"',
        `${join(folder, 'mcp-workflow.json')}: "compact": expected true or false, found "maybe"`,
        `${join(folder, 'mcp-workflow.json')}: "max_open_tasks": expected a whole number of tasks, at least 1, found 0`,
      ].toSorted((a, b) => order(a) - order(b)),
    );
  });

  test('an unknown key of the file is an error that names the likely one', () => {
    writeFile({ log_levle: 'info' });
    expect(problems()).toEqual([expect.stringContaining('did you mean "log_level"?')]);
  });

  test('an unknown variable with our prefix is a warning, since others may use the prefix', () => {
    expect(load({}, { MCP_WORKFLOW_LOG_LEVLE: 'x' }).warnings).toEqual([
      'environment variable MCP_WORKFLOW_LOG_LEVLE is not a setting; did you mean "MCP_WORKFLOW_LOG_LEVEL"?',
    ]);
  });

  test('a file that is not JSON, not an object or not there is an error with its path', () => {
    writeFile('{', 'broken.json');
    writeFile('[]', 'list.json');
    expect(problems({ config: 'broken.json' })).toEqual([expect.stringContaining('broken.json: not JSON')]);
    expect(problems({ config: 'list.json' })).toEqual([expect.stringContaining('expected a JSON object')]);
    expect(problems({}, { MCP_WORKFLOW_CONFIG: 'none.json' })).toEqual([expect.stringContaining('cannot be read')]);
  });

  test('a byte order mark is no part of the file, and reading stops at a mebibyte, so that a device ends too', () => {
    writeFileSync(join(folder, 'marked.json'), '\uFEFF{"log_level":"debug"}');
    expect(load({ config: 'marked.json' }).logLevel).toBe('debug');
    writeFileSync(join(folder, 'full.json'), '{}'.padEnd(1_048_576));
    expect(load({ config: 'full.json' }).logLevel).toBe('info');
    writeFileSync(join(folder, 'over.json'), '{}'.padEnd(1_048_577));
    expect(problems({ config: 'over.json' })).toEqual([expect.stringContaining('larger than 1 MiB')]);
    expect(problems({ config: '/dev/zero' })).toEqual([expect.stringContaining('larger than 1 MiB')]);
  });

  test('a default ttl above the maximum is refused', () => {
    expect(problems({ ttl_default_ms: '5000', ttl_max_ms: '4000' })).toEqual([
      expect.stringContaining('ttl_default_ms'),
    ]);
  });
});

test('--expose separates names from tags', () => {
  expect(load({ expose: 'daily_site_check, tag:reports' }).expose).toEqual({
    names: ['daily_site_check'],
    tags: ['reports'],
  });
  expect(load()).not.toHaveProperty('expose');
});

describe('tokens', () => {
  const token = 'abcdefghijklmnop';

  test('text of the environment and object of the file read the same', () => {
    const expected = [{ name: 'alice', token }];
    expect(load({}, { MCP_WORKFLOW_TOKENS: `alice=${token}` }).tokens).toEqual(expected);
    writeFile({ tokens: { alice: token } });
    expect(load().tokens).toEqual(expected);
  });

  test('a wrong one is refused without being shown', () => {
    const [problem] = problems({}, { MCP_WORKFLOW_TOKENS: 'alice=secret' });
    expect(problem).toContain('MCP_WORKFLOW_TOKENS: expected name=token');
    expect(problem).not.toContain('secret');
  });

  test('nobody can call himself local: that is the principal of those who are not asked', () => {
    expect(problems({}, { MCP_WORKFLOW_TOKENS: `local=${token}` })).toHaveLength(1);
  });
});

/** Problems come in the order of the settings table, not of the sources. */
function order(problem: string): number {
  return ['log-level', 'INLINE', 'compact', 'max_open'].findIndex((part) => problem.includes(part));
}
