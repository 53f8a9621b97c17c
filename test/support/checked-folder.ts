import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runCli } from './cli-process.ts';
import { tempDir } from './temp-dir.ts';

/** What the built `validate --json` says of one place. */
export interface FoundIssue {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly severity: 'error' | 'warning';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly path?: string;
}

/** What the built `test --json` says of one definition. */
export interface TestedWorkflow {
  readonly tests: readonly { readonly name: string; readonly passed: boolean; readonly problems: readonly string[] }[];
  readonly coverage: Record<'steps' | 'branches', { readonly missing: readonly string[] }>;
}

/** Texts of definitions without their first line, by name. */
export type Definitions = Readonly<Record<string, string>>;

/** Runs `validate` once over all of them; the result gives what it said of one of them. */
export async function validateFolder(definitions: Definitions): Promise<(name: string) => readonly FoundIssue[]> {
  const { issues } = (await inFolder(definitions, 'validate')) as { readonly issues: readonly FoundIssue[] };
  return (name) => issues.filter(({ file }) => file === fileOf(name));
}

/** Runs `test` once over all of them; the result gives how one of them went, and throws for one that has an error. */
export async function testFolder(definitions: Definitions): Promise<(name: string) => TestedWorkflow> {
  const report = (await inFolder(definitions, 'test')) as {
    readonly workflows: readonly (TestedWorkflow & { readonly workflow: string })[];
    readonly issues: readonly FoundIssue[];
  };
  return (name) => {
    const found = report.workflows.find(({ workflow }) => workflow === name);
    if (found !== undefined) return found;
    throw new Error(issueLines(report.issues.filter(({ file }) => file === fileOf(name))));
  };
}

/** Issues as one text, a line each. */
export function issueLines(issues: readonly FoundIssue[]): string {
  return issues
    .map(
      ({ line, column, severity, code, message, hint }) =>
        `${line}:${column} ${severity} ${code} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    )
    .join('\n');
}

function fileOf(name: string): string {
  return join('definitions', `${name}.yaml`);
}

async function inFolder(definitions: Definitions, command: string): Promise<unknown> {
  const folder = await tempDir();
  try {
    await mkdir(join(folder.path, 'definitions'));
    for (const [name, text] of Object.entries(definitions)) {
      await writeFile(join(folder.path, fileOf(name)), `name: ${name}\n${text}`);
    }
    const { stdout, stderr } = await runCli([command, '--json'], folder.path);
    if (stdout === '') throw new Error(stderr);
    return JSON.parse(stdout) as unknown;
  } finally {
    await folder.remove();
  }
}
