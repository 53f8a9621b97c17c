import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { messageOf } from '../core/failure.ts';
import { readDefinitionFiles } from '../definition/definition-files.ts';
import type { Issue, LoadedDefinition } from '../definition/model.ts';
import { STARTER_KINDS } from '../definition/starter/kinds.ts';
import { addSettings, collect, configOf } from './context.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { PLACEHOLDER } from './new-choice.ts';
import type { Chosen, NewFlags } from './new-choice.ts';
import { printJson } from './present.ts';
import { plainLine } from './terminal.ts';
import { shownPath } from './shown-path.ts';

/** Where editors find the schema, beside the definitions. */
const SCHEMA_FILE = 'workflow.schema.json';

/**
 * `mcp-workflow new [NAME]`: writes a definition to go on from, valid and with tests that pass, and the schema for
 * editors beside it. Asks on a terminal for what no flag says. Calls no tool; starts a server only when asked for its
 * tools. Never overwrites without `--force`. Exit 130 when the questions were left: then nothing is written.
 */
export function addNew(program: Command, context: CliContext): void {
  const kinds = Object.entries(STARTER_KINDS).map(([kind, text]) => `${kind} (${text})`);
  const command = program
    .command('new')
    .description('write a definition to go on from; on a terminal it asks')
    .argument('[NAME]', 'name of the workflow and of its file')
    .option('--description <TEXT>', 'what it is good for; models choose a tool by it')
    .option('--kind <KIND>', `what it does: ${kinds.join(', ')}`)
    .option('--input <name[:type][=default]>', 'an argument of the workflow; can be repeated', collect)
    .option('--server <NAME>', 'the server that it calls')
    .option('--tool <NAME>', 'the tool that it calls')
    .option('--connect', 'ask the server for its tools, so that inputs and arguments fit the tool; starts the server')
    .option('--yes', 'ask nothing')
    .option('--force', 'overwrite')
    .option('--json', 'ask nothing and print one JSON document');
  addSettings(command, ['definitions', 'servers']);
  command.action(async (name: string | undefined, flags: NewFlags) => {
    const config = configOf(command, context);
    const { chooseStarter } = await import('./new-choice.ts');
    await writeStarter(await chooseStarter(name, flags, config, context), flags, config, context);
  });
}

async function writeStarter(chosen: Chosen, flags: NewFlags, config: Config, context: CliContext): Promise<void> {
  const { choice, notes } = chosen;
  const cwd = context.cwd ?? process.cwd();
  const [{ starterText }, { parseDefinition }, { runDefinitionTests }, { stepKinds, stepSyntaxes }] = await Promise.all(
    [
      import('../definition/starter/text.ts'),
      import('../definition/parse.ts'),
      import('../rehearsal/definition-test.ts'),
      import('../steps/index.ts'),
    ],
  );
  const target = join(config.definitions, `${choice.name}.yaml`);
  await refuseTaken(
    choice.name,
    target,
    config,
    async (text, file) => parseDefinition(text, file, stepSyntaxes).loaded,
  );
  const schemaFile = join(config.definitions, SCHEMA_FILE);
  const text = starterText(choice, `./${relative(dirname(target), schemaFile)}`, notes);
  const { loaded, issues } = parseDefinition(text, target, stepSyntaxes);
  if (loaded === undefined) throw new CommandError(EXIT.failed, problemText(issues));
  const { results } = await runDefinitionTests(loaded.definition, stepKinds);
  const broken = results.filter(({ passed }) => !passed);
  if (broken.length > 0) {
    throw new CommandError(EXIT.failed, broken.flatMap(({ name, problems }) => [name, ...problems]).join('\n'));
  }
  await put(target, text, flags.force === true, shownPath(target, cwd));
  const schema = await putSchema(schemaFile);
  const file = shownPath(target, cwd);
  if (flags.json === true) {
    printJson(context.terminal, {
      workflow: choice.name,
      file,
      schema: shownPath(schemaFile, cwd),
      tests: results.length,
    });
    return;
  }
  const written = schema ? ` and ${shownPath(schemaFile, cwd)} for your editor` : '';
  const say = (line: string): void => context.terminal.out.write(`${plainLine(line)}\n`);
  say(`wrote ${file}${written}; ${results.length} ${results.length === 1 ? 'test passes' : 'tests pass'}`);
  for (const line of nextSteps(chosen, loaded, file)) say(line);
}

/** A definition of this name that is there already, in its own file or in another. */
async function refuseTaken(
  name: string,
  target: string,
  config: Config,
  load: (text: string, file: string) => Promise<LoadedDefinition | undefined>,
): Promise<void> {
  // No folder yet: nothing is taken.
  const { files } = await readDefinitionFiles(config.definitions).catch(() => ({ files: [] }));
  for (const { file, text } of files) {
    if (file === target || !text.includes(name)) continue;
    if ((await load(text, file))?.definition.name === name) {
      throw usageError(`the workflow '${name}' is already in ${file}: choose another name`);
    }
  }
}

function problemText(issues: readonly Issue[]): string {
  return issues.map(({ line, code, message }) => `line ${line}: ${code} ${message}`).join('\n');
}

async function put(file: string, text: string, force: boolean, name: string): Promise<void> {
  try {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    const taken = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    throw usageError(
      taken ? `${name} is there already: --force overwrites it` : `cannot write ${name}: ${messageOf(error)}`,
    );
  }
}

/** Writes the schema where there is none or an older one of ours. True when it was written. */
async function putSchema(file: string): Promise<boolean> {
  const [{ definitionJsonSchema }, { stepSyntaxes }] = await Promise.all([
    import('../definition/json-schema.ts'),
    import('../steps/index.ts'),
  ]);
  const schema = definitionJsonSchema(stepSyntaxes);
  const text = `${JSON.stringify(schema, undefined, 2)}\n`;
  const found = await readFile(file, 'utf8').catch(() => undefined);
  if (found === text || (found !== undefined && !found.includes(`"title": ${JSON.stringify(schema['title'])}`)))
    return false;
  await writeFile(file, text);
  return true;
}

function nextSteps({ choice, isListed }: Chosen, { definition }: LoadedDefinition, file: string): readonly string[] {
  const required = Array.isArray(definition.input_schema['required']) ? definition.input_schema['required'] : [];
  const sets = required.map((name) => ` --set ${String(name)}=…`).join('');
  const placeholders = Object.values(PLACEHOLDER).filter((word) => word === choice.server || word === choice.tool);
  return [
    ...(placeholders.length === 0
      ? []
      : [
          `  ${placeholders.join(' and ')} in it ${placeholders.length === 1 ? 'stands' : 'stand'} for yours (new --connect shows what a server has)`,
        ]),
    ...(isListed || choice.server === PLACEHOLDER.server
      ? []
      : [`  the servers file has no '${choice.server}' yet: add it there, or name another with --server`]),
    `  mcp-workflow validate ${file}      what is wrong, if you change it`,
    `  mcp-workflow test ${file}          its tests`,
    ...(choice.kind === 'schedule'
      ? [`  mcp-workflow schedule list        when it runs: a server that uses this folder begins by itself`]
      : []),
    `  mcp-workflow run ${choice.name}${sets}      once, now`,
  ];
}
