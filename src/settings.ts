import { z } from 'zod';
import { DEFAULT_ENGINE_LIMITS } from './engine/limits.ts';
import { DEFAULT_LIMITS } from './tasks/limits.ts';

/**
 * Every setting there is, in one table: its key in `mcp-workflow.json`, from which the flag (`log_level` →
 * `--log-level`) and the environment variable (`MCP_WORKFLOW_LOG_LEVEL`) follow. docs/configuration.md lists them and a
 * test compares the two.
 */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Where HTTP listens. Port 0 = any free port. */
export interface HttpAddress {
  readonly host: string;
  readonly port: number;
}

/** A static bearer token; the name is the principal of whoever presents it. */
export interface NamedToken {
  readonly name: string;
  readonly token: string;
}

/** How a setting is read. `schema` takes text (flag, environment) as well as the JSON value of the file. */
export interface Setting<T> {
  readonly schema: z.ZodType<T>;
  readonly fallback: T;
  /** Relative values are resolved against the file's folder, or the current one. */
  readonly isPath?: boolean;
  /** No flag, because a command line can be read by every user of the machine. */
  readonly secret?: boolean;
  /** What the flag takes, for the help; absent = a switch. */
  readonly takes?: string;
  readonly help: string;
}

const NO_ADDRESS =
  'expected a folder: tasks are kept there in SQLite. A PostgreSQL database is named by store; no other store is supported';
const STORE_ADDRESS = /^(?:sqlite:|postgres(?:ql)?:\/\/\S*)$/iu;
const STORES = 'expected sqlite: (in the folder of data) or postgres://user@host:port/database';
const path = z.string('expected a path').min(1, 'expected a path');

const toggle = z.preprocess(
  (value) => (typeof value === 'string' ? (SWITCH_WORDS.get(value.toLowerCase()) ?? value) : value),
  z.boolean('expected true or false'),
);
const SWITCH_WORDS = new Map([
  ['1', true],
  ['true', true],
  ['yes', true],
  ['on', true],
  ['0', false],
  ['false', false],
  ['no', false],
  ['off', false],
]);

function whole(unit: string, min: number, max = Number.MAX_SAFE_INTEGER): z.ZodType<number> {
  const range = max === Number.MAX_SAFE_INTEGER ? `at least ${min}` : `from ${min} to ${max}`;
  const text = `expected a whole number of ${unit}, ${range}`;
  return z.preprocess(
    (value) => (typeof value === 'string' && /^\d{1,15}$/.test(value.trim()) ? Number(value) : value),
    z.int(text).min(min, text).max(max, text),
  );
}

const list = z.preprocess(
  (value) =>
    typeof value === 'string'
      ? value
          .split(',')
          .map((part) => part.trim())
          .filter((part) => part !== '')
      : value,
  z.array(z.string(), 'expected a list, or text with commas between the entries'),
);

const ADDRESS = /^(?:(?<host>\[[0-9A-Fa-f:.]+\]|[^:\s[\]]+):)?(?<port>\d{1,5})$/;

const address = z
  .preprocess((value) => (typeof value === 'number' ? String(value) : value), z.string('expected [HOST:]PORT'))
  .transform((text, context): HttpAddress => {
    const groups = ADDRESS.exec(text.trim())?.groups;
    const port = Number(groups?.['port']);
    if (groups === undefined || port > 65_535) {
      context.addIssue({ code: 'custom', message: 'expected [HOST:]PORT with a port from 0 to 65535' });
      return z.NEVER;
    }
    return { host: (groups['host'] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
  });

const TOKEN_PARTS = /^(?<name>[A-Za-z0-9_.@-]{1,64})=(?<token>\S{16,})$/;
const TOKEN_TEXT = 'expected name=token entries with tokens of at least 16 characters';

const tokens = z
  .preprocess(
    (value) =>
      typeof value === 'object' && value !== null && !Array.isArray(value)
        ? Object.entries(value).map(([name, token]) => `${name}=${String(token)}`)
        : value,
    list,
  )
  .transform((entries, context): readonly NamedToken[] =>
    entries.map((entry) => {
      const groups = TOKEN_PARTS.exec(entry)?.groups;
      if (groups?.['name'] === undefined || groups['token'] === undefined || groups['name'] === 'local') {
        context.addIssue({ code: 'custom', message: TOKEN_TEXT });
        return z.NEVER;
      }
      return { name: groups['name'], token: groups['token'] };
    }),
  );

const DAY_MS = 86_400_000;

function setting<T>(value: Setting<T>): Setting<T> {
  return value;
}

export const SETTINGS = {
  definitions: setting({
    schema: path,
    fallback: './definitions',
    isPath: true,
    takes: 'DIR',
    help: 'folder with the workflow definitions',
  }),
  servers: setting({
    schema: path,
    fallback: './servers.json',
    isPath: true,
    takes: 'FILE',
    help: 'the mcpServers file: the servers that workflows may use',
  }),
  models: setting({
    schema: path,
    fallback: './models.json',
    isPath: true,
    takes: 'FILE',
    help: 'the models file: the models that workflows may ask',
  }),
  data: setting({
    schema: path.refine((text) => !/^[a-z][a-z0-9+.-]*:\/\//iu.test(text), NO_ADDRESS),
    fallback: './data',
    isPath: true,
    takes: 'DIR',
    help: 'folder of the task store',
  }),
  store: setting({
    schema: z.string(STORES).regex(STORE_ADDRESS, STORES),
    fallback: 'sqlite:',
    takes: 'URL',
    help: 'where tasks are kept: sqlite: (in the data folder) or postgres://…',
  }),
  stdio: setting({ schema: toggle, fallback: false, help: 'serve on standard input and output' }),
  http: setting<HttpAddress>({
    schema: address,
    fallback: { host: '127.0.0.1', port: 3000 },
    takes: '[HOST:]PORT',
    help: 'serve Streamable HTTP at this address',
  }),
  log_level: setting<LogLevel>({
    schema: z.enum(LOG_LEVELS, `expected one of ${LOG_LEVELS.join(', ')}`),
    fallback: 'info',
    takes: 'LEVEL',
    help: `how much is logged: ${LOG_LEVELS.join(', ')}`,
  }),
  inline_wait_ms: setting({
    schema: whole('milliseconds', 0, DAY_MS),
    fallback: 45_000,
    takes: 'MS',
    help: 'how long a call without Tasks is kept open before it answers with the id of the task',
  }),
  expose: setting<readonly string[]>({
    schema: list,
    fallback: [],
    takes: 'LIST',
    help: 'publish only these workflows: names and tag:NAME, with commas between',
  }),
  compact: setting({
    schema: toggle,
    fallback: false,
    help: 'publish workflow_search and workflow_run instead of one tool per workflow',
  }),
  planner: setting({
    schema: toggle,
    fallback: false,
    help: 'publish the planner: ten tools for requests, their tasks and approvals',
  }),
  schedules: setting({
    schema: toggle,
    fallback: true,
    help: 'begin no scheduled runs; they stand still as in a downtime',
  }),
  ui: setting({
    schema: toggle,
    fallback: true,
    help: 'serve no web pages over HTTP',
  }),
  result_limit_bytes: setting({
    schema: whole('bytes', 1024),
    fallback: 100_000,
    takes: 'BYTES',
    help: 'larger results become a summary and a resource link for clients without Tasks',
  }),
  ttl_default_ms: setting({
    schema: whole('milliseconds', 1000),
    fallback: DEFAULT_LIMITS.ttlDefault ?? DAY_MS,
    takes: 'MS',
    help: 'how long a task and its result are kept when the client asks for nothing',
  }),
  ttl_max_ms: setting({
    schema: whole('milliseconds', 1000),
    fallback: DEFAULT_LIMITS.ttlMax ?? 30 * DAY_MS,
    takes: 'MS',
    help: 'the longest a client may ask for',
  }),
  max_open_tasks: setting({
    schema: whole('tasks', 1),
    fallback: DEFAULT_LIMITS.openTasks,
    takes: 'N',
    help: 'open tasks in all; further calls are refused',
  }),
  max_open_tasks_per_principal: setting({
    schema: whole('tasks', 1),
    fallback: DEFAULT_LIMITS.openTasksPerPrincipal,
    takes: 'N',
    help: 'open tasks of one caller',
  }),
  max_argument_bytes: setting({
    schema: whole('bytes', 1024),
    fallback: DEFAULT_LIMITS.argumentBytes,
    takes: 'BYTES',
    help: 'size of the arguments of one call',
  }),
  max_result_bytes: setting({
    schema: whole('bytes', 1024),
    fallback: DEFAULT_LIMITS.outcomeBytes,
    takes: 'BYTES',
    help: 'size of the result of one task',
  }),
  max_step_bytes: setting({
    schema: whole('bytes', 1024),
    fallback: DEFAULT_LIMITS.entryBytes,
    takes: 'BYTES',
    help: 'size of one checkpoint: what a single step may leave behind',
  }),
  max_history: setting({
    schema: whole('entries', 100),
    fallback: DEFAULT_LIMITS.entries,
    takes: 'N',
    help: 'journal entries of one task',
  }),
  max_crashes: setting({
    schema: whole('crashes', 1, 1000),
    fallback: DEFAULT_LIMITS.crashes,
    takes: 'N',
    help: 'crashes in a row as a task begins to run, after which it is given up',
  }),
  max_expression_ms: setting({
    schema: whole('milliseconds', 100, 600_000),
    fallback: 30_000,
    takes: 'MS',
    help: 'how long one JSONata expression may take',
  }),
  max_expression_mb: setting({
    schema: whole('megabytes', 16, 16_384),
    fallback: 1024,
    takes: 'MB',
    help: 'most memory of a worker that evaluates a JSONata expression; it is given less for little',
  }),
  max_json_values: setting({
    schema: whole('values', 1000),
    fallback: 100_000,
    takes: 'N',
    help: 'values in one message of a client: members of objects, items of lists',
  }),
  max_argument_depth: setting({
    schema: whole('levels', 1, 1000),
    fallback: DEFAULT_LIMITS.argumentDepth,
    takes: 'N',
    help: 'nesting of the arguments of one call',
  }),
  max_depth: setting({
    schema: whole('levels', 0, 100),
    fallback: DEFAULT_LIMITS.depth,
    takes: 'N',
    help: 'nesting of child workflows',
  }),
  max_descendants: setting({
    schema: whole('tasks', 0),
    fallback: DEFAULT_LIMITS.descendants,
    takes: 'N',
    help: 'tasks that one task may have below itself, those that they start included',
  }),
  max_steps: setting({
    schema: whole('steps', 1),
    fallback: DEFAULT_ENGINE_LIMITS.stepsPerTask,
    takes: 'N',
    help: 'steps of one task, each iteration and each skipped one counted',
  }),
  max_fan_out: setting({
    schema: whole('items', 1),
    fallback: DEFAULT_ENGINE_LIMITS.fanOut,
    takes: 'N',
    help: 'items of a foreach, branches of a parallel step',
  }),
  max_at_once: setting({
    schema: whole('lanes', 1),
    fallback: DEFAULT_ENGINE_LIMITS.lanes,
    takes: 'N',
    help: 'what runs at the same time in all fan-outs of one task',
  }),
  max_iterations: setting({
    schema: whole('iterations', 1),
    fallback: DEFAULT_ENGINE_LIMITS.loopIterations,
    takes: 'N',
    help: 'iterations of a loop',
  }),
  max_output_bytes: setting({
    schema: whole('bytes', 1024),
    fallback: DEFAULT_ENGINE_LIMITS.outputBytes,
    takes: 'BYTES',
    help: 'size of the output of one step',
  }),
  poll_interval_ms: setting({
    schema: whole('milliseconds', 10, DAY_MS),
    fallback: DEFAULT_LIMITS.pollInterval,
    takes: 'MS',
    help: 'how long a client that polls is told to wait',
  }),
  allowed_hosts: setting<readonly string[]>({
    schema: list,
    fallback: [],
    takes: 'LIST',
    help: 'Host header values accepted beside the loopback names',
  }),
  allowed_origins: setting<readonly string[]>({
    schema: list,
    fallback: [],
    takes: 'LIST',
    help: 'Origin header values accepted beside the loopback ones',
  }),
  tokens: setting<readonly NamedToken[]>({
    schema: tokens,
    fallback: [],
    secret: true,
    help: 'bearer tokens accepted over HTTP, as name=token entries',
  }),
  allow_insecure: setting({
    schema: toggle,
    fallback: false,
    help: 'allow an address other than loopback without tokens',
  }),
};

export type SettingName = keyof typeof SETTINGS;
export type SettingValues = { readonly [K in SettingName]: (typeof SETTINGS)[K]['fallback'] };

/** `log_level` → `MCP_WORKFLOW_LOG_LEVEL`. */
export function environmentName(key: string): string {
  return `MCP_WORKFLOW_${key.toUpperCase()}`;
}

/** `log_level` → `--log-level`. */
export function flagName(key: string): string {
  return `--${key.replaceAll('_', '-')}`;
}

/** A switch that is on unless it is turned off: its flag is `--no-schedules`. */
export function isOnByDefault(key: string): boolean {
  return Object.hasOwn(SETTINGS, key) && SETTINGS[key as SettingName].fallback === true;
}

/** The flag as commander's help shows it, or `undefined` for a setting without one. */
export function flagSyntax(key: SettingName): string | undefined {
  const { secret, takes } = SETTINGS[key];
  if (secret === true) return undefined;
  if (isOnByDefault(key)) return `--no-${flagName(key).slice(2)}`;
  return takes === undefined ? flagName(key) : `${flagName(key)} <${takes}>`;
}
