import { closeSync, openSync, readSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf } from './core/failure.ts';
import { decodeText } from './core/text-file.ts';
import { deepFreeze, isJsonObject } from './core/json.ts';
import { nearest } from './core/suggest.ts';
import { environmentName, flagName, SETTINGS } from './settings.ts';
import type { HttpAddress, LogLevel, NamedToken, SettingName, SettingValues } from './settings.ts';
import { DEFAULT_ENGINE_LIMITS } from './engine/limits.ts';
import type { EngineLimits } from './engine/limits.ts';
import { DEFAULT_LIMITS } from './tasks/limits.ts';
import type { TaskLimits } from './tasks/limits.ts';

/**
 * Variables of the process, as a plain value. Secrets of the servers file (`${NAME}`) are taken from it at connect
 * time.
 */
export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Everything that can be set, resolved and checked. Frozen. Paths are absolute, sizes in bytes, times in milliseconds.
 */
export interface Config {
  readonly definitions: string;
  readonly servers: string;
  /** False: nobody named a servers file, so it is fine when the default one does not exist. */
  readonly serversGiven: boolean;
  readonly models: string;
  /** False: nobody named a models file, so it is fine when the default one does not exist. */
  readonly modelsGiven: boolean;
  readonly data: string;
  /** Address of the PostgreSQL database with the tasks, perhaps with a password. Absent = SQLite in `data`. */
  readonly postgres?: string;
  /** What `serve` serves on: at least one of the two. */
  readonly transports: { readonly stdio: boolean; readonly http?: HttpAddress };
  readonly logLevel: LogLevel;
  readonly inlineWaitMs: number;
  /** Absent = every workflow. */
  readonly expose?: { readonly names: readonly string[]; readonly tags: readonly string[] };
  readonly compact: boolean;
  /** Whether `serve` publishes the planner. */
  readonly planner: boolean;
  /** Whether `serve` runs the schedules of workflows. */
  readonly schedules: boolean;
  /** Whether HTTP serves the web pages. */
  readonly ui: boolean;
  readonly resultLimitBytes: number;
  readonly limits: TaskLimits;
  readonly engineLimits: EngineLimits;
  readonly maxJsonValues: number;
  readonly expressions: { readonly deadlineMs: number; readonly memoryMb: number };
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly tokens: readonly NamedToken[];
  readonly allowInsecure: boolean;
  /** Not frozen into texts or logs anywhere: it holds secrets. */
  readonly environment: Environment;
  /** The settings file that was looked for; it may not exist. */
  readonly settingsFile: string;
  /** Things that look like slips but do not stop us, for the log. */
  readonly warnings: readonly string[];
}

/** Flags as the command line gives them, by setting key: text, or `true` for a switch. */
export type Flags = { readonly [K in SettingName]?: string | boolean | undefined } & {
  readonly config?: string | undefined;
};

/**
 * The configuration is wrong. `problems` says for each what, where and what to do; the process ends with exit code 2.
 */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly string[];
  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** A raw value with where it came from, for messages and for resolving relative paths. */
interface Raw {
  readonly value: unknown;
  readonly origin: string;
  readonly folder: string;
}
type RawValues = Partial<Record<SettingName, Raw>>;

const DEFAULT_FILE = 'mcp-workflow.json';
const FILE_LIMIT_BYTES = 1_048_576;
const KEYS = Object.keys(SETTINGS).filter(isSettingName);

/**
 * Flag beats environment beats file beats default, setting by setting; which transports are served is decided by the
 * first of these sources that names one. Reads the file, the environment and nothing else.
 * @throws ConfigError naming every problem at once
 */
export function loadConfig(
  flags: Flags = {},
  environment: Environment = process.env,
  cwd: string = process.cwd(),
): Config {
  const problems: string[] = [];
  const warnings: string[] = [];
  const sources = [
    flagValues(flags, cwd),
    environmentValues(environment, cwd, warnings),
    fileValues(flags, environment, cwd, problems),
  ];
  const raw: RawValues = {};
  for (const key of KEYS) {
    const found = sources.find((source) => source[key] !== undefined)?.[key];
    if (found !== undefined) raw[key] = found;
  }
  // Typed by the mapped type: every key is set from its own setting.
  const values = Object.fromEntries(KEYS.map((key) => [key, read(key, raw[key], cwd, problems)])) as SettingValues;
  if (values.ttl_default_ms > values.ttl_max_ms) {
    problems.push(
      `ttl_default_ms (${values.ttl_default_ms}) is above ttl_max_ms (${values.ttl_max_ms}): lower the first`,
    );
  }
  const transports = chooseTransports(sources, values);
  if (problems.length > 0) throw new ConfigError(problems);
  return deepFreeze({
    ...toConfig(values),
    transports,
    serversGiven: raw.servers !== undefined,
    modelsGiven: raw.models !== undefined,
    environment: { ...environment },
    settingsFile: resolve(cwd, settingsNamed(flags, environment) ?? DEFAULT_FILE),
    warnings,
  });
}

function toConfig(
  values: SettingValues,
): Omit<Config, 'transports' | 'serversGiven' | 'modelsGiven' | 'environment' | 'settingsFile' | 'warnings'> {
  return {
    definitions: values.definitions,
    servers: values.servers,
    models: values.models,
    data: values.data,
    ...(values.store.toLowerCase() === 'sqlite:' ? {} : { postgres: values.store }),
    logLevel: values.log_level,
    inlineWaitMs: values.inline_wait_ms,
    ...(values.expose.length === 0 ? {} : { expose: exposed(values.expose) }),
    compact: values.compact,
    planner: values.planner,
    schedules: values.schedules,
    ui: values.ui,
    resultLimitBytes: values.result_limit_bytes,
    limits: {
      ...DEFAULT_LIMITS,
      openTasks: values.max_open_tasks,
      openTasksPerPrincipal: values.max_open_tasks_per_principal,
      argumentBytes: values.max_argument_bytes,
      entryBytes: values.max_step_bytes,
      entries: values.max_history,
      outcomeBytes: values.max_result_bytes,
      argumentDepth: values.max_argument_depth,
      crashes: values.max_crashes,
      depth: values.max_depth,
      descendants: values.max_descendants,
      ttlDefault: values.ttl_default_ms,
      ttlMax: values.ttl_max_ms,
      pollInterval: values.poll_interval_ms,
    },
    engineLimits: {
      ...DEFAULT_ENGINE_LIMITS,
      depth: values.max_depth,
      stepsPerTask: values.max_steps,
      fanOut: values.max_fan_out,
      lanes: values.max_at_once,
      loopIterations: values.max_iterations,
      outputBytes: values.max_output_bytes,
    },
    maxJsonValues: values.max_json_values,
    expressions: { deadlineMs: values.max_expression_ms, memoryMb: values.max_expression_mb },
    allowedHosts: values.allowed_hosts,
    allowedOrigins: values.allowed_origins,
    tokens: values.tokens,
    allowInsecure: values.allow_insecure,
  };
}

const TAG_PREFIX = 'tag:';

function exposed(entries: readonly string[]): NonNullable<Config['expose']> {
  return {
    names: entries.filter((entry) => !entry.startsWith(TAG_PREFIX)),
    tags: entries.flatMap((entry) => (entry.startsWith(TAG_PREFIX) ? [entry.slice(TAG_PREFIX.length)] : [])),
  };
}

/** `--stdio` on the command line means stdio and nothing else, whatever the environment or the file says about HTTP. */
function chooseTransports(sources: readonly RawValues[], values: SettingValues): Config['transports'] {
  for (const source of sources) {
    if (source.http !== undefined) return { stdio: source.stdio !== undefined && values.stdio, http: values.http };
    if (source.stdio !== undefined && values.stdio) return { stdio: true };
  }
  return { stdio: false, http: values.http };
}

function read(key: SettingName, raw: Raw | undefined, cwd: string, problems: string[]): unknown {
  const { schema, fallback, isPath, secret } = SETTINGS[key];
  const located = (value: unknown, folder: string): unknown =>
    isPath === true && typeof value === 'string' ? resolve(folder, value) : value;
  if (raw === undefined) return located(fallback, cwd);
  const parsed = schema.safeParse(raw.value);
  if (parsed.success) return located(parsed.data, raw.folder);
  const found = secret === true ? '' : `, found ${withoutPassword(JSON.stringify(raw.value))}`;
  problems.push(`${raw.origin}: ${parsed.error.issues[0]?.message ?? 'wrong value'}${found}`);
  return fallback;
}

function flagValues(flags: Flags, cwd: string): RawValues {
  const values: RawValues = {};
  for (const key of KEYS) {
    const value = flags[key];
    if (value !== undefined) values[key] = { value, origin: `flag ${flagName(key)}`, folder: cwd };
  }
  return values;
}

function environmentValues(environment: Environment, cwd: string, warnings: string[]): RawValues {
  const values: RawValues = {};
  const names = new Map(KEYS.map((key) => [environmentName(key), key]));
  for (const [name, value] of Object.entries(environment)) {
    if (!name.startsWith('MCP_WORKFLOW_') || value === undefined || value === '') continue;
    const key = names.get(name);
    if (key !== undefined) {
      values[key] = { value, origin: `environment variable ${name}`, folder: cwd };
    } else if (name !== environmentName('config')) {
      warnings.push(`environment variable ${name} is not a setting${didYouMean(name, names.keys())}`);
    }
  }
  return values;
}

function settingsNamed(flags: Flags, environment: Environment): string | undefined {
  return flags.config ?? (environment[environmentName('config')] || undefined);
}

/** An address without its user and password. */
function withoutPassword(text: string): string {
  return text.replace(/:\/\/[^/@\s]*@/gu, '://…@');
}

function fileValues(flags: Flags, environment: Environment, cwd: string, problems: string[]): RawValues {
  const named = settingsNamed(flags, environment);
  const file = resolve(cwd, named ?? DEFAULT_FILE);
  const text = readConfigFile(file, named !== undefined, problems);
  if (text === undefined) return {};
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    problems.push(`${file}: not JSON (${messageOf(error)}): correct the text`);
    return {};
  }
  if (!isJsonObject(content)) {
    problems.push(`${file}: expected a JSON object such as {"definitions": "./definitions"}`);
    return {};
  }
  const values: RawValues = {};
  for (const [key, value] of Object.entries(content)) {
    if (isSettingName(key)) values[key] = { value, origin: `${file}: "${key}"`, folder: dirname(file) };
    else if (key !== '$schema') problems.push(`${file}: "${key}" is not a setting${didYouMean(key, KEYS)}`);
  }
  return values;
}

function readConfigFile(file: string, required: boolean, problems: string[]): string | undefined {
  try {
    const text = readAtMost(file, FILE_LIMIT_BYTES);
    // Windows editors put a mark in front of UTF-8.
    if (text !== undefined) return text.replace(/^\uFEFF/, '');
    problems.push(`${file}: larger than 1 MiB: is it the right file?`);
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (!missing || required) {
      problems.push(
        `${file}: cannot be read (${messageOf(error)}): name another file with --config or MCP_WORKFLOW_CONFIG`,
      );
    }
  }
  return undefined;
}

/**
 * The text of a file, or of a pipe (`--config <(…)`); `undefined` when there is more. Never reads more than one byte
 * too many.
 */
function readAtMost(file: string, bytes: number): string | undefined {
  const content = Buffer.allocUnsafe(bytes + 1);
  const descriptor = openSync(file, 'r');
  try {
    let size = 0;
    for (let count = -1; count !== 0 && size <= bytes; size += count) {
      count = readSync(descriptor, content, size, content.length - size, null);
    }
    return size > bytes ? undefined : decodeText(content.subarray(0, size));
  } finally {
    closeSync(descriptor);
  }
}

function didYouMean(word: string, candidates: Iterable<string>): string {
  const match = nearest(word, candidates);
  return match === undefined ? '; docs/configuration.md lists them' : `; did you mean "${match}"?`;
}

function isSettingName(key: string): key is SettingName {
  return Object.hasOwn(SETTINGS, key);
}

/**
 * What a terminal may be sent: colours unless `NO_COLOR` is set (no-color.org), and neither colours nor moves of the
 * cursor where it can only print.
 */
export function wantedOnTerminal(environment: Environment = process.env): {
  readonly colour: boolean;
  readonly redraw: boolean;
} {
  const redraw = environment['TERM'] !== 'dumb';
  return { colour: redraw && (environment['NO_COLOR'] ?? '') === '', redraw };
}
