import { messageOf } from '../../core/failure.ts';
import { StoreError } from '../task-store.ts';

interface Consequence {
  readonly advice?: string;
  /** The connection is of no use any more: the server is gone, goes away or may not be written. Another one may be. */
  readonly lost?: boolean;
  /** The statement may have taken effect, or may still do so. */
  readonly uncertain?: boolean;
  readonly cause?: unknown;
}

/** A failure of PostgreSQL, by what it means for whoever asked. Its text names the server and never a password. */
export class PostgresError extends StoreError {
  readonly lost: boolean;
  readonly uncertain: boolean;

  constructor(kind: StoreError['kind'], message: string, { advice, lost, uncertain, cause }: Consequence = {}) {
    super(kind, message, { ...(advice === undefined ? {} : { advice }), ...(cause === undefined ? {} : { cause }) });
    this.lost = lost ?? false;
    this.uncertain = uncertain ?? false;
  }
}

/** Codes of https://www.postgresql.org/docs/current/errcodes-appendix.html: others hold what is needed, it passes. */
const BUSY: ReadonlySet<string> = new Set(['40001', '40P01', '53200', '53300', '53400', '55006', '55P03', '57014']);
const DISK_FULL = '53100';
/** Said by a server before a statement begins: nothing has happened. */
const NOT_BEGUN: ReadonlySet<string> = new Set(['57P03', '08001', '08004', '25006']);
const ADVICE: Readonly<Record<string, string>> = {
  '28000': 'check user, pg_hba.conf and TLS',
  '28P01': 'check user and password: PGPASSWORD, a password file (PGPASSFILE), or the address',
  '3D000': 'create the database, or name another one in the address',
  '42501': 'let the owner of the database grant what is missing (docs/operations.md, PostgreSQL)',
  '53300': 'raise max_connections, or put a pooler in session mode before it',
};

/** What the driver threw, as the contract of the store names it. `where` is the shown address. */
export function postgresErrorOf(thrown: unknown, where: string): PostgresError {
  if (thrown instanceof PostgresError) return thrown;
  const code = sqlState(thrown);
  const message = `PostgreSQL (${where}): ${textOf(thrown)}`;
  if (code === undefined) return new PostgresError('io', message, { lost: true, uncertain: true, cause: thrown });
  const kind = code === DISK_FULL ? 'full' : BUSY.has(code) ? 'busy' : 'io';
  const advice = ADVICE[code];
  const lost = code.startsWith('08') || code.startsWith('57P') || code === '25006';
  return new PostgresError(kind, message, {
    ...(advice === undefined ? {} : { advice }),
    lost,
    uncertain: lost && !NOT_BEGUN.has(code),
    cause: thrown,
  });
}

/** The five characters of a failure that the server has told of; `undefined` for one of the network or the driver. */
function sqlState(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || !('code' in thrown) || !('severity' in thrown)) return undefined;
  return typeof thrown.code === 'string' && /^[0-9A-Z]{5}$/u.test(thrown.code) ? thrown.code : undefined;
}

function textOf(thrown: unknown): string {
  // Node tries each address of a name and says nothing about all of them together.
  if (thrown instanceof AggregateError) return thrown.errors.map((each) => messageOf(each)).join('; ');
  return messageOf(thrown);
}
