import type { Config } from '../config.ts';
import type { DefinitionRegistry } from '../definition/registry.ts';
import type { DownstreamPool } from '../downstream/pool.ts';
import type { Planner } from '../planner/planner.ts';
import { plannerRoutes } from '../planner/routes.ts';
import type { ProtocolDeps } from '../protocol/deps.ts';
import type { Schedules } from '../schedule/schedules.ts';
import type { TaskStore } from '../store/task-store.ts';
import type { HttpFront } from '../transports/http.ts';

/** What is served over HTTP. */
export interface HttpParts {
  readonly deps: ProtocolDeps;
  readonly store: TaskStore;
  readonly schedules: Schedules;
  readonly definitions: DefinitionRegistry;
  readonly downstream: DownstreamPool;
  readonly planner: Planner | undefined;
}

/** MCP, the REST API, the planner's routes and the web pages at one address. Rejects where it cannot listen there. */
export async function serveHttp(config: Config, parts: HttpParts, host: string, port: number): Promise<HttpFront> {
  const { deps, store, schedules, definitions, downstream, planner } = parts;
  // The transports bring both SDKs; a command that serves nothing starts without them.
  const [{ createHttpFront }, { createRestApi }, { BASE }, { createUiPages }] = await Promise.all([
    import('../transports/http.ts'),
    import('../rest/app.ts'),
    import('../rest/problem.ts'),
    import('../ui/pages.ts'),
  ]);
  const rest = createRestApi({
    ...deps,
    schedules,
    definitions,
    servers: () => downstream.status().map(({ pid: _ours, ...shown }) => shown),
    issues: () => definitions.issues(),
  });
  return await createHttpFront({
    deps,
    store,
    host,
    port,
    tokens: new Map(config.tokens.map(({ name, token }) => [name, token])),
    allowInsecure: config.allowInsecure,
    allowedHosts: config.allowedHosts,
    allowedOrigins: config.allowedOrigins,
    mounts: new Map([[BASE, rest]]),
    ...(config.ui && { pages: createUiPages(new URL('../ui/page/', import.meta.url)) }),
    ...(planner === undefined ? {} : { routes: plannerRoutes(planner) }),
  });
}
