/**
 * The one place that constructs and wires. Everything below gets what it needs as arguments; everything above (`cli`) gets an
 * `Engine`. Order matters at the start: store, definitions, task manager (which orders the recovery), and only then a transport.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { ConfigError } from './config.ts';
import { systemClock } from './core/clock.ts';
import { messageOf } from './core/failure.ts';
import { PRODUCT } from './core/product.ts';
import { isJsonObject } from './core/json.ts';
import { silentLogger } from './core/logger.ts';
import type { Logger } from './core/logger.ts';
import { DefinitionsFolderError } from './definition/definition-files.ts';
import { definitionJsonSchema } from './definition/json-schema.ts';
import type { JsonSchema } from './definition/model.ts';
import { DefinitionRegistry, issueText } from './definition/registry.ts';
import { parseSnapshot } from './definition/snapshot.ts';
import { parseServersFile } from './downstream/catalog.ts';
import { DownstreamPool } from './downstream/pool.ts';
import type { ServerCatalog } from './downstream/server-config.ts';
import type { ToolFacts as DownstreamTool } from './downstream/tool-table.ts';
import { readServersFile } from './downstream/servers-file.ts';
import { createWorkflowRunner } from './engine/runner.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from './protocol/deps.ts';
import type { Health, ProtocolDeps, ToolFacts } from './protocol/deps.ts';
import { unmatchedExposure } from './protocol/tools.ts';
import { BASE as API_BASE } from './rest/problem.ts';
import { ScheduleMetrics } from './schedule/metrics.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { scheduleObject, Schedules } from './schedule/schedules.ts';
import { stepKinds, stepSyntaxes } from './steps/index.ts';
import { metricText } from './core/metrics-text.ts';
import { MeasuredStore } from './store/measured-store.ts';
import { KeyvTaskStore } from './store/keyv-task-store.ts';
import { writableByOthers } from './store/writable-by-others.ts';
import { useExpressionPool } from './definition/expression/jsonata.ts';
import { JsonataPool } from './definition/expression/jsonata-pool.ts';
import { openIfThere } from './store/open-if-there.ts';
import { MemoryTaskStore } from './store/memory-task-store.ts';
import { sharedSecret } from './store/shared-secret.ts';
import { TaskMetrics } from './tasks/metrics.ts';
import { TaskManager } from './tasks/task-manager.ts';
import type { Greeted } from './transports/greeter.ts';
import type { TaskStore } from './tasks/task-store.ts';

const DATABASE = 'tasks.sqlite';

export interface EngineOptions {
  /** `all`: runs its own tasks and those nobody runs. `own`: those it creates. `none`: looks and answers only. */
  readonly claims: 'all' | 'own' | 'none';
  readonly logger: Logger;
  /** Take over changed definitions while running. */
  readonly watch?: boolean;
  /** A data folder that does not exist is not made, and looks empty. */
  readonly onlyLooks?: boolean;
  /** Go on without a folder of definitions, and say where there are no tasks at all. */
  readonly aboutTasks?: boolean;
  /** Called when the definitions are known and nothing has been made yet; what it throws ends the opening. */
  readonly prepare?: (definitions: DefinitionRegistry) => Promise<void>;
}

/** A running engine. Close it: until then it holds the store, timers and child processes. */
export interface Engine {
  readonly definitions: DefinitionRegistry;
  readonly tasks: TaskManager;
  readonly downstream: DownstreamPool;
  readonly store: TaskStore;
  /** Looks at schedules and steers them. They run in processes that claim `all`. */
  readonly schedules: Schedules;
  schema(): JsonSchema;
  /** Serves Streamable HTTP; rejects when the address cannot be used. Port 0 = any. */
  serveHttp(host: string, port: number): Promise<{ readonly url: string; close(): Promise<void> }>;
  /** Serves one client on standard input and output. */
  serveStdio(greeted?: Greeted): Promise<{ readonly closed: Promise<void>; close(): Promise<void> }>;
  /** Stops runs (their tasks stay open for the next start), servers and the store. */
  close(): Promise<void>;
}

/**
 * Opens everything a command needs.
 * @throws ConfigError when the definitions folder or a servers file that was named cannot be read, or the servers file has an error
 * @throws StoreError when the data folder cannot be used
 */
export async function openEngine(config: Config, options: EngineOptions): Promise<Engine> {
  const { logger } = options;
  // Who only looks at tasks did not ask about definitions; `validate` and `serve` tell.
  const advice = options.claims === 'none' ? silentLogger : logger;
  const catalog = await loadCatalog(config, advice, options.claims === 'none' ? 'pass over' : 'refuse');
  const definitions = await loadDefinitions(config, catalog, advice, options.aboutTasks === true);
  await warnOfWriters(config, definitions, advice);
  await options.prepare?.(definitions);
  const expressions = new JsonataPool(config.expressions);
  useExpressionPool(expressions);
  const store = new MeasuredStore(await openStore(config, options), systemClock);
  const downstream = openPool(config, catalog, logger);
  const tasks = new TaskManager({
    store,
    clock: systemClock,
    random: Math.random,
    ids: randomUUID,
    logger,
    definitions,
    parseSnapshot,
    runner: createWorkflowRunner(stepKinds, config.engineLimits),
    kinds: stepKinds,
    downstream,
    claims: options.claims,
    limits: config.limits,
  });
  const metrics = new TaskMetrics(tasks, systemClock);
  try {
    await tasks.start();
  } catch (error) {
    await tasks.close();
    await store.close();
    throw error;
  }
  if (options.watch === true) definitions.watch();
  const schedules = new Schedules({ store, tasks, definitions, clock: systemClock });
  const scheduleMetrics = new ScheduleMetrics();
  const scheduler = new Scheduler({ store, tasks, definitions, clock: systemClock, logger, metrics: scheduleMetrics });
  if (options.claims === 'all' && config.schedules) scheduler.start();
  const metricsText = (): string =>
    `${metrics.text()}${scheduleMetrics.text(scheduler.planned)}${store.text()}${processText()}`;
  const deps = async (): Promise<ProtocolDeps> =>
    protocolDeps(
      config,
      { definitions, tasks, downstream, store, schedules, metricsText, logger },
      await sharedSecret(store, 'request-state', (key, damage) => {
        logger.error({ key, damage }, 'a stored value is damaged; it is made anew');
      }),
    );
  return {
    definitions,
    tasks,
    downstream,
    store,
    schedules,
    schema: () => definitionJsonSchema(stepSyntaxes),
    serveHttp: async (host, port) =>
      await serveHttp(config, { ...(await deps()), schedules, definitions, downstream }, store, host, port),
    serveStdio: async (greeted) => {
      const { serveOnStdio } = await import('./transports/stdio.ts');
      return await serveOnStdio(await deps(), undefined, greeted);
    },
    close: async () => {
      metrics.close();
      await scheduler.close();
      definitions.close();
      await tasks.close();
      await downstream.close();
      await store.close();
      useExpressionPool(undefined);
      await expressions.close();
    },
  };
}

async function serveHttp(
  { tokens, allowInsecure, allowedHosts, allowedOrigins, ui }: Config,
  parts: Omit<ProtocolDeps, 'schedules'> & Pick<Parts, 'schedules' | 'definitions' | 'downstream'>,
  store: TaskStore,
  host: string,
  port: number,
): ReturnType<Engine['serveHttp']> {
  // The transports bring both SDKs; a command that serves nothing starts without them.
  const { createHttpFront } = await import('./transports/http.ts');
  const { createRestApi } = await import('./rest/app.ts');
  const { createUiPages } = await import('./ui/pages.ts');
  const { schedules, definitions, downstream } = parts;
  const rest = createRestApi({
    ...parts,
    servers: () => downstream.status().map(({ pid: _ours, ...shown }) => shown),
    issues: () => definitions.issues(),
  });
  return await createHttpFront({
    deps: { ...parts, schedules: async () => (await schedules.list()).map(scheduleObject) },
    store,
    host,
    port,
    tokens: new Map(tokens.map(({ name, token }) => [name, token])),
    allowInsecure,
    allowedHosts,
    allowedOrigins,
    mounts: new Map([[API_BASE, rest]]),
    ...(ui && { pages: createUiPages(new URL('./ui/page/', import.meta.url)) }),
  });
}

/**
 * The servers of the servers file alone, for commands that look at their tools.
 * @throws ConfigError when a servers file that was named cannot be read
 */
export async function openServers(
  config: Config,
  logger: Logger,
): Promise<{
  readonly names: readonly string[];
  tools(server: string, signal: AbortSignal): Promise<readonly DownstreamTool[]>;
  close(): Promise<void>;
}> {
  const pool = openPool(config, await loadCatalog(config, logger, 'refuse'), logger);
  return {
    names: pool.status().map(({ server }) => server),
    tools: async (server, signal) => {
      await pool.connect(server, signal);
      return pool.tools(server) ?? [];
    },
    close: () => pool.close(),
  };
}

/** What decides what is run, and what was run, should be changed by its owner only. */
async function warnOfWriters(config: Config, definitions: DefinitionRegistry, logger: Logger): Promise<void> {
  const files = definitions.list().map(({ file }) => file);
  const paths = [config.definitions, config.servers, config.data, config.settingsFile, ...files];
  for (const path of await writableByOthers(paths)) {
    logger.warn({ path }, 'writable by every user of this machine: take the right away (chmod o-w)');
  }
}

async function openStore({ data }: Config, { onlyLooks, aboutTasks, logger }: EngineOptions): Promise<TaskStore> {
  if (onlyLooks !== true) return await KeyvTaskStore.open(join(data, DATABASE));
  const found = await openIfThere(data, DATABASE);
  if (found !== undefined) return found;
  if (aboutTasks === true) logger.warn({ data }, 'there are no tasks in this data folder yet');
  return new MemoryTaskStore();
}

function openPool(config: Config, catalog: ServerCatalog, logger: Logger): DownstreamPool {
  return new DownstreamPool({
    catalog,
    environment: config.environment,
    clock: systemClock,
    logger,
    random: Math.random,
    clientInfo: serverInfo(),
  });
}

interface Parts {
  readonly definitions: DefinitionRegistry;
  readonly tasks: TaskManager;
  readonly downstream: DownstreamPool;
  readonly store: TaskStore;
  readonly schedules: Schedules;
  readonly metricsText: () => string;
  readonly logger: Logger;
}

function protocolDeps(config: Config, parts: Parts, requestStateKey: Uint8Array): ProtocolDeps {
  const { definitions, tasks, downstream, store, schedules, metricsText, logger } = parts;
  const settings = {
    ...DEFAULT_PROTOCOL_SETTINGS,
    inlineWaitMs: config.inlineWaitMs,
    resultLimitBytes: config.resultLimitBytes,
    compact: config.compact,
    messageBounds: { ...DEFAULT_PROTOCOL_SETTINGS.messageBounds, values: config.maxJsonValues },
    ...(config.expose === undefined ? {} : { expose: config.expose }),
  };
  const unmatched = unmatchedExposure({ definitions, settings });
  if (unmatched.length > 0) logger.warn({ expose: unmatched }, 'expose names what no workflow has, as name or as tag');
  return {
    tasks,
    definitions,
    facts: (server, tool) => trustedFacts(downstream, server, tool),
    syntaxes: stepSyntaxes,
    schema: () => definitionJsonSchema(stepSyntaxes),
    schedules: async () => (await schedules.list()).map(scheduleObject),
    logger,
    clock: systemClock,
    ids: randomUUID,
    settings,
    health: () => readiness(tasks, store),
    metrics: metricsText,
    requestStateKey,
    serverInfo: serverInfo(),
  };
}

/** The memory of this process, by the names that dashboards know. */
function processText(): string {
  const { rss, heapUsed } = process.memoryUsage();
  return (
    metricText('process_resident_memory_bytes', 'gauge', 'Resident memory of this process.', [['', rss]]) +
    metricText('nodejs_heap_size_used_bytes', 'gauge', 'Used heap of this process.', [['', heapUsed]])
  );
}

/** Ready = recovery has been ordered, no write fails and a small one can be made durable now. */
async function readiness(tasks: TaskManager, store: TaskStore): Promise<Health> {
  const { recovered, writable, reason } = tasks.health();
  const problems = recovered ? [] : ['recovery has not finished'];
  if (!writable) problems.push(`the store cannot be written: ${reason ?? 'a write has failed'}`);
  else
    try {
      await store.probe();
    } catch (error) {
      problems.push(`the store cannot be written: ${messageOf(error)}`);
    }
  return { ready: problems.length === 0, problems };
}

/** What a trusted server says of its tool; annotations of any other server are not believed. */
function trustedFacts(downstream: DownstreamPool, server: string, tool: string): ToolFacts | undefined {
  const annotations = downstream.trusts(server) ? downstream.toolFacts(server, tool)?.annotations : undefined;
  if (annotations === undefined) return undefined;
  const hint = (name: string): boolean | undefined => {
    const value = annotations[name];
    return typeof value === 'boolean' ? value : undefined;
  };
  const [readOnly, destructive, idempotent, openWorld] = [
    hint('readOnlyHint'),
    hint('destructiveHint'),
    hint('idempotentHint'),
    hint('openWorldHint'),
  ];
  return {
    ...(readOnly === undefined ? {} : { readOnly }),
    ...(destructive === undefined ? {} : { destructive }),
    ...(idempotent === undefined ? {} : { idempotent }),
    ...(openWorld === undefined ? {} : { openWorld }),
  };
}

/** `errors`: who only looks at tasks can do so with a servers file that is wrong. */
async function loadCatalog(config: Config, logger: Logger, errors: 'refuse' | 'pass over'): Promise<ServerCatalog> {
  const unreadable = (why: string): ConfigError =>
    new ConfigError([`${config.servers}: the servers file cannot be read (${why}): name another with --servers`]);
  const text = await readServersFile(config.servers).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (text === undefined) {
    if (config.serversGiven) throw unreadable('it does not exist');
    logger.warn({ file: config.servers }, 'no servers file: workflows that call servers will fail');
    return { file: config.servers, servers: new Map() };
  }
  const { catalog, issues } = parseServersFile(text, config.servers);
  const wrong = issues.filter((issue) => issue.severity === 'error');
  if (wrong.length > 0 && errors === 'refuse') throw new ConfigError(wrong.map(issueText));
  for (const issue of issues) logger.warn({ code: issue.code }, issueText(issue));
  return catalog;
}

async function loadDefinitions(
  config: Config,
  catalog: ServerCatalog,
  logger: Logger,
  optional: boolean,
): Promise<DefinitionRegistry> {
  const options = {
    dir: config.definitions,
    syntaxes: stepSyntaxes,
    servers: new Set(catalog.servers.keys()),
    logger,
    clock: systemClock,
  };
  try {
    return await DefinitionRegistry.load(options);
  } catch (error) {
    if (error instanceof DefinitionsFolderError && optional) return DefinitionRegistry.empty(options);
    if (error instanceof DefinitionsFolderError) throw new ConfigError([error.message]);
    throw error;
  }
}

/** Name and version as package.json has them. */
export function serverInfo(): { readonly name: string; readonly version: string } {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const version = isJsonObject(manifest) ? manifest['version'] : undefined;
  return { name: PRODUCT, version: typeof version === 'string' ? version : '0.0.0' };
}
