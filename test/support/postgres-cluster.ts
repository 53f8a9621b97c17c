import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { appendFile, chmod, chown, cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { waitUntil } from './wait-until.ts';

const DEBIAN = '/usr/lib/postgresql';

/**
 * The folder of the newest PostgreSQL of this machine. Throws where there is none: a test that needs one does not pass
 * without.
 */
function programs(): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).sort((a, b) => Number(b) - Number(a)) : [];
  const folder = versions.map((version) => join(DEBIAN, version, 'bin')).find((bin) => existsSync(join(bin, 'initdb')));
  if (folder !== undefined) return folder;
  try {
    return execFileSync('pg_config', ['--bindir'], { encoding: 'utf8' }).trim();
  } catch (error) {
    throw new Error('PostgreSQL is not installed (Debian: apt-get install postgresql)', { cause: error });
  }
}

/** Who runs servers of PostgreSQL, which refuse to run as root; `undefined` = this user. */
export function postgresUser(): { readonly uid: number; readonly gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A port of loopback that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export interface ClusterOptions {
  /** Lines for postgresql.conf. */
  readonly settings?: readonly string[];
  /** A password that has to be given over TCP. */
  readonly password?: string;
  /** Starts as a copy of a running primary that follows it. */
  readonly follows?: Cluster;
}

let schemas = 0;

/** A PostgreSQL server of the test's own, in a temporary folder and on loopback. */
export class Cluster {
  readonly folder: string;
  readonly port: number;
  readonly #password: string | undefined;
  #process: ChildProcess | undefined;
  #log = '';

  private constructor(folder: string, port: number, password: string | undefined) {
    this.folder = folder;
    this.port = port;
    this.#password = password;
  }

  static async start(options: ClusterOptions = {}): Promise<Cluster> {
    const folder = await mkdtemp(join(tmpdir(), 'mcp-workflow-pg-'));
    const user = postgresUser();
    await chmod(folder, 0o700);
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const cluster = new Cluster(folder, await freePort(), options.password);
    if (options.follows === undefined) {
      await cluster.#initialise(options);
    } else {
      cluster.#run('pg_basebackup', [
        '-h',
        '127.0.0.1',
        '-p',
        String(options.follows.port),
        '-U',
        'tester',
        '-D',
        cluster.data,
        '-R',
      ]);
      await cluster.#configure([]);
    }
    await cluster.up();
    return cluster;
  }

  get data(): string {
    return join(this.folder, 'data');
  }

  /** The address of a schema that nobody else has. */
  address(parameters: Readonly<Record<string, string>> = {}): string {
    schemas += 1;
    const query = new URLSearchParams({ schema: `test_${process.pid}_${schemas}`, ...parameters });
    return `postgres://tester@127.0.0.1:${this.port}/postgres?${query.toString()}`;
  }

  /** A connection of the test's own; the test ends it. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({
      host: '127.0.0.1',
      port: this.port,
      user: 'tester',
      database: 'postgres',
      password: this.#password,
    });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  }

  /** The rows of a statement, on a connection of its own. */
  async query(sql: string, values: readonly unknown[] = []): Promise<readonly Record<string, unknown>[]> {
    const client = await this.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** Starts the server and waits until it answers. */
  async up(): Promise<void> {
    const child = spawn(join(programs(), 'postgres'), ['-D', this.data], { ...postgresUser(), cwd: this.folder });
    this.#process = child;
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.#log += text));
    await waitUntil('PostgreSQL answers', async () => {
      if (child.exitCode !== null) throw new Error(this.#log);
      return this.query('SELECT 1').then(
        () => true,
        () => false,
      );
    });
  }

  /** SIGKILL to the postmaster; its children follow. Resolves when none of them is left. */
  async kill(): Promise<void> {
    const children = this.#children();
    await this.#end('SIGKILL');
    await waitUntil('its processes have ended', () => !children.some((pid) => existsSync(`/proc/${pid}`)));
    await rm(join(this.data, 'postmaster.pid'), { force: true });
  }

  /**
   * Ends the server as an operator does in a hurry: `fast` breaks connections, `immediate` also skips the checkpoint.
   */
  down(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    return this.#end(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
  }

  promote(): void {
    this.#run('pg_ctl', ['promote', '-w', '-D', this.data]);
  }

  log(): string {
    return this.#log;
  }

  async remove(): Promise<void> {
    await this.down('immediate');
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Puts a file of the test into the data folder, readable for the server alone. */
  async give(path: string, name: string): Promise<void> {
    const to = join(this.data, name);
    await cp(path, to);
    await chmod(to, 0o600);
    const user = postgresUser();
    if (user !== undefined) await chown(to, user.uid, user.gid);
  }

  async #initialise({ settings = [], password }: ClusterOptions): Promise<void> {
    this.#run('initdb', ['-D', this.data, '-U', 'tester', '-E', 'UTF8', '--locale=C', '--no-sync', '--auth=trust']);
    if (password !== undefined) {
      this.#sql(`ALTER ROLE tester PASSWORD '${password}'`);
      const rules = 'host all all 127.0.0.1/32 scram-sha-256\nlocal all all trust\n';
      await writeFile(join(this.data, 'pg_hba.conf'), rules);
    }
    await this.#configure(settings);
  }

  async #configure(settings: readonly string[]): Promise<void> {
    const lines = [
      `port = ${this.port}`,
      "listen_addresses = '127.0.0.1'",
      `unix_socket_directories = '${this.folder}'`,
      'shared_buffers = 32MB',
      ...settings,
    ];
    await appendFile(join(this.data, 'postgresql.conf'), `\n${lines.join('\n')}\n`);
  }

  #run(program: string, args: readonly string[]): void {
    execFileSync(join(programs(), program), args, { ...postgresUser(), cwd: this.folder, stdio: 'pipe' });
  }

  /** A statement before the server has started for the first time. */
  #sql(statement: string): void {
    const args = ['--single', '-D', this.data, 'postgres'];
    execFileSync(join(programs(), 'postgres'), args, {
      ...postgresUser(),
      cwd: this.folder,
      input: `${statement}\n`,
      stdio: 'pipe',
    });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }

  #children(): readonly string[] {
    const pid = this.#process?.pid ?? 0;
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter((text) => text !== '');
  }
}
