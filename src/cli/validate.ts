import type { Command } from 'commander';
import type { KnownServers } from '../definition/known-tools.ts';
import type { Issue } from '../definition/model.ts';
import { addSettings, configOf } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit.ts';
import { printJson } from './present.ts';
import { plainLine } from './terminal.ts';
import { shownPath } from './shown-path.ts';

/**
 * `mcp-workflow validate`: every issue of every file in one go. Needs no store, and starts nothing but, with
 * `--connect`, the servers that the definitions name, to ask for their tools. Exit 1 on an error, an unreachable server
 * among them.
 */
export function addValidate(program: Command, context: CliContext): void {
  const command = program
    .command('validate')
    .description('check definitions: every issue with file, line, column, code and hint')
    .argument('[FILE|DIR...]', 'what to check instead of the definitions folder')
    .option('--connect', 'ask the servers that the definitions name for their tools, and check the calls')
    .option('--json', 'print one JSON document and nothing else');
  addSettings(command, ['definitions', 'servers', 'models', 'data']);
  command.action(async (paths: readonly string[], flags: { readonly json?: true; readonly connect?: true }) => {
    const config = configOf(command, context);
    const cwd = context.cwd ?? process.cwd();
    const [
      { readModelsFile, readServers, readSources, serversNamed, validateSources },
      { askServers, rememberedTools },
    ] = await Promise.all([import('./validation.ts'), import('./connected-tools.ts')]);
    const { issueText } = await import('../definition/registry.ts');
    const chosen = paths.length === 0 ? [shownPath(config.definitions, cwd)] : paths;
    const [servers, sources] = [await readServers(config, cwd), await readSources(chosen, config, cwd)];
    const models = await readModelsFile(config, cwd);
    const asked =
      flags.connect === true
        ? await askServers(serversNamed(sources), servers, config, context)
        : { known: await rememberedTools(config, context), issues: [] };
    const checked = await validateSources(sources, { servers, models }, config, cwd, asked.known);
    const { loaded: _loaded, ...validation } = { ...checked, issues: [...asked.issues, ...checked.issues] };
    const errors = validation.issues.filter((issue) => issue.severity === 'error').length;
    const warnings = validation.issues.length - errors;
    const connected = flags.connect === true ? toolCounts(asked.known) : undefined;
    if (flags.json === true) {
      printJson(context.terminal, {
        ...validation,
        ...(connected === undefined ? {} : { connected }),
        errors,
        warnings,
      });
    } else {
      for (const issue of validation.issues) context.terminal.out.write(issueLine(issue, issueText));
      const asking =
        connected === undefined
          ? ''
          : `, ${counted(connected.servers, 'server')} with ${counted(connected.tools, 'tool')} asked`;
      context.terminal.out.write(
        `${counted(validation.files, 'file')}, ${counted(validation.workflows.length, 'workflow')}${asking}, ${counted(errors, 'error')}, ${counted(warnings, 'warning')}\n`,
      );
    }
    context.exitCode = errors > 0 ? EXIT.failed : EXIT.done;
  });
}

function issueLine(issue: Issue, text: (issue: Issue) => string): string {
  return `${plainLine(text(issue))}${issue.severity === 'warning' ? ' [warning]' : ''}\n`;
}

/** Of the servers that answered now. */
function toolCounts(known: KnownServers): { readonly servers: number; readonly tools: number } {
  const answered = [...known.values()].filter(({ askedAt }) => askedAt === undefined);
  return { servers: answered.length, tools: answered.reduce((sum, { tools }) => sum + tools.size, 0) };
}

function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}
