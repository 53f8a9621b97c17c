import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ifInstalled } from '../../../src/store/open-postgres.ts';
import { parseAddress } from '../../../src/store/postgres/address.ts';
import { postgresErrorOf } from '../../../src/store/postgres/failures.ts';
import { decodeKey, encodeKey } from '../../../src/store/postgres/key-codec.ts';

const key = fc.string({ unit: fc.constantFrom('\0', '\u0001', '\u0002', 'a', ':', '\uffff', '\u{1f4a1}') });

describe('keys in PostgreSQL', () => {
  it('come back as they were, and hold no U+0000', () => {
    fc.assert(
      fc.property(key, (text) => {
        expect(decodeKey(encodeKey(text))).toBe(text);
        expect(encodeKey(text)).not.toContain('\0');
      }),
    );
  });

  it('keep the order of their bytes, on which ranges rest', () => {
    const order = (a: string, b: string): number => Math.sign(Buffer.compare(Buffer.from(a), Buffer.from(b)));
    fc.assert(
      fc.property(key, key, (a, b) => {
        expect(order(encodeKey(a), encodeKey(b))).toBe(order(a, b));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the address of a PostgreSQL store', () => {
  it('is shown without user, password and parameters', () => {
    const address = parseAddress('postgres://ann:s3cret@db.example:5433/work?sslmode=verify-full&password=s3cret');
    expect(address.shown).toBe('postgres://db.example:5433/work');
    expect(address.schema).toBe('mcp_workflow');
    expect(address.connectionString).toContain('s3cret');
  });

  it('names a schema of its own, which the driver does not get to see', () => {
    const address = parseAddress('postgresql://db.example/work?schema=staging');
    expect(address).toMatchObject({ schema: 'staging', connectionString: 'postgresql://db.example/work' });
    expect(address.shown).toContain('schema=staging');
  });

  it.each(['Staging', 'a b', 'x;DROP TABLE y', '"', '1st', 'a'.repeat(49)])(
    'refuses a schema that is no plain name: %s',
    (schema) => {
      expect(() => parseAddress(`postgres://h/d?schema=${encodeURIComponent(schema)}`)).toThrow('schema');
    },
  );

  it('is refused without a word of it where it is none', () => {
    for (const text of ['postgres://ann:s3cret@:bad:/x', 'redis://ann:s3cret@h', 's3cret']) {
      expect(() => parseAddress(text)).toThrow(/^(?!.*s3cret)not an address of PostgreSQL$/u);
    }
  });
});

describe('failures of PostgreSQL', () => {
  const told = (code: string): Error => Object.assign(new Error('no'), { code, severity: 'ERROR' });

  it.each([
    ['disk_full', '53100', 'full', false, false],
    ['too_many_connections', '53300', 'busy', false, false],
    ['lock_not_available', '55P03', 'busy', false, false],
    ['query_canceled, as by the time limit', '57014', 'busy', false, false],
    ['admin_shutdown', '57P01', 'io', true, true],
    ['crash_shutdown', '57P02', 'io', true, true],
    ['cannot_connect_now: nothing has begun', '57P03', 'io', true, false],
    ['read_only_sql_transaction: it is a standby now', '25006', 'io', true, false],
    ['unique_violation', '23505', 'io', false, false],
  ])('%s (%s) is taken as: %s, connection lost: %s, outcome uncertain: %s', (_, code, kind, lost, uncertain) => {
    expect(postgresErrorOf(told(code), 'here')).toMatchObject({ kind, lost, uncertain });
  });

  it('a failure of the network says nothing of what was done', () => {
    for (const thrown of [
      new Error('Connection terminated unexpectedly'),
      Object.assign(new Error('x'), { code: 'ECONNRESET' }),
    ]) {
      expect(postgresErrorOf(thrown, 'here')).toMatchObject({ kind: 'io', lost: true, uncertain: true });
    }
  });

  it('all addresses of a name that refuse are all named', () => {
    const thrown = new AggregateError([
      new Error('connect ECONNREFUSED ::1'),
      new Error('connect ECONNREFUSED 127.0.0.1'),
    ]);
    expect(postgresErrorOf(thrown, 'here').message).toContain('::1; connect ECONNREFUSED 127');
  });
});

describe('the packages that PostgreSQL needs', () => {
  it('are named, with what to do, where they were left out', async () => {
    const missing = Object.assign(new Error("Cannot find package 'pg'"), { code: 'ERR_MODULE_NOT_FOUND' });
    const failure: unknown = await ifInstalled(() => Promise.reject(missing)).catch((error: unknown) => error);
    expect(failure).toMatchObject({
      name: 'StoreError',
      kind: 'io',
      advice: expect.stringContaining('npm install pg'),
    });
  });

  it('are not blamed for another failure', async () => {
    await expect(ifInstalled(() => Promise.reject(new Error('something else')))).rejects.toThrow('something else');
  });
});
