import { readdirSync, readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../../src/cli/program.ts';
import { systemClock } from '../../../src/core/clock.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const ROOT = new URL('../../../', import.meta.url);
const DOCS = new URL('docs/', ROOT);

function page(name: string): string {
  return readFileSync(new URL(name, ROOT), 'utf8');
}

const PAGES: ReadonlyMap<string, string> = new Map(
  readdirSync(DOCS)
    .filter((file) => file.endsWith('.md'))
    .map((file) => [file, readFileSync(new URL(file, DOCS), 'utf8')]),
);

/** The part under the first heading of any page that fits, its own headings included; empty when there is none. */
function part(heading: RegExp): string {
  for (const text of PAGES.values()) {
    const lines = text.split('\n');
    const from = lines.findIndex((line) => /^#{1,3} /u.test(line) && heading.test(line));
    if (from === -1) continue;
    const depth = lines[from]?.indexOf(' ') ?? 1;
    const length = lines.slice(from + 1).findIndex((line) => /^#+ /u.test(line) && line.indexOf(' ') <= depth);
    return lines.slice(from, length === -1 ? undefined : from + 1 + length).join('\n');
  }
  return '';
}

async function helpOf(...words: readonly string[]): Promise<string> {
  const terminal = new FakeTerminal(false);
  await runCli([...words, '--help'], '0', {
    terminal,
    clock: systemClock,
    openEngine: () => Promise.reject(new Error('help opens nothing')),
    openServers: () => Promise.reject(new Error('help opens nothing')),
    environment: {},
    cwd: '/nowhere',
    exitCode: 0,
  });
  return terminal.stdout;
}

/** The names of the commands in a help text. */
function commandsIn(help: string): readonly string[] {
  const [, list = ''] = help.split('\nCommands:\n');
  return [...list.matchAll(/^ {2}(?<name>[a-z-]+)/gmu)]
    .map(({ groups }) => groups?.['name'] ?? '')
    .filter((name) => name !== 'help');
}

describe('E12: help', () => {
  let whole = '';
  beforeAll(async () => {
    whole = await helpOf();
  });

  it('E12: of every command ends with examples of it', async () => {
    const commands: string[][] = [];
    for (const name of commandsIn(whole)) {
      const inner = commandsIn(await helpOf(name));
      commands.push(...(inner.length === 0 ? [[name]] : inner.map((word) => [name, word])));
    }
    expect(commands.length).toBeGreaterThan(15);
    const lacking: string[] = [];
    for (const words of commands) {
      const [, examples = ''] = (await helpOf(...words)).split(/\nExamples?:\n/u);
      if (!examples.includes(`mcp-workflow ${words.join(' ')}`)) lacking.push(words.join(' '));
    }
    expect(lacking).toEqual([]);
  });

  it('E12: of the whole has examples, and names NO_COLOR', () => {
    const [, examples = ''] = whole.split(/\nExamples?:\n/u);
    expect(examples).toContain('mcp-workflow run ');
    expect(whole).toContain('NO_COLOR');
  });

  it('E12: the README says what a piped run prints', () => {
    const sentences = page('README.md').split(/\n\n|\n(?=[-|])/u);
    expect(
      sentences.filter(
        (text) => /pipe|no terminal|without a terminal/iu.test(text) && /\brun\b/u.test(text) && /JSON/u.test(text),
      ),
    ).not.toEqual([]);
  });
});

describe('E13: the documents', () => {
  it('E13: have a part on trouble, with what is seen and what to do', () => {
    expect(part(/troubleshoot|when something is wrong|trouble/iu)).toMatch(/\n\|.*\|.*\|\n/u);
  });

  it.each([
    ['GitHub Actions', [/`needs`/u, /`if`/u, /`uses`/u, /`depends_on`/u, /`when`/u]],
    ['n8n', [/`foreach`|`loop`/u]],
    ['Step Functions', [/`Choice`/u, /`Map`/u, /`Wait`/u, /`Retry`/u, /`switch`/u, /`foreach`/u]],
  ] as const)('E13: say what is called how for those who come from %s', (name, words) => {
    const text = part(new RegExp(`coming from.*${name}|^#+ .*from ${name}|^#+ ${name}`, 'iu')) || part(/coming from/iu);
    expect(text).toContain(name);
    for (const word of words) expect(text).toMatch(word);
  });

  it('E13: say how templates are quoted in YAML', () => {
    const text = part(/quot(?:es|ing)/iu);
    expect(text).toContain('{{');
    expect(text).toMatch(/colon|`: `|`#`/u);
  });

  it("E13: name JSONata's traps: a list of one, what is not there, and the names of steps with a hyphen", () => {
    const text = part(/JSONata/u);
    expect(text).toMatch(/list of one|single/iu);
    expect(text).toMatch(/\[\s?\]|`\[ \]`/u);
    expect(text).toMatch(/nothing|missing|not there/iu);
    expect(text).toMatch(/backtick|hyphen|`-`/iu);
  });

  it('E13: show how to poll, with a delay that grows', () => {
    const text = part(/\bpoll/iu);
    expect(text).toContain('type: loop');
    expect(text).toContain('backoff: exponential');
    expect(text).toContain('until:');
  });

  it('E13: show the default of every choice in its column of the reference', () => {
    const rows = (PAGES.get('definition-reference.md') ?? '')
      .split('\n')
      .map((line) => line.split(/(?<!\\)\|/u).map((cell) => cell.trim()))
      .filter(([, , type = '']) => /^`[^`]+`(?:, `[^`]+`)+$/u.test(type));
    expect(rows.length).toBeGreaterThan(8);
    const lacking = rows.filter(([, , , fallback = '']) => fallback === '').map(([, key = '']) => key);
    expect(lacking).toEqual([]);
  });

  it('E13: say how long the tests take', () => {
    const text = `${page('README.md')}\n${page('CONTRIBUTING.md')}`;
    const lines = text
      .split(/\n\n|\n(?=npm|[-|])/u)
      .filter((line) => /npm (?:run )?(?:ci && npm )?(?:test|check)/u.test(line));
    expect(
      lines.filter((line) =>
        /\b(?:\d+|a|one|two|three|five|ten|some|few)\b[^.\n]{0,20}\b(?:minutes?|seconds?)\b/u.test(line),
      ),
    ).not.toEqual([]);
  });
});
