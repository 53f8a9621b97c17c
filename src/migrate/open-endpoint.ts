import { join, resolve } from 'node:path';
import { ifInstalled } from '../store/open-postgres.ts';
import type { PostgresDeps } from '../store/postgres/postgres-task-store.ts';
import { isPostgresAddress } from '../store/postgres/address.ts';
import type { Endpoint } from './endpoint.ts';
import { SqliteEndpoint } from './sqlite-endpoint.ts';

/** Whether a text names a store: `sqlite:`, `sqlite:FOLDER` or an address of PostgreSQL. */
export function isStoreAddress(text: string): boolean {
  return text.startsWith('sqlite:') || isPostgresAddress(text);
}

/**
 * Opens the store at an address as one end of a migration. `sqlite:` alone means the folder of `data`. Rejects with
 * `StoreError`.
 * @param make also where nothing is yet
 */
export async function openEndpoint(
  address: string,
  make: boolean,
  data: { readonly folder: string; readonly file: string; readonly cwd: string },
  deps: PostgresDeps,
): Promise<Endpoint> {
  if (isPostgresAddress(address)) {
    const { PostgresEndpoint } = await ifInstalled(() => import('./postgres-endpoint.ts'));
    return PostgresEndpoint.open(address, make, deps);
  }
  const named = address.slice('sqlite:'.length).replace(/^\/\/(?=\/)/u, '');
  const folder = named === '' ? data.folder : resolve(data.cwd, named);
  return SqliteEndpoint.open(join(folder, data.file), make);
}
