import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Cluster } from '../support/postgres-cluster.ts';
import { openPostgresStore } from '../support/postgres-store.ts';
import { tempDir } from '../support/temp-dir.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await Cluster.start({ settings: ['synchronous_commit = off', 'fsync = off'] });
});
afterAll(() => cluster.remove());
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const act of cleanUp.splice(0).reverse()) await act();
});

/** The address of a database of its own, made by these statements. */
async function database(name: string, ...statements: readonly string[]): Promise<string> {
  for (const statement of statements) await cluster.query(statement);
  const url = new URL(cluster.address());
  url.pathname = `/${name}`;
  return url.href;
}

/** Opens the store, uses it once and closes it. */
async function use(address: string): Promise<void> {
  const store = await openPostgresStore(address);
  try {
    await store.probe();
  } finally {
    await store.close();
  }
}

describe('a session of the store on PostgreSQL', () => {
  it('makes commits durable where the server would not, and says what it cannot change (D1)', async () => {
    const warnings: string[] = [];
    const address = cluster.address();
    const store = await openPostgresStore(address, { warn: (message) => warnings.push(message) });
    cleanUp.push(() => store.close());
    const schema = new URL(address).searchParams.get('schema') ?? '';
    // The transaction itself notes what it is committed with.
    await cluster.query(`CREATE TABLE ${schema}.noted (setting text)`);
    await cluster.query(
      `CREATE FUNCTION ${schema}.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO ${schema}.noted VALUES (current_setting('synchronous_commit')); RETURN NEW; END $$`,
    );
    await cluster.query(
      `CREATE TRIGGER note AFTER INSERT ON ${schema}.entries FOR EACH ROW EXECUTE FUNCTION ${schema}.note()`,
    );
    await store.commit({ guards: [], puts: [{ key: 'a', value: 1 }], deletes: [] });
    // Through a connection that nobody has set up, as a pooler may hand out: the function sees to it itself.
    await cluster.query(`SELECT ${schema}.write_rows('x', '{}', '{}', '{b}', '{b}')`);
    expect(await cluster.query(`SELECT setting FROM ${schema}.noted`)).toEqual([{ setting: 'on' }, { setting: 'on' }]);
    expect(warnings).toEqual([expect.stringContaining('fsync off')]);
  });

  it('reads and writes at READ COMMITTED whatever the database has by default', async () => {
    const address = await database(
      'strict',
      'CREATE DATABASE strict',
      "ALTER DATABASE strict SET default_transaction_isolation = 'serializable'",
    );
    await use(address);
  });

  it.each([
    [
      'a read-only database',
      'frozen',
      ['CREATE DATABASE frozen', 'ALTER DATABASE frozen SET default_transaction_read_only = on'],
      'read-only',
    ],
    ['another encoding', 'latin', ["CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"], 'encoding'],
  ])('refuses %s', async (_, name, statements, reason) => {
    await expect(use(await database(name, ...statements))).rejects.toThrow(reason);
  });

  it('refuses tables of a newer release, and leaves them as they are (D15)', async () => {
    const address = cluster.address();
    await use(address);
    const schema = new URL(address).searchParams.get('schema') ?? '';
    await cluster.query(`INSERT INTO ${schema}.versions VALUES (99, now())`);
    await expect(use(address)).rejects.toThrow('newer release');
    expect(await cluster.query(`SELECT max(version) AS v FROM ${schema}.versions`)).toEqual([{ v: 99 }]);
  });

  it('makes the tables once, however many processes start at once', async () => {
    for (let round = 0; round < 3; round += 1) {
      const address = cluster.address();
      const stores = await Promise.all(Array.from({ length: 8 }, () => openPostgresStore(address)));
      cleanUp.push(...stores.map((store) => () => store.close()));
      const [row] = await cluster.query(
        `SELECT count(*)::int AS n FROM ${new URL(address).searchParams.get('schema') ?? ''}.versions`,
      );
      expect(row).toEqual({ n: 1 });
      await Promise.all(stores.map((store) => store.probe()));
    }
  });

  it('needs no right to make a schema where an owner has made it, and says which right is missing where nobody has', async () => {
    await cluster.query('CREATE ROLE plain LOGIN');
    const address = new URL(cluster.address());
    address.username = 'plain';
    const refused: unknown = await use(address.href).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'StoreError', advice: expect.stringContaining('owner') });
    await cluster.query(`CREATE SCHEMA ${address.searchParams.get('schema') ?? ''} AUTHORIZATION plain`);
    await use(address.href);
  });

  it('is encrypted with sslmode=verify-full, and refused where the certificate is of nobody we trust', async () => {
    const folder = await tempDir();
    cleanUp.push(() => folder.remove());
    const [key, certificate] = [join(folder.path, 'server.key'), join(folder.path, 'server.crt')];
    const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
    const made = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-keyout', key, '-out', certificate];
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
    await cluster.give(key, 'server.key');
    await cluster.give(certificate, 'server.crt');
    await cluster.query('ALTER SYSTEM SET ssl = on');
    await cluster.query('SELECT pg_reload_conf()');
    const safe = cluster.address({ sslmode: 'verify-full', sslrootcert: certificate });
    const store = await openPostgresStore(safe);
    cleanUp.push(() => store.close());
    await store.probe();
    const [row] = await cluster.query(
      "SELECT bool_and(s.ssl) AS ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name = 'mcp-workflow-engine' AND a.query LIKE $1",
      [`%${new URL(safe).searchParams.get('schema') ?? ''}%`],
    );
    expect(row).toEqual({ ssl: true });
    await expect(use(cluster.address({ sslmode: 'verify-full' }))).rejects.toThrow(/certificate/u);
  });
});
