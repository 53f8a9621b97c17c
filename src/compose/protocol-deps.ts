import { randomUUID } from 'node:crypto';
import type { Config } from '../config.ts';
import { systemClock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { definitionJsonSchema } from '../definition/json-schema.ts';
import type { DefinitionRegistry } from '../definition/registry.ts';
import type { DownstreamPool } from '../downstream/pool.ts';
import type { Planner } from '../planner/planner.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from '../protocol/deps.ts';
import type { Health, ProtocolDeps, ToolFacts } from '../protocol/deps.ts';
import { unmatchedExposure } from '../protocol/tools.ts';
import { scheduleObject } from '../schedule/schedules.ts';
import type { Schedules } from '../schedule/schedules.ts';
import { stepSyntaxes } from '../steps/index.ts';
import { sharedSecret } from '../store/shared-secret.ts';
import type { TaskManager } from '../tasks/task-manager.ts';
import type { TaskStore } from '../store/task-store.ts';
import { serverInfo } from './server-info.ts';

/** What has been opened, for the protocol to serve. */
export interface Parts {
  readonly definitions: DefinitionRegistry;
  readonly tasks: TaskManager;
  readonly downstream: DownstreamPool;
  readonly store: TaskStore;
  readonly schedules: Schedules;
  readonly metricsText: () => string;
  readonly logger: Logger;
  readonly planner: Planner | undefined;
}

/** What both generations of the protocol need. */
export async function protocolDeps(config: Config, parts: Parts): Promise<ProtocolDeps> {
  const { definitions, tasks, downstream, store, schedules, metricsText, logger, planner } = parts;
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
    ...(planner === undefined ? {} : { toolRooms: [planner] }),
    logger,
    clock: systemClock,
    ids: randomUUID,
    settings,
    health: () => readiness(tasks, store),
    metrics: metricsText,
    requestStateKey: await sharedSecret(store, 'request-state', (key, damage) => {
      logger.error({ key, damage }, 'a stored value is damaged; it is made anew');
    }),
    serverInfo: serverInfo(),
  };
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
