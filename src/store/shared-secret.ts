import { randomBytes } from 'node:crypto';
import { DamagedValueError, StoreError } from './task-store.ts';
import type { TaskStore } from './task-store.ts';

const SECRET_BYTES = 32;

/**
 * The secret of that name in the store, made the first time anybody asks. Every process on the same data folder gets
 * the same bytes, whoever came first. A damaged one is reported and made anew (D14): what was signed with it does not
 * count any more. Rejects with `StoreError`.
 */
export async function sharedSecret(
  store: TaskStore,
  name: string,
  reportDamage: (key: string, message: string) => void = () => undefined,
): Promise<Uint8Array> {
  const key = `secret:${name}`;
  let mark: string | null = null;
  try {
    const found = await read(store, key);
    if (found !== undefined) return found;
  } catch (error) {
    if (!(error instanceof DamagedValueError) || error.mark === undefined) throw error;
    reportDamage(error.key, error.message);
    ({ mark } = error);
  }
  const made = randomBytes(SECRET_BYTES).toString('base64url');
  await store.commit({ guards: [{ key, mark }], puts: [{ key, value: made }], deletes: [] });
  const agreed = await read(store, key);
  if (agreed === undefined) throw new StoreError('io', `${key} was written and cannot be read`);
  return agreed;
}

async function read(store: TaskStore, key: string): Promise<Uint8Array | undefined> {
  const stored = await store.get(key);
  return typeof stored?.value === 'string' ? Buffer.from(stored.value, 'base64url') : undefined;
}
