import { access } from 'node:fs/promises';
import type { Config } from '../config.ts';
import { messageOf } from '../core/failure.ts';
import type { JsonObject } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import { WORKFLOW_NAME } from '../definition/schema/names.ts';
import { inputsOf, inputTemplate, parseInput, type StarterInput } from '../definition/starter/inputs.ts';
import {
  isStarterKind,
  ITEMS,
  STARTER_KINDS,
  type StarterChoice,
  type StarterKind,
} from '../definition/starter/kinds.ts';
import type { ToolFacts } from '../downstream/tool-table.ts';
import { Asked, Given, type Chooser } from './chooser.ts';
import { loggerOf, type CliContext } from './context.ts';
import type { ServersDoor } from './engine-door.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { plainLine } from './terminal.ts';

/** The flags of `new`. */
export interface NewFlags {
  readonly description?: string;
  readonly kind?: string;
  readonly input?: readonly string[];
  readonly server?: string;
  readonly tool?: string;
  readonly connect?: true;
  readonly yes?: true;
  readonly force?: true;
  readonly json?: true;
}

/** A starter to be written. `isListed`: the servers file has its server. */
export interface Chosen {
  readonly choice: StarterChoice;
  readonly notes: { readonly call?: string };
  readonly isListed: boolean;
}

/** What stands in the file where nobody named a server or a tool. */
export const PLACEHOLDER = { server: 'my_server', tool: 'my_tool' };
const KINDS = Object.keys(STARTER_KINDS).filter(isStarterKind);

/**
 * What the starter is to be: by the flags, and on a terminal by answers. Asks a server for its tools with `--connect`,
 * or when the person says so.
 * @throws CommandError (2) on flags that cannot be, (130) when the person leaves
 */
export async function chooseStarter(
  name: string | undefined,
  flags: NewFlags,
  config: Config,
  context: CliContext,
): Promise<Chosen> {
  const left = new CommandError(EXIT.interrupted, 'nothing was written');
  const leave = new AbortController();
  const stop = context.terminal.onInterrupt(() => leave.abort(left));
  const servers = await openServers(config, context);
  try {
    const asks = context.terminal.canAsk && flags.yes !== true && flags.json !== true;
    const chooser = asks ? new Asked(context.terminal, leave.signal, left) : new Given();
    return await choose(name, flags, chooser, servers, leave.signal);
  } finally {
    stop();
    await servers?.close();
  }
}

/** Nothing where there is no servers file: then a name stands in its place. */
async function openServers(config: Config, context: CliContext): Promise<ServersDoor | undefined> {
  if (!config.serversGiven && !(await exists(config.servers))) return undefined;
  return await context.openServers(config, loggerOf({ ...config, logLevel: 'error' }, context.terminal));
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}

async function choose(
  given: string | undefined,
  flags: NewFlags,
  chooser: Chooser,
  servers: ServersDoor | undefined,
  signal: AbortSignal,
): Promise<Chosen> {
  if (given !== undefined) throwIf('NAME', nameProblem(given));
  const name =
    given ?? (await chooser.text('Name of the workflow, which becomes a tool of this name', undefined, nameProblem));
  const kind = await chooseKind(flags, chooser);
  const description =
    flags.description ??
    (await chooser.text('Description: what is it good for?', `${upperFirst(STARTER_KINDS[kind])}.`, () => undefined));
  const inputs = (flags.input ?? []).map((text) => readInput(text));
  const { server, tool, facts } = await chooseTool(flags, chooser, servers, signal);
  const own = flags.input === undefined ? await askInputs(facts, chooser) : inputs;
  const wanted = facts === undefined ? undefined : inputsOf(facts.inputSchema);
  const call = argumentsFor(kind, own, wanted?.inputs);
  const timezone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';
  const choice = { name, description, kind, server, tool, timezone, inputs: call.inputs, arguments: call.arguments };
  const others = wanted?.others ?? [];
  const notes = others.length === 0 ? {} : { call: plainLine(`It also takes: ${others.join(', ')}`) };
  return { choice, notes, isListed: servers?.names.includes(server) === true };
}

function nameProblem(name: string): string | undefined {
  if (name.startsWith('.')) return 'a name begins with a letter, a digit, _ or -';
  return WORKFLOW_NAME.test(name) ? undefined : 'a name has letters, digits, _ . - and at most 128 of them';
}

function throwIf(flag: string, problem: string | undefined): void {
  if (problem !== undefined) throw usageError(`${flag}: ${problem}`);
}

function readInput(text: string): StarterInput {
  const input = parseInput(text);
  if (typeof input === 'string') throw usageError(`--input ${input}`);
  return input;
}

async function chooseKind(flags: NewFlags, chooser: Chooser): Promise<StarterKind> {
  const word = flags.kind;
  if (word !== undefined) {
    if (isStarterKind(word)) return word;
    const near = nearest(word, KINDS);
    throw usageError(
      `--kind ${word}: ${near === undefined ? `expected ${KINDS.join(', ')}` : `did you mean '${near}'?`}`,
    );
  }
  const options = KINDS.map((kind) => ({ value: kind, about: STARTER_KINDS[kind] }));
  const chosen = await chooser.one('What shall it do?', options, 'tool', false);
  return isStarterKind(chosen) ? chosen : 'tool';
}

interface ChosenTool {
  readonly server: string;
  readonly tool: string;
  /** What the server says about it, when it was asked and has it. */
  readonly facts?: ToolFacts;
}

async function chooseTool(
  flags: NewFlags,
  chooser: Chooser,
  servers: ServersDoor | undefined,
  signal: AbortSignal,
): Promise<ChosenTool> {
  const names = servers?.names ?? [];
  if (flags.connect === true && names.length === 0)
    throw usageError('--connect: the servers file lists no server (--servers names another)');
  const options = names.map((value) => ({ value, about: '' }));
  const server =
    flags.server ??
    (names.length === 0
      ? await chooser.text('Server that it calls', PLACEHOLDER.server, () => undefined)
      : await chooser.one('Which server does it call?', options, names[0] ?? PLACEHOLDER.server, true));
  const listed = names.includes(server);
  if (flags.connect === true && !listed) throw usageError(`--server ${server}: unknown; there are ${names.join(', ')}`);
  if (
    servers !== undefined &&
    listed &&
    (flags.connect === true || (await chooser.yes(`Start '${server}' and ask for its tools?`)))
  ) {
    const tools = await toolsOf(server, servers, flags, chooser, signal);
    if (tools !== undefined) return await chooseListed(server, tools, flags, chooser);
  }
  const tool = flags.tool ?? (await chooser.text('Tool that it calls', PLACEHOLDER.tool, () => undefined));
  return { server, tool };
}

async function toolsOf(
  server: string,
  servers: ServersDoor,
  flags: NewFlags,
  chooser: Chooser,
  signal: AbortSignal,
): Promise<readonly ToolFacts[] | undefined> {
  try {
    return await servers.tools(server, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (flags.connect === true) throw new CommandError(EXIT.failed, messageOf(error));
    chooser.say(`${messageOf(error)}\n`);
    return undefined;
  }
}

async function chooseListed(
  server: string,
  tools: readonly ToolFacts[],
  flags: NewFlags,
  chooser: Chooser,
): Promise<ChosenTool> {
  const names = tools.map(({ name }) => name);
  if (flags.tool !== undefined && !names.includes(flags.tool)) {
    const near = nearest(flags.tool, names);
    const hint = near === undefined ? `it has ${names.slice(0, 12).join(', ') || 'none'}` : `did you mean '${near}'?`;
    throw usageError(`--tool ${flags.tool}: '${server}' has no such tool; ${hint}`);
  }
  const options = tools.map(({ name, description, title }) => ({
    value: name,
    about: firstLine(title ?? description ?? ''),
  }));
  const tool = flags.tool ?? (await chooser.one('Which tool?', options, names[0] ?? PLACEHOLDER.tool, true));
  const facts = tools.find(({ name }) => name === tool);
  return { server, tool, ...(facts === undefined ? {} : { facts }) };
}

async function askInputs(facts: ToolFacts | undefined, chooser: Chooser): Promise<readonly StarterInput[]> {
  if (facts !== undefined) {
    const { inputs } = inputsOf(facts.inputSchema);
    if (inputs.length > 0)
      chooser.say(`'${facts.name}' needs ${inputs.map(({ name }) => name).join(', ')}: they become inputs.\n`);
    return inputs;
  }
  const check = (text: string): string | undefined => {
    const input = parseInput(text);
    return typeof input === 'string' ? input : undefined;
  };
  const lines = await chooser.lines(
    'Inputs, one a line: name, name:type or name:type=default. An empty line ends.',
    check,
  );
  return lines.map(readInput);
}

/**
 * Each argument that the tool insists on comes from the input of its name; without knowing the tool, each input is
 * handed on. For `fan-out` the first one that the tool insists on is the item.
 */
function argumentsFor(
  kind: StarterKind,
  own: readonly StarterInput[],
  wanted: readonly StarterInput[] | undefined,
): { readonly inputs: readonly StarterInput[]; readonly arguments: JsonObject } {
  const inputs = new Map([...(wanted ?? []), ...own].map((input) => [input.name, input]));
  const names = (wanted ?? own).map(({ name }) => name);
  const item = kind === 'fan-out' ? (wanted?.[0]?.name ?? 'item') : undefined;
  const itemType = item === undefined ? undefined : inputs.get(item)?.schema['type'];
  if (item !== undefined) inputs.delete(item);
  const list = {
    ...ITEMS,
    schema: { ...ITEMS.schema, ...(itemType === undefined ? {} : { items: { type: itemType } }) },
  };
  const others = names.filter((name) => name !== item && (kind !== 'fan-out' || name !== ITEMS.name));
  return {
    inputs: item === undefined || inputs.has(ITEMS.name) ? [...inputs.values()] : [list, ...inputs.values()],
    arguments: Object.fromEntries([
      ...(item === undefined ? [] : [[item, '{{item}}'] as const]),
      ...others.map((name) => [name, inputTemplate(name)] as const),
    ]),
  };
}

function firstLine(text: string): string {
  const line = plainLine((text.trim().split('\n')[0] ?? '').trim());
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}

function upperFirst(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}
