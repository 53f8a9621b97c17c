import type { Command } from 'commander';
import { addSettings, configOf } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit.ts';
import { printJson } from './present.ts';
import { plainLine } from './terminal.ts';

/** `mcp-workflow validate`: every issue of every file in one go. Starts nothing and needs no store. Exit 1 on an error. */
export function addValidate(program: Command, context: CliContext): void {
  const command = program
    .command('validate')
    .description('check definitions: every issue with file, line, column, code and hint')
    .argument('[FILE|DIR...]', 'what to check instead of the definitions folder')
    .option('--json', 'print one JSON document and nothing else');
  addSettings(command, ['definitions', 'servers']);
  command.action(async (paths: readonly string[], flags: { readonly json?: true }) => {
    const config = configOf(command, context);
    const cwd = context.cwd ?? process.cwd();
    const [{ shown, validatePaths }, { issueText }] = await Promise.all([
      import('./validation.ts'),
      import('../definition/registry.ts'),
    ]);
    const chosen = paths.length === 0 ? [shown(config.definitions, cwd)] : paths;
    const { loaded: _loaded, ...validation } = await validatePaths(chosen, config, cwd);
    const errors = validation.issues.filter((issue) => issue.severity === 'error').length;
    const warnings = validation.issues.length - errors;
    if (flags.json === true) printJson(context.terminal, { ...validation, errors, warnings });
    else {
      for (const issue of validation.issues) {
        const mark = issue.severity === 'warning' ? ' [warning]' : '';
        context.terminal.out.write(`${plainLine(issueText(issue))}${mark}\n`);
      }
      context.terminal.out.write(
        `${counted(validation.files, 'file')}, ${counted(validation.workflows.length, 'workflow')}, ${counted(errors, 'error')}, ${counted(warnings, 'warning')}\n`,
      );
    }
    context.exitCode = errors > 0 ? EXIT.failed : EXIT.done;
  });
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
