import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { runCli } from './cli-process.ts';
import { tempDir } from './temp-dir.ts';

/** A user's folder for a few cases. */
export interface CaseFolder {
  readonly path: string;
  remove(): Promise<void>;
}

/** Writes `definitions/` (text by file name) and a servers file with these entries. */
export async function newCaseFolder(
  definitions: Readonly<Record<string, string>>,
  mcpServers: Readonly<Record<string, object>> = {},
): Promise<CaseFolder> {
  const folder = await tempDir();
  await mkdir(join(folder.path, 'definitions'));
  await writeFile(join(folder.path, 'servers.json'), JSON.stringify({ mcpServers }));
  for (const [file, text] of Object.entries(definitions)) {
    const target = join(folder.path, 'definitions', file);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text);
  }
  return folder;
}

/** One finding of `validate --json`. */
export interface Found {
  readonly severity: 'error' | 'warning';
  readonly file: string;
  readonly line: number;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
}

/** What `validate` says of a folder's definitions, by the name of the file. */
export async function validated(
  { path }: CaseFolder,
  args: readonly string[] = ['definitions'],
): Promise<(file: string) => readonly Found[]> {
  const { stdout, stderr } = await runCli(['validate', '--json', ...args], path);
  if (stdout === '') throw new Error(stderr);
  // The members of the document are a contract.
  const { issues } = JSON.parse(stdout) as { readonly issues: readonly Found[] };
  return (file) => issues.filter((issue) => issue.file === join('definitions', file));
}
