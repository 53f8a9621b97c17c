import { join } from 'node:path';
import type { Config } from '../config.ts';
import { isoTime } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import { toolDifferences, type KnownServer, type KnownServers, type ToolShape } from '../definition/known-tools.ts';
import type { Issue } from '../definition/model.ts';
import {
  readToolMemory,
  TOOL_MEMORY_FILE,
  writeToolMemory,
  type RememberedServers,
} from '../downstream/tool-memory.ts';
import { loggerOf, type CliContext } from './context.ts';
import type { ServersDoor } from './engine-door.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { plainLine } from './terminal.ts';
import type { ServersRead } from './validation.ts';

/** How many servers are started at once. */
const AT_ONCE = 4;

/**
 * What servers said of their tools the last time that `validate --connect` asked them; nothing, with a word on standard
 * error, when that cannot be read.
 */
export async function rememberedTools(config: Config, context: CliContext): Promise<RememberedServers> {
  const file = join(config.data, TOOL_MEMORY_FILE);
  try {
    return await readToolMemory(file);
  } catch (error) {
    const note = `warning: ${file} is passed over: ${messageOf(error)}; validate --connect writes it anew`;
    context.terminal.err.write(`${plainLine(note)}\n`);
    return new Map();
  }
}

/** What `validate --connect` found out. */
export interface Asked {
  readonly known: KnownServers;
  /** A server that cannot be asked. */
  readonly issues: readonly Issue[];
}

/**
 * Asks the named servers for their tools, compares with what is remembered, and remembers the new. A server that cannot
 * be reached is an error of its own, and what is remembered of it stays. Servers that the file does not list are passed
 * over: the definitions that name them are wrong.
 * @throws CommandError (2) without a servers file, (130) on Ctrl-C
 */
export async function askServers(
  named: readonly string[],
  servers: ServersRead,
  config: Config,
  context: CliContext,
): Promise<Asked> {
  if (servers.catalog === undefined) throw usageError('--connect: there is no servers file (--servers names one)');
  const before = await rememberedTools(config, context);
  const listed = named.filter((name) => servers.catalog?.servers.has(name) === true);
  const door = await context.openServers(config, loggerOf({ ...config, logLevel: 'error' }, context.terminal));
  const leave = new AbortController();
  const stop = context.terminal.onInterrupt(() => leave.abort(new CommandError(EXIT.interrupted, 'interrupted')));
  try {
    const answers = await askAll(listed, door, leave.signal);
    const known = new Map<string, KnownServer>(before);
    const issues: Issue[] = [];
    for (const [server, answer] of answers) {
      if (answer instanceof Error) issues.push(unreachable(server, answer, servers));
      else known.set(server, { tools: answer, changes: changesOf(before.get(server), answer) });
    }
    await remember(known, config, context);
    return { known, issues };
  } finally {
    stop();
    await door.close();
  }
}

async function askAll(
  names: readonly string[],
  door: ServersDoor,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, ReadonlyMap<string, ToolShape> | Error>> {
  const answers = new Map<string, ReadonlyMap<string, ToolShape> | Error>();
  const queue = [...names];
  const ask = async (): Promise<void> => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
      try {
        const tools = await door.tools(name, signal);
        answers.set(name, new Map(tools.map((tool) => [tool.name, shapeOf(tool)])));
      } catch (error) {
        signal.throwIfAborted();
        answers.set(name, error instanceof Error ? error : new Error(messageOf(error)));
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, ask));
  return new Map(
    names.flatMap((name) => {
      const answer = answers.get(name);
      return answer === undefined ? [] : [[name, answer] as const];
    }),
  );
}

function shapeOf({ inputSchema, outputSchema }: ToolShape): ToolShape {
  return { inputSchema, ...(outputSchema === undefined ? {} : { outputSchema }) };
}

function changesOf(
  before: KnownServer | undefined,
  now: ReadonlyMap<string, ToolShape>,
): ReadonlyMap<string, readonly string[]> {
  const changes = new Map<string, readonly string[]>();
  for (const [tool, shape] of now) {
    const earlier = before?.tools.get(tool);
    const differences = earlier === undefined ? [] : toolDifferences(earlier, shape);
    if (differences.length > 0) changes.set(tool, differences);
  }
  return changes;
}

function unreachable(server: string, error: Error, { file, positions }: ServersRead): Issue {
  const { line, column } = positions.get(server) ?? { line: 1, column: 1 };
  return {
    severity: 'error',
    file,
    line,
    column,
    code: 'server_unreachable',
    message: plainLine(messageOf(error)),
    hint: 'its tools were not checked',
  };
}

/** That nothing can be remembered is no reason to check nothing. */
async function remember(known: KnownServers, config: Config, context: CliContext): Promise<void> {
  const file = join(config.data, TOOL_MEMORY_FILE);
  try {
    await writeToolMemory(file, known, isoTime(context.clock.now()));
  } catch (error) {
    context.terminal.err.write(`warning: ${plainLine(`${file} cannot be written: ${messageOf(error)}`)}\n`);
  }
}
