import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock, type Clock } from '../../src/core/clock.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { silentLogger, type Logger } from '../../src/core/logger.ts';
import { parseServersFile } from '../../src/downstream/catalog.ts';
import { DownstreamPool } from '../../src/downstream/pool.ts';
import type { CallContext } from '../../src/engine/ports.ts';

/** The folder of the servers that tests start: `node <folder>/ledger.mjs`. */
export const SERVERS_FOLDER = fileURLToPath(new URL('servers/', import.meta.url));

/** An entry of a servers file that starts one of them. */
export function testServer(file: string, args: readonly string[] = [], more: JsonObject = {}): JsonObject {
  return { command: process.execPath, args: [path.join(SERVERS_FOLDER, file), ...args], ...more };
}

/**
 * A pool on the real clock, unless another is given, over a servers file with these entries; `environment` is added to
 * this process's own.
 */
export function openPool(
  mcpServers: JsonObject,
  options: { readonly environment?: Record<string, string>; readonly logger?: Logger; readonly clock?: Clock } = {},
): DownstreamPool {
  const { catalog, issues } = parseServersFile(
    JSON.stringify({ mcpServers }),
    path.join(process.cwd(), 'servers.json'),
  );
  const errors = issues.filter((issue) => issue.severity === 'error');
  if (errors.length > 0) throw new Error(errors.map((issue) => issue.message).join('; '));
  return new DownstreamPool({
    catalog,
    environment: { ...process.env, ...options.environment },
    clock: options.clock ?? systemClock,
    logger: options.logger ?? silentLogger,
    random: () => 0,
  });
}

/** The context of a call that nobody aborts. */
export function callContext(server: string, more: Partial<CallContext> = {}): CallContext {
  return { server, signal: new AbortController().signal, idempotencyKey: 'key-1', ...more };
}
