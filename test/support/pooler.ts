import { execFileSync, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chown, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { freePort, postgresUser } from './postgres-cluster.ts';
import type { Cluster } from './postgres-cluster.ts';
import { waitUntil } from './wait-until.ts';

/** PgBouncer before a cluster, on loopback. Throws where it is not installed. */
export class Pooler {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#child = child;
  }

  static async start(cluster: Cluster, mode: 'session' | 'transaction'): Promise<Pooler> {
    const program = execFileSync('sh', ['-c', 'PATH="$PATH:/usr/sbin" command -v pgbouncer'], {
      encoding: 'utf8',
    }).trim();
    const port = await freePort();
    const user = postgresUser();
    const settings = join(cluster.folder, `pgbouncer-${port}.ini`);
    const users = join(cluster.folder, `users-${port}.txt`);
    await writeFile(users, '"tester" ""\n');
    await writeFile(
      settings,
      `[databases]
postgres = host=127.0.0.1 port=${cluster.port} dbname=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = ${mode}
`,
    );
    if (user !== undefined) {
      for (const file of [settings, users]) await chown(file, user.uid, user.gid);
    }
    const child = spawn(program, ['-q', settings], { ...user, cwd: cluster.folder, stdio: 'ignore' });
    const pooler = new Pooler(port, child);
    await waitUntil('the pooler answers', async () => {
      if (child.exitCode !== null) throw new Error('pgbouncer has ended');
      const client = new pg.Client({ host: '127.0.0.1', port, user: 'tester', database: 'postgres' });
      client.on('error', () => undefined);
      const answered = await client.connect().then(
        () => true,
        () => false,
      );
      await client.end().catch(() => undefined);
      return answered;
    });
    return pooler;
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    this.#child.kill('SIGKILL');
    await ended;
  }
}
