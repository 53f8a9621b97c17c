import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { addSettings, configOf, loggerOf } from './context.ts';
import type { CliContext } from './context.ts';
import { CommandError, EXIT, usageError } from './exit.ts';
import { loadEngine } from './load-engine.ts';
import { printJson } from './present.ts';

/** `mcp-workflow store migrate`: moves what is stored to another place. */
export function addStore(program: Command, context: CliContext): void {
  const store = program.command('store').description('move tasks between a data folder and PostgreSQL');
  const command = store
    .command('migrate')
    .description('copy everything that is stored to another, empty store, and compare both')
    .requiredOption('--from <URL>', 'sqlite: (the data folder), sqlite:DIR or postgres://…; no server may run on it')
    .requiredOption('--to <URL>', 'the same; what was begun is gone on with')
    .option('--json', 'print one JSON document and nothing else');
  addSettings(command, ['data', 'log_level']);
  command.action(async ({ from, to, json }: { from: string; to: string; json?: boolean }) => {
    const config = configOf(command, context);
    const logger = loggerOf(config, context.terminal);
    const { DATABASE } = await loadEngine();
    const [{ isStoreAddress, openEndpoint }, { migrateStore, MigrationError }, { machineProcesses }] =
      await Promise.all([
        import('../migrate/open-endpoint.ts'),
        import('../migrate/migrate-store.ts'),
        import('../tasks/process-probe.ts'),
      ]);
    for (const [flag, address] of Object.entries({ from, to })) {
      if (!isStoreAddress(address)) throw usageError(`--${flag}: expected sqlite:, sqlite:DIR or postgres://…`);
    }
    const data = { folder: config.data, file: DATABASE, cwd: context.cwd ?? process.cwd() };
    const warn = (message: string): void => logger.warn({}, message);
    const deps = { clock: context.clock, random: Math.random, ids: randomUUID, warn };
    const source = await openEndpoint(from, false, data, deps);
    try {
      const target = await openEndpoint(to, true, data, deps);
      try {
        const done = await migrateStore(source, target, { clock: context.clock, processes: machineProcesses() });
        if (json === true) printJson(context.terminal, { from: source.shown, to: target.shown, ...done });
        else context.terminal.out.write(`${summary(source.shown, target.shown, done)}\n`);
      } finally {
        await target.close();
      }
    } catch (error) {
      if (error instanceof MigrationError) throw new CommandError(EXIT.failed, error.message, { cause: error });
      throw error;
    } finally {
      await source.close();
    }
  });
}

function summary(
  from: string,
  to: string,
  done: {
    readonly entries: number;
    readonly written: number;
    readonly sha256: string;
    readonly damaged: readonly string[];
  },
): string {
  const lines = [
    `${done.entries} entries of ${from} are in ${to} now, ${done.written} of them written by this run`,
    `both were read again and are equal (SHA-256 ${done.sha256})`,
    ...done.damaged.map((key) => `damaged there, and copied as it is: ${key}`),
    'Start servers with --store (or --data) of the new one, and none on the old one any more.',
  ];
  return lines.join('\n');
}
