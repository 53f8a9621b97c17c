import type { Command } from 'commander';
import { isJsonObject } from '../core/json.ts';
import type { JsonSchema, LoadedDefinition } from '../definition/model.ts';
import { addSettings, COMMON_SETTINGS, LOOKING, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { printJson } from './present.ts';
import { plainLine } from './terminal.ts';

/** `mcp-workflow list`: the workflows with their inputs. */
export function addList(program: Command, context: CliContext): void {
  const command = program
    .command('list')
    .description('list the workflows with their inputs')
    .option('--json', 'print one JSON document and nothing else');
  addSettings(command, COMMON_SETTINGS);
  command.action(async (flags: { readonly json?: true }) => {
    await withEngine(command, context, LOOKING, async (engine) => {
      const workflows = engine.definitions.list();
      if (flags.json === true) {
        printJson(context.terminal, { workflows: workflows.map(listed) });
      } else if (workflows.length === 0) {
        context.terminal.err.write('no workflows: put a definition into the folder (--definitions DIR)\n');
      } else {
        context.terminal.out.write(workflows.map(listedText).join('\n'));
      }
      const broken = new Set(
        engine.definitions.issues().flatMap((issue) => (issue.severity === 'error' ? [issue.file] : [])),
      );
      if (broken.size > 0) {
        context.terminal.err.write(`${broken.size} more could not be loaded: mcp-workflow validate\n`);
      }
      await Promise.resolve();
    });
  });
}

/** A workflow as `list --json` shows it. */
function listed({ definition, digest, file }: LoadedDefinition): object {
  const {
    name,
    title,
    description,
    tags,
    input_schema: inputSchema,
    output_schema: outputSchema,
    schedule,
  } = definition;
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    tags,
    inputSchema,
    ...(outputSchema === undefined ? {} : { outputSchema }),
    ...(schedule === undefined ? {} : { schedule }),
    file,
    digest,
  };
}

/** The same for a person: name, description, one line an input. */
export function listedText({ definition }: LoadedDefinition): string {
  const lines = [definition.name];
  if (definition.description !== undefined) lines.push(`  ${definition.description}`);
  lines.push(...inputLines(definition.input_schema).map((line) => `    ${line}`));
  return lines.map((line) => `${plainLine(line)}\n`).join('');
}

function inputLines(schema: JsonSchema): readonly string[] {
  const { properties, required } = schema;
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties).map(([name, property]) => {
    if (!isJsonObject(property)) return name;
    const { type, default: fallback, description } = property;
    const kind = typeof type === 'string' ? type : Array.isArray(type) ? type.join(' or ') : 'any';
    const needed = Array.isArray(required) && required.includes(name) ? ', required' : '';
    const standard = fallback === undefined ? '' : `, default ${JSON.stringify(fallback)}`;
    return `${name} (${kind}${needed}${standard})${typeof description === 'string' ? `: ${description}` : ''}`;
  });
}
