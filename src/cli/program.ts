import { Command, CommanderError } from 'commander';
import { ConfigError } from '../config.ts';
import { messageOf } from '../core/failure.ts';
import { UnknownScheduleError } from '../schedule/schedules.ts';
import { PostgresError } from '../store/postgres/failures.ts';
import { StoreError } from '../store/task-store.ts';
import { TaskError } from '../tasks/task.ts';
import type { TaskErrorCode } from '../tasks/task.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT } from './exit.ts';
import type { ExitCode } from './exit.ts';
import { addGraph } from './graph.ts';
import { addList } from './list.ts';
import { addNew } from './new.ts';
import { addRun } from './run.ts';
import { addSchedule } from './schedule.ts';
import { addSchema } from './schema.ts';
import { addExamples } from './examples.ts';
import { addServe } from './serve.ts';
import { addStore } from './store.ts';
import { addTasks } from './tasks.ts';
import { addTest } from './test.ts';
import { addValidate } from './validate.ts';

/**
 * The whole command line on a context. Resolves with the exit code and never rejects: whatever is thrown becomes a text
 * on standard error and its code.
 */
export async function runCli(args: readonly string[], version: string, context: CliContext): Promise<ExitCode> {
  const program = buildProgram(version, context);
  try {
    await program.parseAsync(args, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    const { text, exitCode } = explainError(error);
    context.terminal.err.write(`${text}\n`);
    context.tellParent?.({ problem: text, exitCode });
    return exitCode;
  }
}

/** All commands; `docs` and tests read the surface from it. */
export function buildProgram(version: string, context: CliContext): Command {
  const program = new Command('mcp-workflow')
    .description('One MCP server that publishes declarative workflows as durable, task-capable tools')
    .version(version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.terminal.out.write(text),
      writeErr: (text) => context.terminal.err.write(text),
    })
    .showHelpAfterError('(--help shows what there is)');
  addServe(program, context);
  addRun(program, context);
  addNew(program, context);
  addValidate(program, context);
  addTest(program, context);
  addList(program, context);
  addGraph(program, context);
  addTasks(program, context);
  addSchedule(program, context);
  addSchema(program, context);
  addStore(program, context);
  addExamples(program);
  return program;
}

/** What an error means to the person at the terminal. */
export function explainError(error: unknown): { readonly text: string; readonly exitCode: ExitCode } {
  if (error instanceof CommandError) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof ConfigError) return { text: error.message, exitCode: EXIT.usage };
  if (error instanceof UnknownScheduleError) return { text: error.message, exitCode: EXIT.usage };
  if (error instanceof TaskError) return { text: error.message, exitCode: TASK_ERROR_EXITS[error.code] };
  if (error instanceof StoreError) {
    // Full or busy passes; anything else while opening is the store that was chosen.
    const advice = error.advice === undefined ? '' : ` (${error.advice})`;
    const exitCode = error.kind === 'io' ? EXIT.usage : EXIT.failed;
    if (error instanceof PostgresError)
      return { text: `the store cannot be used: ${error.message}${advice}`, exitCode };
    const hint = { full: ' (make room there and start again)', busy: advice, io: ' (--data names another)' }[
      error.kind
    ];
    return { text: `the data folder cannot be used: ${error.message}${hint}`, exitCode };
  }
  return { text: `failed: ${messageOf(error)}`, exitCode: EXIT.failed };
}

const TASK_ERROR_EXITS: Record<TaskErrorCode, ExitCode> = {
  not_found: EXIT.usage,
  unknown_workflow: EXIT.usage,
  invalid_arguments: EXIT.usage,
  invalid_cursor: EXIT.usage,
  invalid_input_response: EXIT.usage,
  already_terminal: EXIT.failed,
  idempotency_conflict: EXIT.failed,
  limit_exceeded: EXIT.failed,
  conflict: EXIT.failed,
  store_unavailable: EXIT.failed,
  not_resumable: EXIT.failed,
};
