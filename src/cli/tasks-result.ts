import type { Command } from 'commander';
import type { Outcome } from '../core/outcome.ts';
import { LOOKING_AT_TASKS, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT } from './exit.ts';
import { findTask } from './find-task.ts';
import { follow } from './follow.ts';
import { printJson, printOutcome, taskFacts } from './present.ts';
import { exitCodeOf } from './report.ts';
import type { TaskFlags } from './task-flags.ts';

/** `mcp-workflow tasks result ID`: the result of a task that has ended. */
export function addTasksResult(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('result')
    .description('print the result of a task')
    .argument('<ID>', 'the task')
    .option('--watch', 'wait until there is one');
  command.action(async (id: string, flags: TaskFlags) => {
    const { terminal, clock } = context;
    const { principal } = flags;
    const human = flags.json !== true && (flags.watch !== true || terminal.out.isTerminal);
    await withEngine(command, context, LOOKING_AT_TASKS, async (engine) => {
      let view = await findTask(engine.tasks, id, principal);
      const { taskId } = view;
      if (flags.watch === true) {
        const options = { principal, terminal, clock, live: human, ask: false, stopOnInput: false } as const;
        const followed = await follow(engine.tasks, taskId, { ...options, onInterrupt: 'leave' });
        if (followed.end === 'interrupted') {
          context.exitCode = EXIT.interrupted;
          return;
        }
        ({ view } = followed);
      }
      const facts = await taskFacts(engine.tasks, view, principal);
      if (facts.outcome === undefined) {
        const code = view.status === 'input_required' ? EXIT.waiting : EXIT.failed;
        throw new CommandError(code, `task ${taskId} has no result yet: ${view.statusMessage} (--watch waits for it)`);
      }
      if (human) printOutcome(terminal, facts);
      else printJson(terminal, resultDocument(facts.outcome));
      context.exitCode = exitCodeOf(view.status);
    });
  });
}

/** The tool result; `{error}` where the outcome is a JSON-RPC error or a cancel and there is no tool result. */
export function resultDocument(outcome: Outcome): object {
  switch (outcome.kind) {
    case 'result':
      return outcome.result;
    case 'error': {
      const { code, message, data } = outcome;
      return { error: { code, message, ...(data === undefined ? {} : { data }) } };
    }
    case 'cancelled':
      return { error: { code: 'cancelled', message: outcome.reason } };
  }
}
