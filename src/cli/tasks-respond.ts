import type { Command, Option } from 'commander';
import { isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { stepPath } from '../tasks/journal-state.ts';
import type { PendingInput, TaskView } from '../tasks/task.ts';
import { readArguments, readJsonFlag } from './arguments.ts';
import { collect, LOOKING_AT_TASKS, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { findTask } from './find-task.ts';
import { askForm, canAnswer } from './form.ts';
import { printJson } from './present.ts';
import type { TaskFlags } from './task-flags.ts';
import { plainLine } from './terminal.ts';

interface RespondFlags extends TaskFlags {
  readonly key?: string;
  readonly input?: string;
  readonly set?: readonly string[];
  readonly decline?: true;
  readonly dismiss?: true;
  readonly response?: string;
}

/** `mcp-workflow tasks respond ID`: answers what a task asks. The first valid answer wins, wherever it comes from. */
export function addTasksRespond(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('respond')
    .description('answer what a task asks; without flags it asks you on the terminal')
    .argument('<ID>', 'the task')
    .option('--key <KEY>', 'which question, when there are several')
    .option('--set <key=value>', 'one field of the form; can be repeated', collect)
    .option('--input <JSON>', 'all fields as JSON, @file.json, or - for standard input');
  const one = (flags: string, about: string): Option => command.createOption(flags, about);
  command
    .addOption(one('--decline', 'say no').conflicts(['set', 'input', 'dismiss', 'response']))
    .addOption(one('--dismiss', 'close the question without an answer').conflicts(['set', 'input', 'response']))
    .addOption(
      one('--response <JSON>', 'the whole response as MCP spells it, for a question to a model').conflicts([
        'set',
        'input',
      ]),
    );
  command.action(async (id: string, flags: RespondFlags) => {
    const { terminal } = context;
    await withEngine(command, context, LOOKING_AT_TASKS, async (engine) => {
      const view = await findTask(engine.tasks, id, flags.principal);
      const { taskId } = view;
      const pending = choose(view, flags.key);
      const response = await responseOf(pending, flags, context);
      const answer = await engine.tasks.respond(taskId, flags.principal, pending.key, response);
      if (answer === 'ignored') {
        throw new CommandError(
          EXIT.failed,
          `'${pending.key}' was answered or has expired in the meantime; nothing was changed`,
        );
      }
      if (flags.json === true) printJson(terminal, { taskId, key: pending.key, answer });
      else
        terminal.out.write(
          `answered ${pending.key}; a running server goes on with the task, without one: mcp-workflow tasks resume ${taskId}\n`,
        );
    });
  });
}

function choose(view: TaskView, key: string | undefined): PendingInput {
  const [first, second] = view.inputs;
  if (first === undefined) {
    throw new CommandError(EXIT.failed, `task ${view.taskId} asks nothing now; it is ${view.status}`);
  }
  if (key === undefined && second === undefined) return first;
  const found = view.inputs.find((input) => input.key === key);
  if (found !== undefined) return found;
  const known = view.inputs.map((input) => `${input.key} (step ${stepPath(input.path)})`).join(', ');
  throw usageError(
    key === undefined
      ? `there are several questions; choose with --key: ${known}`
      : `no question '${key}'; there are: ${known}`,
  );
}

async function responseOf(pending: PendingInput, flags: RespondFlags, context: CliContext): Promise<JsonValue> {
  const { terminal } = context;
  const cwd = context.cwd ?? process.cwd();
  const readInput = (): Promise<string> => terminal.readInput();
  if (flags.response !== undefined) return await readJsonFlag('--response', flags.response, cwd, readInput);
  if (!canAnswer(pending.request)) {
    throw usageError(
      `'${pending.key}' is a question to a model (${pending.request.method}): answer it with --response`,
    );
  }
  if (flags.decline === true) return { action: 'decline' };
  if (flags.dismiss === true) return { action: 'cancel' };
  if (flags.input !== undefined || flags.set !== undefined) {
    return { action: 'accept', content: await readArguments(flags, requestedSchema(pending), cwd, readInput) };
  }
  if (!terminal.canAsk) {
    const message = pending.request.params['message'];
    throw usageError(
      `'${pending.key}' asks: ${typeof message === 'string' ? plainLine(message) : ''}\nanswer with --set key=value, --input JSON, --decline or --dismiss`,
    );
  }
  const leave = new AbortController();
  const stop = terminal.onInterrupt(() => leave.abort(new CommandError(EXIT.interrupted, 'not answered')));
  try {
    return await askForm(
      pending.request,
      (question) => terminal.ask(question, leave.signal),
      (text) => terminal.out.write(text),
    );
  } finally {
    stop();
  }
}

function requestedSchema(pending: PendingInput): JsonObject {
  const schema = pending.request.params['requestedSchema'];
  return isJsonObject(schema) ? schema : {};
}
