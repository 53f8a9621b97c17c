// Plants known bugs, one at a time, in a copy of the source, and runs the test that has to catch each: `npm run
// test:mutants [-- --fast | ID …]`. A bug is caught when the named test fails, runs at all, and passes without the bug.
// Exit 1 when one survives.
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { MUTANTS } from './mutants-list.mjs';

/** How long a test with a bug in it waits for what may never come, and for its end: then the bug is caught. */
const PATIENCE_MS = 60_000;
const HANGS_MS = 300_000;
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const copy = mkdtempSync(join(tmpdir(), 'mcp-workflow-mutants-'));
const { values, positionals: wanted } = parseArgs({
  options: { fast: { type: 'boolean', default: false } },
  allowPositionals: true,
});
const chosen = MUTANTS.filter(({ id, slow }) => (wanted.length === 0 ? !(values.fast && slow) : wanted.includes(id)));
const COPIED = [
  'src',
  'test',
  'docs',
  'definitions',
  'scripts',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
];

for (const name of COPIED) cpSync(join(root, name), join(copy, name), { recursive: true });
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));

function build() {
  for (const project of ['tsconfig.build.json', 'src/ui/page/tsconfig.json']) {
    const { status, stdout } = spawnSync('npx', ['tsc', '-p', project, '--noCheck'], { cwd: copy, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the build failed: ${stdout}`);
  }
}

/** Whether the test passed; `undefined` when it did not run. `hasty`: whatever fails is enough, soon. */
function passes({ test, name }, hasty = false) {
  const report = join(copy, 'report.json');
  rmSync(report, { force: true });
  const pattern = name.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&').replaceAll("'", '.');
  const haste = hasty ? ['--bail=1', `--testTimeout=${HANGS_MS}`, `--hookTimeout=${HANGS_MS}`] : [];
  const env = hasty ? { ...process.env, PATIENCE_MS: String(PATIENCE_MS) } : process.env;
  const args = ['vitest', 'run', test, '-t', pattern, ...haste, '--reporter=json', `--outputFile=${report}`];
  spawnSync('npx', args, { cwd: copy, encoding: 'utf8', env, timeout: 4 * HANGS_MS });
  if (!existsSync(report)) return undefined;
  const { testResults } = JSON.parse(readFileSync(report, 'utf8'));
  const ran = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === 'passed' || status === 'failed');
  if (ran.length === 0) return undefined;
  return ran.every(({ status }) => status === 'passed');
}

const rows = [];
const sound = new Map();
try {
  if (chosen.some(({ built }) => built)) build();
  for (const mutant of chosen) {
    const began = Date.now();
    const file = join(copy, mutant.file);
    const source = readFileSync(file, 'utf8');
    let verdict;
    if (source.split(mutant.from).length !== 2) verdict = 'the place of the patch was not found once';
    else {
      const test = `${mutant.test} ${mutant.name}`;
      if (!sound.has(test)) sound.set(test, passes(mutant));
      if (sound.get(test) !== true) verdict = 'the test does not pass without the bug';
      else {
        writeFileSync(
          file,
          source.replace(mutant.from, () => mutant.to),
        );
        if (mutant.built) build();
        const passed = passes(mutant, true);
        verdict = passed === undefined ? 'the test did not run' : passed ? 'SURVIVED' : 'caught';
        writeFileSync(file, source);
        if (mutant.built) build();
      }
    }
    rows.push({ ...mutant, verdict });
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(
      `${verdict.padEnd(8)} ${mutant.guarantee.padEnd(4)} ${mutant.id.padEnd(16)} ${mutant.bug} (${seconds} s)`,
    );
    if (verdict !== 'caught') console.log(`         ${mutant.test}: ${mutant.name}`);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}
const caught = rows.filter(({ verdict }) => verdict === 'caught').length;
console.log(`\n${caught} of ${rows.length} planted bugs caught`);
process.exitCode = caught === rows.length ? 0 : 1;
