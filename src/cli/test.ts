import type { Command } from 'commander';
import type { Issue } from '../definition/model.ts';
import type { Coverage, Covered } from '../rehearsal/coverage.ts';
import type { DefinitionTestReport } from '../rehearsal/definition-test.ts';
import { addSettings, configOf } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT } from './exit.ts';
import { printJson } from './present.ts';
import { plainLine, plainText } from './terminal.ts';
import { shownPath } from './shown-path.ts';

interface Tested extends DefinitionTestReport {
  readonly workflow: string;
  readonly file: string;
}

/**
 * `mcp-workflow test`: the `tests` of definitions, with mocked steps. Calls no server and keeps nothing. Exit 1 on a
 * failed test or an invalid file.
 */
export function addTest(program: Command, context: CliContext): void {
  const command = program
    .command('test')
    .description('run the tests of definitions: steps are mocked, nothing is called')
    .argument('[FILE|DIR...]', 'what to test instead of the definitions folder')
    .option('--json', 'print one JSON document and nothing else');
  addSettings(command, ['definitions']);
  command.action(async (paths: readonly string[], flags: { readonly json?: true }) => {
    const config = configOf(command, context);
    const cwd = context.cwd ?? process.cwd();
    const [
      { validatePaths },
      { issueText },
      { runDefinitionTests },
      { stepKinds },
      { JsonataPool },
      { useExpressionPool },
    ] = await Promise.all([
      import('./validation.ts'),
      import('../definition/registry.ts'),
      import('../rehearsal/definition-test.ts'),
      import('../steps/index.ts'),
      import('../definition/expression/jsonata-pool.ts'),
      import('../definition/expression/jsonata.ts'),
    ]);
    const chosen = paths.length === 0 ? [shownPath(config.definitions, cwd)] : paths;
    const { loaded, issues } = await validatePaths(chosen, { ...config, serversGiven: false, modelsGiven: false }, cwd);
    const errors = issues.filter((issue) => issue.severity === 'error');
    const tested: Tested[] = [];
    const schemas = new Map(loaded.map(({ definition }) => [definition.name, definition.output_schema]));
    // As a server has it: an expression that runs there runs here.
    const expressions = new JsonataPool(config.expressions);
    useExpressionPool(expressions);
    try {
      for (const { definition, file } of loaded) {
        tested.push({
          workflow: definition.name,
          file,
          ...(await runDefinitionTests(definition, stepKinds, (name) => schemas.get(name))),
        });
      }
    } finally {
      useExpressionPool(undefined);
      await expressions.close();
    }
    if (flags.json === true) printJson(context.terminal, jsonReport(tested, errors));
    else context.terminal.out.write(textReport(tested, errors.map(issueText)));
    const failed = tested.some(({ results }) => results.some(({ passed }) => !passed));
    context.exitCode = failed || errors.length > 0 ? EXIT.failed : EXIT.done;
  });
}

function jsonReport(tested: readonly Tested[], errors: readonly Issue[]): object {
  const results = tested.flatMap((entry) => entry.results);
  return {
    tests: results.length,
    passed: results.filter(({ passed }) => passed).length,
    failed: results.filter(({ passed }) => !passed).length,
    workflows: tested.map(({ workflow, file, results: own, coverage }) => ({
      workflow,
      file,
      tests: own.map(({ name, passed, problems, calls }) => ({ name, passed, problems, calls })),
      coverage,
    })),
    issues: errors,
  };
}

function textReport(tested: readonly Tested[], errors: readonly string[]): string {
  const lines: string[] = errors.map(plainLine);
  const results = tested.flatMap((entry) => entry.results);
  for (const { workflow, results: own, coverage } of tested) {
    if (own.length === 0) continue;
    lines.push(`${workflow}  ${coverageText(coverage)}`);
    for (const { name, passed, problems } of own) {
      lines.push(`  ${passed ? '✔' : '✘'} ${plainLine(name)}`, ...problems.map((text) => `      ${plainText(text)}`));
    }
    const missing = [...coverage.steps.missing.map((id) => `step ${id}`), ...coverage.branches.missing];
    if (missing.length > 0) lines.push(`  not covered: ${missing.join(' · ')}`);
  }
  const untested = tested.filter(({ results: own }) => own.length === 0).map(({ workflow }) => workflow);
  if (untested.length > 0) lines.push(`without tests: ${untested.join(', ')}`);
  const failed = results.filter(({ passed }) => !passed).length;
  lines.push(`${results.length - failed} passed, ${failed} failed`);
  return `${lines.join('\n')}\n`;
}

function coverageText({ steps, branches }: Coverage): string {
  const part = (word: string, { total, covered }: Covered): string => `${covered}/${total} ${word}`;
  return branches.total === 0 ? part('steps', steps) : `${part('steps', steps)}, ${part('branches', branches)}`;
}
