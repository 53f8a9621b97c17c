import type { Command } from 'commander';
import type { NodeMark } from '../definition/graph/drawing.ts';
import type { Definition } from '../definition/model.ts';
import { stepSyntaxes } from '../steps/index.ts';
import { marksOf } from '../tasks/step-marks.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import { addSettings, COMMON_SETTINGS, LOOKING, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { findWorkflow } from './run.ts';

interface GraphFlags {
  readonly format: string;
  readonly task?: string;
  readonly principal: string;
}

const FORMATS = ['mermaid', 'svg'];

/**
 * `mcp-workflow graph NAME`: the workflow as a Mermaid flowchart or as SVG on standard output, with `--task` coloured
 * by the state of a task.
 */
export function addGraph(program: Command, context: CliContext): void {
  const command = program
    .command('graph')
    .description('draw a workflow as a flowchart, or a task on it')
    .argument('<NAME>', 'the workflow')
    .option('--format <FORMAT>', 'mermaid or svg', 'mermaid')
    .option('--task <ID>', 'colour the steps by the state of this task')
    .option('--principal <NAME>', 'the caller whose task is meant', LOCAL_PRINCIPAL);
  addSettings(command, COMMON_SETTINGS);
  command.action(async (name: string, flags: GraphFlags) => {
    if (!FORMATS.includes(flags.format)) {
      throw usageError(`--format ${flags.format}: expected ${FORMATS.join(' or ')}`);
    }
    await withEngine(command, context, LOOKING, async (engine) => {
      const { definition, digest } = findWorkflow(engine.definitions, name, context);
      let marks: ReadonlyMap<string, NodeMark> | undefined;
      if (flags.task !== undefined) {
        const view = await engine.tasks.get(flags.task, flags.principal);
        if (view === undefined) throw usageError(`there is no task '${flags.task}'`);
        if (view.workflow !== name) throw usageError(`task ${flags.task} runs the workflow '${view.workflow}'`);
        if (view.digest !== digest) {
          context.terminal.err.write(
            'warning: the definition has changed since this task began; the picture is of the new one\n',
          );
        }
        marks = marksOf(await engine.tasks.steps(flags.task, flags.principal));
      }
      context.terminal.out.write(await drawn(flags.format, definition, marks));
    });
  });
}

async function drawn(
  format: string,
  definition: Definition,
  marks: ReadonlyMap<string, NodeMark> | undefined,
): Promise<string> {
  if (format !== 'svg') {
    const { mermaidOf } = await import('../definition/graph/mermaid.ts');
    return mermaidOf(definition, stepSyntaxes, marks);
  }
  const { DrawingError, svgOf } = await import('../definition/graph/svg.ts');
  try {
    return await svgOf(definition, stepSyntaxes, marks);
  } catch (error) {
    if (!(error instanceof DrawingError)) throw error;
    throw new CommandError(EXIT.failed, `${definition.name}: ${error.message}; --format mermaid draws it elsewhere`);
  }
}
