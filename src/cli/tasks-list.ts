import type { Command } from 'commander';
import { isoTime } from '../core/clock.ts';
import { humanDuration } from '../core/duration.ts';
import type { TaskStatus } from '../core/outcome.ts';
import { nearest } from '../core/suggest.ts';
import type { ListQuery, TaskView } from '../tasks/task.ts';
import { LOOKING_AT_TASKS, withEngine } from './context.ts';
import type { CliContext } from './context.ts';
import type { EngineDoor } from './engine-door.ts';
import { EXIT, usageError } from './exit.ts';
import { printJson, table } from './present.ts';
import { FrameWriter } from './progress-view.ts';
import type { TaskFlags } from './task-flags.ts';

interface ListFlags extends TaskFlags {
  readonly workflow?: string;
  readonly status?: string;
  readonly limit?: string;
  readonly cursor?: string;
}

const STATUSES: readonly TaskStatus[] = ['working', 'input_required', 'completed', 'failed', 'cancelled'];
const WATCH_MS = 1000;

/** `mcp-workflow tasks list`: newest first, a page at a time. */
export function addTasksList(tasks: Command, context: CliContext): void {
  const command = tasks
    .command('list')
    .description('list tasks, newest first')
    .option('--workflow <NAME>', 'only tasks of this workflow')
    .option('--status <STATUS>', `only tasks in this state: ${STATUSES.join(', ')}`)
    .option('--limit <N>', 'at most this many, up to 200', '50')
    .option('--cursor <CURSOR>', 'go on after an earlier page')
    .option('--watch', 'keep the list up to date until Ctrl-C');
  command.action(async (flags: ListFlags) => {
    const query = queryOf(flags);
    const human = flags.json !== true && (flags.watch !== true || context.terminal.out.isTerminal);
    await withEngine(command, context, LOOKING_AT_TASKS, async (engine) => {
      if (flags.watch === true && human) {
        await watch(engine, query, context);
        context.exitCode = EXIT.interrupted;
        return;
      }
      const page = await engine.tasks.list(query);
      if (human) context.terminal.out.write(listText(page.tasks, context.clock.now(), page.nextCursor));
      else {
        const { nextCursor } = page;
        printJson(context.terminal, {
          tasks: page.tasks.map(listed),
          ...(nextCursor === undefined ? {} : { nextCursor }),
        });
      }
    });
  });
}

function queryOf(flags: ListFlags): ListQuery {
  const status = STATUSES.find((known) => known === flags.status);
  if (flags.status !== undefined && status === undefined) {
    const match = nearest(flags.status, STATUSES);
    throw usageError(
      `--status: expected one of ${STATUSES.join(', ')}${match === undefined ? '' : `; did you mean '${match}'?`}`,
    );
  }
  const limit = Number(flags.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > 200) {
    throw usageError('--limit: expected a whole number from 1 to 200');
  }
  return {
    principal: flags.principal,
    limit,
    ...(flags.workflow === undefined ? {} : { workflow: flags.workflow }),
    ...(flags.cursor === undefined ? {} : { cursor: flags.cursor }),
    ...(status === undefined ? {} : { status }),
  };
}

async function watch(engine: EngineDoor, query: ListQuery, { terminal, clock }: CliContext): Promise<void> {
  const leave = new AbortController();
  const stop = terminal.onInterrupt(() => leave.abort());
  const writer = new FrameWriter(terminal);
  let shown: string | undefined;
  try {
    while (!leave.signal.aborted) {
      const page = await engine.tasks.list({
        ...query,
        limit: Math.min(query.limit ?? 50, Math.max(1, terminal.out.rows - 3)),
      });
      const facts = JSON.stringify(
        page.tasks.map(({ taskId, status, percent, statusMessage }) => [taskId, status, percent, statusMessage]),
      );
      const isNew = facts !== shown;
      shown = facts;
      const lines = listText(page.tasks, clock.now(), undefined).trimEnd().split('\n');
      // Where lists stand below one another, one that only has grown older is not worth it.
      if (terminal.canRedraw || isNew) writer.draw(lines.map((line) => line.slice(0, terminal.out.columns - 1)));
      // Only Ctrl-C rejects it, and the loop ends then.
      await clock.sleep(WATCH_MS, leave.signal).catch(() => undefined);
    }
  } finally {
    writer.done();
    stop();
  }
}

/** A task as `tasks list --json` shows it. */
function listed(view: TaskView): object {
  return {
    taskId: view.taskId,
    workflow: view.workflow,
    status: view.status,
    statusMessage: view.statusMessage,
    percent: view.percent,
    createdAt: isoTime(view.createdAt),
    lastUpdatedAt: isoTime(view.lastUpdatedAt),
    endedAt: view.endedAt === undefined ? null : isoTime(view.endedAt),
  };
}

interface Placed {
  readonly view: TaskView;
  readonly depth: number;
}

/** Children below their parent, where that is on the page; everything else in the order given. */
function asTree(views: readonly TaskView[]): readonly Placed[] {
  const onPage = new Set(views.map(({ taskId }) => taskId));
  const childrenOf = new Map<string, TaskView[]>();
  for (const view of views) {
    const { parent } = view;
    const under = parent !== undefined && onPage.has(parent.taskId) ? parent.taskId : '';
    childrenOf.set(under, [...(childrenOf.get(under) ?? []), view]);
  }
  const placed: Placed[] = [];
  const place = (parent: string, depth: number): void => {
    for (const view of childrenOf.get(parent) ?? []) {
      placed.push({ view, depth });
      place(view.taskId, depth + 1);
    }
  };
  place('', 0);
  return placed;
}

/** The page for a person. */
export function listText(views: readonly TaskView[], now: number, nextCursor: string | undefined): string {
  if (views.length === 0) return 'no tasks\n';
  const rows = asTree(views).map(({ view, depth }) => [
    `${'  '.repeat(depth)}${view.taskId}`,
    view.workflow,
    view.status,
    `${view.percent} %`,
    `${humanDuration(Math.max(0, now - view.createdAt))} ago`,
    view.statusMessage,
  ]);
  const more = nextCursor === undefined ? '' : `more: --cursor ${nextCursor}\n`;
  return table([['TASK', 'WORKFLOW', 'STATUS', 'DONE', 'CREATED', 'MESSAGE'], ...rows]) + more;
}
