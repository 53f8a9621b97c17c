import type { Command } from 'commander';
import { describeFailure } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import type { LoadedDefinition } from '../definition/model.ts';
import { issueText } from '../definition/registry.ts';
import { LOCAL_PRINCIPAL, TaskError } from '../tasks/task.ts';
import type { TaskView } from '../tasks/task.ts';
import { readArguments } from './arguments.ts';
import { addSettings, collect, COMMON_SETTINGS, LOOKING, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { startDetached } from './detach.ts';
import type { EngineDoor } from './engine-door.ts';
import { EXIT, usageError } from './exit.ts';
import { follow } from './follow.ts';
import { printJson, printOutcome, taskFacts } from './present.ts';
import { questionLines } from './question-text.ts';
import { exitCodeOf, runReport } from './report.ts';
import { shownPath } from './shown-path.ts';
import { plainLine } from './terminal.ts';

interface RunFlags {
  readonly input?: string;
  readonly set?: readonly string[];
  readonly json?: true;
  readonly detach?: true;
  readonly background?: true;
  readonly dryRun?: true;
}

/** `mcp-workflow run NAME`: one task, from the call to its end, in this process. */
export function addRun(program: Command, context: CliContext): void {
  const command = program
    .command('run')
    .description('run a workflow and wait for its result')
    .argument('<NAME>', 'the workflow')
    .option('--input <JSON>', 'arguments as JSON, @file.json, or - for standard input')
    .option('--set <key=value>', 'one argument; can be repeated', collect)
    .option('--json', 'print one JSON document and nothing else')
    .option('--dry-run', 'call nobody: show what would be called, with rendered arguments');
  const detach = command.createOption(
    '--detach',
    'start the task, print its id and leave it running in the background',
  );
  command.addOption(detach.conflicts('dryRun'));
  addSettings(command, COMMON_SETTINGS);
  command.addOption(command.createOption('--background', 'be the process that --detach leaves behind').hideHelp());
  command.action(async (name: string, flags: RunFlags) => {
    if (flags.dryRun === true) await rehearseRun(command, context, name, flags);
    else if (flags.detach === true) await runDetached(command, context, name, flags);
    else await run(command, context, name, flags);
  });
}

async function run(command: Command, context: CliContext, name: string, flags: RunFlags): Promise<void> {
  const { terminal, clock } = context;
  const human = terminal.out.isTerminal && flags.json !== true;
  let input: JsonObject = {};
  const prepare = async (definitions: EngineDoor['definitions']): Promise<void> => {
    input = await argumentsOf(definitions, context, name, flags);
  };
  await withEngine(command, context, { claims: 'own', quiet: true, prepare }, async (engine) => {
    const view = await create(engine, name, input);
    if (flags.background === true) context.tellParent?.({ taskId: view.taskId });
    const followed = await follow(engine.tasks, view.taskId, {
      principal: LOCAL_PRINCIPAL,
      terminal,
      clock,
      live: human,
      onInterrupt: 'cancel',
      ask: human && terminal.canAsk,
      stopOnInput: flags.background !== true,
    });
    const facts = await taskFacts(engine.tasks, followed.view, LOCAL_PRINCIPAL);
    if (human) printOutcome(terminal, facts);
    else printJson(terminal, runReport(facts.view, facts.outcome, facts.steps, facts.cleanUp));
    if (human && facts.view.status !== 'completed') terminal.err.write(nextStep(facts.view));
    for (const asked of facts.view.inputs)
      terminal.err.write(`${questionLines(view.taskId, asked, clock.now()).join('\n')}\n`);
    context.exitCode = followed.end === 'interrupted' ? EXIT.interrupted : exitCodeOf(facts.view.status);
  });
}

/** `--dry-run`: no task is made and nobody is called. */
async function rehearseRun(command: Command, context: CliContext, name: string, flags: RunFlags): Promise<void> {
  const { terminal } = context;
  const [{ dryRun }, { stepKinds }] = await Promise.all([
    import('../rehearsal/dry-run.ts'),
    import('../steps/index.ts'),
  ]);
  await withEngine(command, context, LOOKING, async (engine) => {
    const { definition } = findWorkflow(engine.definitions, name, context);
    const input = await argumentsOf(engine.definitions, context, name, flags);
    const { calls, notes, failure } = await dryRun(definition, stepKinds, input);
    // As `run` says it: nothing was walked yet.
    if (failure?.code === 'invalid_arguments' && failure.step === undefined)
      throw wrongArguments(name, failure.message);
    if (!terminal.out.isTerminal || flags.json === true) {
      printJson(terminal, { workflow: name, calls, notes, ...(failure === undefined ? {} : { error: failure }) });
    } else {
      for (const call of calls) {
        const line = `${call.path}  ${call.text}  ${JSON.stringify(call.arguments)}`;
        terminal.out.write(`${plainLine(line)}\n`);
      }
      for (const note of notes) terminal.err.write(`note: ${plainLine(note)}\n`);
      if (failure !== undefined) terminal.err.write(`${plainLine(describeFailure(failure))}\n`);
    }
    context.exitCode = failure === undefined ? EXIT.done : EXIT.failed;
  });
}

async function create(engine: EngineDoor, name: string, input: JsonObject): Promise<TaskView> {
  try {
    return await engine.tasks.create({
      workflow: name,
      arguments: input,
      principal: LOCAL_PRINCIPAL,
      samples: false,
    });
  } catch (error) {
    if (error instanceof TaskError && error.code === 'invalid_arguments') throw wrongArguments(name, error.message);
    throw error;
  }
}

function wrongArguments(name: string, problem: string): Error {
  return usageError(
    `the arguments of '${name}': ${problem}\n(--set and --input give them, mcp-workflow list shows them)`,
  );
}

async function argumentsOf(
  definitions: EngineDoor['definitions'],
  context: CliContext,
  name: string,
  flags: RunFlags,
): Promise<JsonObject> {
  const { cwd = process.cwd(), terminal } = context;
  const { definition } = findWorkflow(definitions, name, context);
  return await readArguments(flags, definition.input_schema, cwd, () => terminal.readInput());
}

/**
 * The workflow of that name.
 * @throws CommandError (2) with the name that was probably meant
 */
export function findWorkflow(
  definitions: EngineDoor['definitions'],
  name: string,
  { cwd = process.cwd() }: CliContext,
): LoadedDefinition {
  const found = definitions.get(name);
  if (found !== undefined) return found;
  // A file that was meant and is wrong says more than a name that is near.
  const wrong = definitions.errorsOf(name);
  if (wrong.length > 0) {
    const lines = wrong.map((issue) => `  ${issueText({ ...issue, file: shownPath(issue.file, cwd) })}`);
    throw usageError(`the workflow '${name}' has errors:\n${lines.join('\n')}`);
  }
  const names = definitions.list().map((entry) => entry.definition.name);
  const match = nearest(name, names);
  const broken = definitions.issues().some((issue) => issue.severity === 'error');
  const hint = match === undefined ? `there are: ${names.join(', ') || 'none'}` : `did you mean '${match}'?`;
  throw usageError(
    `unknown workflow '${name}'; ${hint}${broken ? '\nsome definitions have errors: mcp-workflow validate' : ''}`,
  );
}

async function runDetached(command: Command, context: CliContext, name: string, flags: RunFlags): Promise<void> {
  const { terminal } = context;
  // Standard input cannot be read by the process in the background, so it is read here.
  const input = flags.input === '-' || flags.input === '@-' ? await terminal.readInput() : flags.input;
  const taskId = await startDetached(command, name, { input, set: flags.set ?? [] });
  if (terminal.out.isTerminal && flags.json !== true) {
    terminal.out.write(`started task ${taskId}\nfollow it: mcp-workflow tasks get ${taskId} --watch\n`);
    return;
  }
  printJson(terminal, { taskId, status: 'working', output: null, steps: [] });
}

function nextStep(view: TaskView): string {
  const id = view.taskId;
  if (view.status === 'input_required') return `task ${id} waits for input\n`;
  if (view.status === 'failed') return `task ${id}; run the rest again: mcp-workflow tasks resume ${id}\n`;
  return view.status === 'working' ? `task ${id} goes on with a server, or: mcp-workflow tasks resume ${id}\n` : '';
}
