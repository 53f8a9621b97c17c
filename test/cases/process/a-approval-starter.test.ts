import { existsSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { openEngine, openServers } from '../../../src/compose.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { newCaseFolder, type CaseFolder } from '../../support/case-folder.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const VERBATIM = fileURLToPath(new URL('../../support/servers/verbatim.mjs', import.meta.url));

let folder: CaseFolder;
let ledger = '';

beforeAll(async () => {
  folder = await newCaseFolder({});
  ledger = join(folder.path, 'ledger.jsonl');
  const script = join(folder.path, 'script.json');
  const answers = { go: { result: { content: [{ type: 'text', text: 'gone' }] } } };
  await writeFile(script, JSON.stringify({ tools: [{ name: 'go', inputSchema: { type: 'object' } }], answers }));
  const server = { command: process.execPath, args: [VERBATIM, script], env: { LEDGER: ledger } };
  await writeFile(join(folder.path, 'servers.json'), JSON.stringify({ mcpServers: { verbatim: server } }));
  const { code, terminal } = await cli('new gate --kind approval --server verbatim --tool go --yes');
  if (code !== 0) throw new Error(terminal.stderr);
});
afterAll(() => folder.remove());

/** A command in the folder, on a terminal where a person types these lines and then leaves. */
async function cli(args: string, ...typed: readonly (string | undefined)[]) {
  const terminal = new FakeTerminal(true);
  terminal.typed.push(...typed, undefined, undefined);
  const code = await runCli(args.split(' '), '0', {
    terminal,
    clock: systemClock,
    openEngine,
    openServers,
    environment: {},
    cwd: folder.path,
    exitCode: 0,
  });
  return { code, terminal };
}

function calls(): number {
  return existsSync(ledger) ? readFileSync(ledger, 'utf8').trimEnd().split('\n').length : 0;
}

describe('the approval that the wizard writes', () => {
  it.each([
    ['Enter', ['']],
    ['Enter twice', ['', '']],
    ['no', ['no']],
    ['n', ['n', '']],
    ['No!', ['No!', '']],
    ['a refusal in words', ['rather not', '']],
    ['reject', ['reject', '']],
    ['nothing: the person leaves', []],
    ['the word that declines', ['!decline']],
  ])('A8: does not call the tool for what is no yes: %s', async (_, typed) => {
    const before = calls();
    const { terminal } = await cli('run gate', ...typed);
    expect(terminal.asked).not.toEqual([]);
    expect(calls() - before).toBe(0);
  });

  it('A8: calls the tool once for a yes', async () => {
    const before = calls();
    // The second line is for a form that asks for a decision by name, and is a comment to any other.
    const { code } = await cli('run gate', 'yes', 'approve', '', '');
    expect(code).toBe(0);
    expect(calls() - before).toBe(1);
  });

  it('A8: passes its own tests and is valid without a warning', async () => {
    expect(await cli('test definitions/gate.yaml')).toMatchObject({ code: 0 });
    const { code, terminal } = await cli('validate definitions/gate.yaml');
    expect([code, terminal.stdout]).toEqual([0, expect.stringContaining('0 errors, 0 warnings')]);
  });
});
