import type { Command } from 'commander';
import { nearest } from '../core/suggest.ts';
import type { StepRow } from '../tasks/task.ts';
import { withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { EXIT, usageError } from './exit.ts';
import { findTask } from './find-task.ts';
import { follow } from './follow.ts';
import { printJson, printOutcome, taskFacts } from './present.ts';
import { exitCodeOf, runReport, stepId } from './report.ts';
import type { TaskFlags } from './task-flags.ts';
import { plainLine } from './terminal.ts';

const SHOWN_STEPS = 12;

interface ResumeFlags extends TaskFlags {
  readonly from?: string;
}

/**
 * `mcp-workflow tasks resume ID`: takes a failed task, or an open one that nobody runs, to its end, and waits for that
 * as `run` does.
 */
export function addTasksResume(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('resume')
    .description('run a failed task again from the failed step, or take up an open one that nobody runs')
    .argument('<ID>', 'the task')
    .option('--from <STEP>', 'from this step instead');
  command.action(async (id: string, flags: ResumeFlags) => {
    const { terminal, clock } = context;
    const { principal } = flags;
    const human = terminal.out.isTerminal && flags.json !== true;
    await withEngine(command, context, { claims: 'own', quiet: true, onlyLooks: true }, async (engine) => {
      const { taskId } = await findTask(engine.tasks, id, principal);
      if (flags.from !== undefined) refuseUnknown(flags.from, await engine.tasks.steps(taskId, principal));
      const resumed = await engine.tasks.resume(
        taskId,
        principal,
        flags.from === undefined ? {} : { from: flags.from },
      );
      for (const warning of resumed.warnings) terminal.err.write(`warning: ${plainLine(warning)}\n`);
      const ask = human && terminal.canAsk;
      const options = { principal, terminal, clock, live: human, ask, stopOnInput: true } as const;
      const followed = await follow(engine.tasks, taskId, { ...options, onInterrupt: 'cancel' });
      const facts = await taskFacts(engine.tasks, followed.view, principal);
      if (human) printOutcome(terminal, facts);
      else printJson(terminal, runReport(facts.view, facts.outcome, facts.steps, facts.cleanUp));
      context.exitCode = followed.end === 'interrupted' ? EXIT.interrupted : exitCodeOf(facts.view.status);
    });
  });
}

/** The name of a step that the task has nothing of; `--from` takes a path or an id. */
function refuseUnknown(from: string, steps: readonly StepRow[]): void {
  const paths = steps.map(({ path }) => path);
  const names = new Set([...paths, ...paths.map(stepId)]);
  if (names.has(from)) return;
  const near = nearest(from, names);
  const hint =
    near === undefined
      ? `those that have run: ${paths.slice(0, SHOWN_STEPS).join(', ') || 'none'}`
      : `did you mean '${near}'?`;
  throw usageError(`--from ${from}: no such step has run; ${hint}`);
}
