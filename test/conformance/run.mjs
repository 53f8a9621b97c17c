/**
 * Runs the official conformance suite against the built server, with the workflows in ./definitions as its fixtures.
 *
 *   node test/conformance/run.mjs [--suite DIR] [--node FILE] [--only SCENARIO] [--verbose]
 *
 * The suite needs Node.js >= 22. `--suite` names the installed package @modelcontextprotocol/conformance, `--node` the newer Node; the
 * environment variables CONFORMANCE_SUITE and CONFORMANCE_NODE do the same. What cannot pass stands in expected-failures.yaml with a
 * reason each; an entry that passes is an error too. Exit code 0 = everything as expected.
 */
import { spawn } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '..', '..');

const { values: options } = parseArgs({
  options: {
    suite: { type: 'string', default: process.env['CONFORMANCE_SUITE'] },
    node: { type: 'string', default: process.env['CONFORMANCE_NODE'] ?? process.execPath },
    only: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

/** Scenario lists by the way the suite is to be started; each leg speaks the generation of its revision. */
const TASKS = [
  'tasks-lifecycle',
  'tasks-capability-negotiation',
  'tasks-wire-fields',
  'tasks-request-state-removal',
  'tasks-mrtr-input',
  'tasks-request-headers',
  'tasks-dispatch-and-envelope',
  'tasks-status-notifications',
  'tasks-required-task-error',
  'tasks-mrtr-composition',
];

const suite = options.suite ?? fail('name the installed suite: --suite DIR or CONFORMANCE_SUITE');
const entry = join(suite, 'dist', 'index.js');
const work = await mkdtemp(join(tmpdir(), 'mcp-workflow-conformance-'));
const server = await start(work);
try {
  const expected = parse(await readFile(join(here, 'expected-failures.yaml'), 'utf8'));
  const rows = [];
  for (const revision of ['2025-11-25', '2026-07-28']) {
    const requirements = parse(await readFile(join(suite, 'requirements', `${revision}.yaml`), 'utf8'));
    const unscored = requirements.not_scored.filter((one) => one.leg === 'server').map((one) => one.scenario);
    const scenarios = [...requirements.server, ...unscored.filter((name) => !TASKS.includes(name))];
    for (const scenario of scenarios) rows.push({ revision, scenario });
  }
  // An extension has no place in the revisions: with a revision named, the suite would skip it.
  for (const scenario of TASKS) rows.push({ revision: 'extension', scenario });
  let wrong = 0;
  for (const { revision, scenario } of rows) {
    if (options.only !== undefined && scenario !== options.only) continue;
    const { passed, text } = await run(revision, scenario, server.url);
    const reason = expected[revision]?.[scenario];
    const ok = passed === (reason === undefined);
    if (!ok) wrong += 1;
    const warned = /[1-9]\d* warnings/u.exec(text)?.[0];
    const passes = warned === undefined ? 'pass' : `pass, ${warned}`;
    const verdict = ok ? (passed ? passes : 'expected failure') : passed ? 'PASSES, but is expected to fail' : 'FAIL';
    console.log(`${revision.padEnd(10)}  ${scenario.padEnd(48)} ${verdict}${ok && !passed ? `: ${reason}` : ''}`);
    if (!ok || options.verbose) console.log(text.replace(/^/gm, '    '));
  }
  console.log(wrong === 0 ? 'all as expected' : `${wrong} not as expected`);
  process.exitCode = wrong === 0 ? 0 : 1;
} finally {
  await server.stop();
  await rm(work, { recursive: true, force: true });
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

function run(revision, scenario, url) {
  return new Promise((resolve) => {
    const args = [entry, 'server', '--url', url, '--scenario', scenario];
    if (revision !== 'extension') args.push('--spec-version', revision);
    const child = spawn(options.node, args, { cwd: work, stdio: ['ignore', 'pipe', 'pipe'] });
    let text = '';
    child.stdout.on('data', (chunk) => (text += chunk));
    child.stderr.on('data', (chunk) => (text += chunk));
    // The exit code of a scenario that was skipped is 0 too: only checks that ran and passed count.
    child.on('exit', (code) => resolve({ passed: code === 0 && /Passed: ([1-9]\d*)\/\1, 0 failed/u.test(text), text }));
  });
}

function fail(message) {
  console.error(message);
  process.exit(2);
}
