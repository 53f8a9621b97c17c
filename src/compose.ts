/**
 * The one place that constructs and wires. Everything below gets what it needs as arguments; everything above (`cli`)
 * gets an
 * `Engine`. Order matters at the start: store, definitions, task manager (which orders the recovery), and only then a
 * transport.
 */
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { systemClock } from './core/clock.ts';
import { silentLogger } from './core/logger.ts';
import type { Logger } from './core/logger.ts';
import { definitionJsonSchema } from './definition/json-schema.ts';
import type { JsonSchema } from './definition/model.ts';
import type { DefinitionRegistry } from './definition/registry.ts';
import { parseSnapshot } from './definition/snapshot.ts';
import { DownstreamPool } from './downstream/pool.ts';
import type { ServerCatalog } from './downstream/server-config.ts';
import type { ToolFacts as DownstreamTool } from './downstream/tool-table.ts';
import { createWorkflowRunner } from './engine/runner.ts';
import { ModelPool } from './models/model-pool.ts';
import type { ProtocolDeps } from './protocol/deps.ts';
import { ScheduleMetrics } from './schedule/metrics.ts';
import { Scheduler } from './schedule/scheduler.ts';
import { Schedules } from './schedule/schedules.ts';
import { stepKinds, stepSyntaxes } from './steps/index.ts';
import { MeasuredStore } from './store/measured-store.ts';
import { KeyvTaskStore } from './store/keyv-task-store.ts';
import { writableByOthers } from './store/writable-by-others.ts';
import { useExpressionPool } from './definition/expression/jsonata.ts';
import { JsonataPool } from './definition/expression/jsonata-pool.ts';
import { openIfThere } from './store/open-if-there.ts';
import { openPostgres, openPostgresIfThere } from './store/open-postgres.ts';
import { MemoryTaskStore } from './store/memory-task-store.ts';
import { refuseUnfinished } from './migrate/unfinished.ts';
import { isAskedFor } from './tasks/keys.ts';
import { TaskMetrics } from './tasks/metrics.ts';
import { TaskManager } from './tasks/task-manager.ts';
import type { Greeted } from './transports/greeter.ts';
import type { TaskStore } from './store/task-store.ts';
import { loadCatalog, loadDefinitions, loadModels } from './compose/load-files.ts';
import { processText } from './compose/process-metrics.ts';
import { protocolDeps } from './compose/protocol-deps.ts';
import { serveHttp } from './compose/serve-http.ts';
import { serverInfo } from './compose/server-info.ts';
import { Planner } from './planner/planner.ts';

/** The database file in the data folder. */
export const DATABASE = 'tasks.sqlite';

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
 * @throws ConfigError when the definitions folder or a servers file that was named cannot be read, or the servers file
 *   has an error
 * @throws StoreError when the data folder cannot be used
 */
export async function openEngine(config: Config, options: EngineOptions): Promise<Engine> {
  const { logger } = options;
  // Who only looks at tasks did not ask about definitions; `validate` and `serve` tell.
  const advice = options.claims === 'none' ? silentLogger : logger;
  const catalog = await loadCatalog(config, advice, options.claims === 'none' ? 'pass over' : 'refuse');
  const modelCatalog = await loadModels(config, advice, options.claims === 'none' ? 'pass over' : 'refuse');
  const definitions = await loadDefinitions(config, catalog, modelCatalog, advice, options.aboutTasks === true);
  await warnOfWriters(config, definitions, advice);
  await options.prepare?.(definitions);
  const expressions = new JsonataPool(config.expressions);
  useExpressionPool(expressions);
  const store = new MeasuredStore(await openFilledStore(config, options), systemClock);
  const downstream = openPool(config, catalog, logger);
  const models =
    modelCatalog === undefined
      ? undefined
      : new ModelPool({ catalog: modelCatalog, environment: config.environment, clock: systemClock });
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
    ...(models === undefined ? {} : { models }),
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
  const planner = config.planner ? openPlanner(store, definitions, logger) : undefined;
  const metricsText = (): string =>
    `${metrics.text()}${scheduleMetrics.text(scheduler.planned)}${models?.metrics.text() ?? ''}${store.text()}${planner?.metrics() ?? ''}${processText()}`;
  const deps = (): Promise<ProtocolDeps> =>
    protocolDeps(config, { definitions, tasks, downstream, store, schedules, metricsText, logger, planner });
  return {
    definitions,
    tasks,
    downstream,
    store,
    schedules,
    schema: () => definitionJsonSchema(stepSyntaxes),
    serveHttp: async (host, port) =>
      await serveHttp(config, { deps: await deps(), store, schedules, definitions, downstream, planner }, host, port),
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
      await models?.close();
      await store.close();
      useExpressionPool(undefined);
      await expressions.close();
    },
  };
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
  const paths = [config.definitions, config.servers, config.models, config.data, config.settingsFile, ...files];
  for (const path of await writableByOthers(paths)) {
    logger.warn({ path }, 'writable by every user of this machine: take the right away (chmod o-w)');
  }
}

/** Half of a store is none: what `store migrate` has not filled to the end is refused. */
async function openFilledStore(config: Config, options: EngineOptions): Promise<TaskStore> {
  const store = await openStore(config, options);
  try {
    await refuseUnfinished(store);
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}

async function openStore(config: Config, { onlyLooks, aboutTasks, logger }: EngineOptions): Promise<TaskStore> {
  const { data, postgres } = config;
  const deps = {
    clock: systemClock,
    random: Math.random,
    ids: randomUUID,
    warn: (message: string) => logger.warn({}, message),
  };
  if (onlyLooks !== true) {
    return postgres === undefined
      ? await KeyvTaskStore.open(join(data, DATABASE), { readSoon: isAskedFor })
      : await openPostgres(postgres, deps);
  }
  const found = postgres === undefined ? await openIfThere(data, DATABASE) : await openPostgresIfThere(postgres, deps);
  if (found !== undefined) return found;
  if (aboutTasks === true && postgres === undefined)
    logger.warn({ data }, 'there are no tasks in this data folder yet');
  else if (aboutTasks === true) logger.warn({}, 'there are no tasks in this database yet');
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

function openPlanner(store: TaskStore, definitions: DefinitionRegistry, logger: Logger): Planner {
  const reported = new Set<string>();
  const reportDamage = (key: string, damage: string): void => {
    if (reported.has(key)) return;
    reported.add(key);
    logger.error({ key, damage }, 'a stored value of the planner is damaged');
  };
  const planner = new Planner({ store, clock: systemClock, reportDamage });
  const hidden = planner.tools.map(({ name }) => name).filter((name) => definitions.get(name) !== undefined);
  if (hidden.length > 0)
    logger.warn({ workflows: hidden }, 'tools of the planner have these names: rename the workflows');
  return planner;
}
