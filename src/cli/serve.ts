import type { Command } from 'commander';
import type { Config } from '../config.ts';
import { PRODUCT } from '../core/product.ts';
import { SETTINGS } from '../settings.ts';
import type { HttpAddress, SettingName } from '../settings.ts';
import { isLoopback } from '../transports/http-guards.ts';
import { Greeter } from '../transports/greeter.ts';
import { addSettings, configOf, loggerOf } from './context.ts';
import type { CliContext } from './context.ts';
import type { EngineDoor } from './engine-door.ts';
import { usageError } from './exit.ts';

/** `mcp-workflow serve`: the MCP server. Ends when it is told to, or when the host closes standard input. */
export function addServe(program: Command, context: CliContext): void {
  const command = program.command('serve').description('serve the workflows over MCP (Streamable HTTP unless --stdio)');
  addSettings(command, Object.keys(SETTINGS) as SettingName[]);
  command.action(async () => {
    const config = configOf(command, context);
    refuseOpenDoor(config);
    const logger = loggerOf(config, context.terminal);
    for (const warning of config.warnings) logger.warn({}, warning);
    // Hosts give up a server that says nothing for a second: it answers before anything else is loaded.
    const greeter = config.transports.stdio
      ? new Greeter(process.stdin, (text) => process.stdout.write(text), {
          name: PRODUCT,
          version: program.version() ?? '',
        })
      : undefined;
    const engine = await context.openEngine(config, { claims: 'all', logger, watch: true });
    try {
      await serve(engine, config, context, greeter, (url) =>
        logger.info({ url: `${url}/mcp`, definitions: config.definitions }, 'serving'),
      );
    } finally {
      await engine.close();
    }
    logger.info({}, 'stopped; open tasks go on at the next start');
  });
}

async function serve(
  engine: EngineDoor,
  config: Config,
  context: CliContext,
  greeter: Greeter | undefined,
  onUrl: (url: string) => void,
): Promise<void> {
  const { http, stdio } = config.transports;
  const stopped = untilInterrupted(context);
  const front = http === undefined ? undefined : await listen(engine, http);
  if (front !== undefined) onUrl(front.url);
  const pipe = stdio ? await engine.serveStdio(greeter?.handOver()) : undefined;
  try {
    await Promise.race([stopped, ...(pipe === undefined ? [] : [pipe.closed])]);
  } finally {
    await Promise.all([front?.close(), pipe?.close()]);
  }
}

/** The first signal stops in order, the second at once. */
function untilInterrupted(context: CliContext): Promise<void> {
  return new Promise((resolve) => {
    let again = false;
    context.terminal.onInterrupt(() => {
      if (again) context.terminal.abandon();
      again = true;
      resolve();
    });
  });
}

async function listen(engine: EngineDoor, { host, port }: HttpAddress): ReturnType<EngineDoor['serveHttp']> {
  try {
    return await engine.serveHttp(host, port);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    const where = `${host}:${port}`;
    if (code === 'EADDRINUSE') {
      throw usageError(
        `${where} is in use: another server is running there. Connect to that one, or choose another port with --http PORT`,
      );
    }
    if (code === 'EACCES') throw usageError(`${where}: not allowed; choose a port above 1023 with --http PORT`);
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') throw usageError(`${where}: not an address of this machine`);
    throw error;
  }
}

/**
 * Whoever reaches the port can start every workflow, so the rest of the network needs a token, or an operator who says
 * so.
 */
function refuseOpenDoor(config: Config): void {
  const { http } = config.transports;
  if (http === undefined || isLoopback(http.host) || config.tokens.length > 0 || config.allowInsecure) return;
  throw usageError(
    `${http.host}:${http.port} can be reached by other machines and nobody is asked who they are: set MCP_WORKFLOW_TOKENS (name=token), or --allow-insecure where something else guards it`,
  );
}
