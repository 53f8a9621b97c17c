import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tempDir } from './temp-dir.ts';

/**
 * A call as a stand-in has noted it before it answered. `tool` for tools, `method` and `name` where the stand-in says.
 */
export interface LedgerEntry {
  readonly server?: string;
  readonly method?: string;
  readonly name?: string;
  readonly tool?: string;
  readonly args: Readonly<Record<string, unknown>>;
  /** The idempotency key it came with. */
  readonly key: string | null;
  readonly pid: number;
  /** The process that started the stand-in, where it says so. */
  readonly engine?: number;
  /** Wall clock, ms. */
  readonly at: number;
}

/** A user's folder: `definitions/`, `servers.json` with stand-ins that share one ledger, and later `data/`. */
export interface Workspace {
  readonly path: string;
  /** Every call of a stand-in so far, in order. */
  ledger(): readonly LedgerEntry[];
  /** Lets the calls of stand-ins pass that are held (`held`), and all later ones. */
  release(): void;
  remove(): Promise<void>;
}

export interface WorkspaceSetup {
  /** Text of each definition by file name. */
  readonly definitions: Readonly<Record<string, string>>;
  /** Environment of each stand-in by its name in the servers file; a stand-in is a file of `test/support/servers`. */
  readonly standIns: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Stand-ins do not inherit that no file may grow: the disk of the engine is full, not theirs. Needs `prlimit`. */
  readonly ownDisk?: boolean;
  /** Answers of stand-ins by their name, see `stand-in.mjs`. */
  readonly scripts?: Readonly<Record<string, object>>;
}

/** Writes a new workspace. The stand-ins are not trusted, as servers are unless somebody says so. */
export async function newWorkspace(setup: WorkspaceSetup): Promise<Workspace> {
  const { path, remove } = await tempDir();
  const ledger = join(path, 'ledger.jsonl');
  await mkdir(join(path, 'definitions'));
  for (const [file, text] of Object.entries(setup.definitions)) {
    await writeFile(join(path, 'definitions', file), text);
  }
  const mcpServers: Record<string, object> = {};
  const [command, ...before] = setup.ownDisk === true ? ['prlimit', '--fsize=unlimited', process.execPath] : [];
  for (const [name, env] of Object.entries(setup.standIns)) {
    const script = setup.scripts?.[name];
    const scriptFile = join(path, `${name}.script.json`);
    if (script !== undefined) await writeFile(scriptFile, JSON.stringify(script));
    mcpServers[name] = {
      command: command ?? process.execPath,
      args: [...before, fileURLToPath(new URL(`./servers/${name}.mjs`, import.meta.url))],
      env: { LEDGER: ledger, ...(script === undefined ? {} : { STANDIN_SCRIPT: scriptFile }), ...env },
    };
  }
  await writeFile(join(path, 'servers.json'), JSON.stringify({ mcpServers }));
  return {
    path,
    remove,
    release: () => writeFileSync(`${ledger}.released`, ''),
    ledger: () =>
      existsSync(ledger)
        ? readFileSync(ledger, 'utf8')
            .split('\n')
            .filter((line) => line !== '')
            // Written by our own stand-ins, a line at a time.
            .map((line) => JSON.parse(line) as LedgerEntry)
        : [],
  };
}
