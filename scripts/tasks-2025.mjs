/**
 * Holds any server of MCP 2025-11-25 to the requirements of the tasks page:
 *
 *  npm run test:tasks-2025 -- --url http://127.0.0.1:3000/mcp [--header 'authorization: Bearer …'] [--stranger-header
 *   '…'] --tools tools.json
 *   npm run test:tasks-2025 -- --tools tools.json --command node server.js
 *
 * `tools.json` says what the server's tools of each kind are called (`Subject.tools` in
 * test/e2e/tasks-2025-scenarios.ts); a scenario whose tool is not named is skipped. Without it, the names of our own
 * test workflows. `--only TEXT`: scenarios whose name has it. Exit code 0 = none failed.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const args = process.argv.slice(2);
const at = args.indexOf('--command');
const command = at < 0 ? undefined : args.slice(at + 1);
const { values } = parseArgs({
  args: at < 0 ? args : args.slice(0, at),
  options: {
    url: { type: 'string' },
    header: { type: 'string', multiple: true, default: [] },
    'stranger-header': { type: 'string', multiple: true },
    tools: { type: 'string', default: fileURLToPath(new URL('../test/e2e/tasks-2025-tools.json', import.meta.url)) },
    only: { type: 'string' },
  },
});
if ((values.url === undefined) === (command === undefined || command.length === 0)) {
  process.stderr.write('either --url URL or --command COMMAND [ARGUMENTS]\n');
  process.exit(2);
}

const headers = (lines) => Object.fromEntries(lines.map((line) => line.split(/:\s*/u, 2)));
const plan = {
  url: values.url,
  command,
  headers: headers(values.header),
  strangerHeaders: values['stranger-header'] === undefined ? undefined : headers(values['stranger-header']),
  tools: JSON.parse(readFileSync(values.tools, 'utf8')),
};
const vitest = fileURLToPath(new URL('../node_modules/vitest/vitest.mjs', import.meta.url));
const config = fileURLToPath(new URL('../test/e2e/tasks-2025-subject.config.ts', import.meta.url));
const filter = values.only === undefined ? [] : ['-t', values.only];
const { status } = spawnSync(process.execPath, [vitest, 'run', '--config', config, ...filter], {
  stdio: 'inherit',
  env: { ...process.env, TASKS_2025_SUBJECT: JSON.stringify(plan) },
});
process.exit(status ?? 1);
