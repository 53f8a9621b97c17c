import type { Command } from 'commander';
import { LOOKING_AT_TASKS, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { findTask } from './find-task.ts';
import { printJson, taskFacts } from './present.ts';
import { taskReport } from './report.ts';
import type { TaskFlags } from './task-flags.ts';

interface CancelFlags extends TaskFlags {
  readonly reason?: string;
}

/** `mcp-workflow tasks cancel ID`: durable when it returns, whichever process runs the task. */
export function addTasksCancel(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('cancel')
    .description('cancel a task')
    .argument('<ID>', 'the task')
    .option('--reason <TEXT>', 'kept with the task');
  command.action(async (id: string, flags: CancelFlags) => {
    const { terminal } = context;
    await withEngine(command, context, LOOKING_AT_TASKS, async (engine) => {
      const { taskId } = await findTask(engine.tasks, id, flags.principal);
      const view = await engine.tasks.cancel(taskId, flags.principal, flags.reason);
      if (flags.json !== true) {
        terminal.out.write(`cancelled ${view.taskId}\n`);
        return;
      }
      const facts = await taskFacts(engine.tasks, view, flags.principal);
      printJson(terminal, taskReport(facts.view, facts.outcome, facts.steps, facts.cleanUp));
    });
  });
}
