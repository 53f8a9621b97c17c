import type { Command } from 'commander';
import type { CliContext } from './context.ts';
import { printJson } from './present.ts';

/** `mcp-workflow schema`: the JSON Schema of a definition. Needs no configuration. */
export function addSchema(program: Command, context: CliContext): void {
  program
    .command('schema')
    .description('print the JSON Schema (2020-12) of a definition')
    .action(async () => {
      const [{ definitionJsonSchema }, { stepSyntaxes }] = await Promise.all([
        import('../definition/json-schema.ts'),
        import('../steps/index.ts'),
      ]);
      printJson(context.terminal, definitionJsonSchema(stepSyntaxes));
    });
}
