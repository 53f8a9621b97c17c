import { existsSync, readFileSync } from 'node:fs';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runCli } from '../../support/cli-process.ts';
import { tempDir } from '../../support/temp-dir.ts';

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  folder = await tempDir();
  await mkdir(join(folder.path, 'definitions'));
  await cp(join(ROOT, 'servers.json'), join(folder.path, 'servers.json'));
  await symlink(join(ROOT, 'node_modules'), join(folder.path, 'node_modules'));
});
afterEach(() => folder.remove());

function block(language: string): string {
  const text = new RegExp(`^\`\`\`${language}\\n(?<text>[\\s\\S]*?)^\`\`\`$`, 'm').exec(readme)?.groups?.['text'];
  if (text === undefined) throw new Error(`no ${language} block in README.md`);
  return text;
}

test('the first workflow of the README validates and runs, and prints what the README shows', async () => {
  await writeFile(join(folder.path, 'definitions/greet.yaml'), block('yaml'));
  const checked = await runCli(['validate', 'definitions/greet.yaml'], folder.path);
  expect(checked.code).toBe(0);
  expect(readme).toContain(`$ mcp-workflow validate definitions/greet.yaml\n${checked.stdout}`);
  const ran = await runCli(['run', 'greet', '--set', 'who=Ann'], folder.path);
  expect(ran.code).toBe(0);
  const { output } = JSON.parse(ran.stdout) as { output: unknown };
  expect(readme).toContain(`\n${JSON.stringify(output, undefined, 2)}\n`);
});

test('every link inside the README and the documents leads to a file', () => {
  const pages = [
    'README.md',
    'CONTRIBUTING.md',
    'docs/architecture.md',
    'docs/operations.md',
    'docs/decisions/0006-dependencies.md',
  ];
  const broken = pages.flatMap((page) =>
    [...readFileSync(join(ROOT, page), 'utf8').matchAll(/\]\((?<target>[^)#:]+)\)/g)]
      .map((match) => match.groups?.['target'] ?? '')
      .filter((target) => !existsSync(resolve(ROOT, page, '..', target)))
      .map((target) => `${page}: ${target}`),
  );
  expect(broken).toEqual([]);
});
