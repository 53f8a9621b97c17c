/**
 * Runs the official conformance suite against the built server, with the workflows in ./definitions as its fixtures:
 * every server scenario of both revisions, scored or not, and those of the Tasks extension.
 *
 *   npm run build && npm run test:conformance [-- --only SCENARIO] [--verbose] [--suite DIR] [--node FILE]
 *
 * The suite needs Node.js >= 22; an older one gets it through npx. What cannot pass stands in expected-failures.yaml
 * with a reason each; an entry that passes, or names no scenario, is an error too. Exit code 0 = something ran, and
 * everything as expected.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { newerNode } from '../support/newer-node.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string', default: join(root, 'node_modules', '@modelcontextprotocol', 'conformance') },
    node: { type: 'string' },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

/** Longer than the slowest scenario by far. */
const SCENARIO_MS = 120_000;
const REVISIONS = ['2025-11-25', '2026-07-28'];

const entry = join(options.suite, 'dist', 'index.js');
const node = options.node ?? newerNode();
const expected = parse(await readFile(join(here, 'expected-failures.yaml'), 'utf8')) ?? {};
const rows = await scenarios();
const unknown = Object.entries(expected).flatMap(([leg, entries]) =>
  Object.keys(entries).filter((name) => !rows.some((row) => row.leg === leg && row.scenario === name)),
);
if (unknown.length > 0) fail(`expected-failures.yaml names what does not run: ${unknown.join(', ')}`);
const chosen = rows.filter(({ scenario }) => options.only === undefined || scenario === options.only);
if (chosen.length === 0) fail('no scenario to run');
const work = await mkdtemp(join(tmpdir(), 'mcp-workflow-conformance-'));
const server = await start(work);
try {
  let wrong = 0;
  for (const { leg, scenario } of chosen) {
    const { passed, text } = await run(leg, scenario, server.url);
    const reason = expected[leg]?.[scenario];
    const ok = passed === (reason === undefined);
    if (!ok) wrong += 1;
    const warned = /[1-9]\d* warnings/u.exec(text)?.[0];
    const passes = warned === undefined ? 'pass' : `pass, ${warned}`;
    const verdict = ok ? (passed ? passes : 'expected failure') : passed ? 'PASSES, but is expected to fail' : 'FAIL';
    console.log(`${leg.padEnd(10)}  ${scenario.padEnd(48)} ${verdict}${ok && !passed ? `: ${reason}` : ''}`);
    if (!ok || options.verbose) console.log(text.replace(/^/gm, '    '));
  }
  console.log(`${chosen.length} scenarios, ${wrong === 0 ? 'all as expected' : `${wrong} not as expected`}`);
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  await server.stop();
  await rm(work, { recursive: true, force: true });
}

/** Every server scenario of the revisions and of the Tasks extension. */
async function scenarios() {
  const found = [];
  for (const revision of REVISIONS) {
    const file = join(options.suite, 'requirements', `${revision}.yaml`);
    const requirements = parse(await readFile(file, 'utf8'));
    const unscored = requirements.not_scored.filter((one) => one.leg === 'server');
    const extra = unscored.filter((one) => one.reason !== 'extension').map((one) => one.scenario);
    for (const scenario of [...requirements.server, ...extra]) found.push({ leg: revision, scenario });
    for (const { reason, scenario } of unscored) {
      // An extension has no place in the revisions: with a revision named, the suite would skip it.
      if (reason === 'extension') found.push({ leg: 'extension', scenario });
    }
  }
  return found;
}

/** The built server on a copy of the fixtures, which one of them changes. */
async function start(folder) {
  const definitions = join(folder, 'definitions');
  await cp(join(here, 'definitions'), definitions, { recursive: true });
  const files = createRequire(import.meta.url).resolve('@modelcontextprotocol/server-filesystem/dist/index.js');
  const servers = { definitions: { command: process.execPath, args: [files, definitions] } };
  await writeFile(join(folder, 'servers.json'), JSON.stringify({ mcpServers: servers }));
  const where = { http: '127.0.0.1:0', definitions, servers: join(folder, 'servers.json'), data: join(folder, 'data') };
  const flags = Object.entries(where).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(process.execPath, [join(root, 'dist', 'cli.js'), 'serve', ...flags], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let log = '';
  const url = await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/u.exec(log);
      if (found !== null) resolve(`${found[0]}/mcp`);
    });
    child.on('exit', (code) => reject(new Error(`the server ended with ${code}:\n${log}`)));
  });
  return {
    url,
    stop: () =>
      new Promise((resolve) => {
        child.removeAllListeners('exit').once('exit', resolve);
        child.kill('SIGTERM');
        if (options.verbose) console.log(log);
      }),
  };
}

function run(leg, scenario, url) {
  return new Promise((resolve) => {
    const args = [entry, 'server', '--url', url, '--scenario', scenario];
    if (leg !== 'extension') args.push('--spec-version', leg);
    const child = spawn(node, args, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'], timeout: SCENARIO_MS });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    child.on('error', (error) => resolve({ passed: false, text: String(error) }));
    // The exit code of a scenario that was skipped is 0 too: only checks that ran and passed count.
    child.on('close', (code) =>
      resolve({ passed: code === 0 && /Passed: ([1-9]\d*)\/\1, 0 failed/u.test(text), text }),
    );
  });
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
