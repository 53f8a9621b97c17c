import { createHash } from 'node:crypto';
import { decodeValue } from '../store/value-codec.ts';
import type { Endpoint, Entry } from './endpoint.ts';
import { UNFINISHED_KEY } from './unfinished.ts';

/** What a store holds, without the sign of a migration. */
export interface Contents {
  readonly entries: number;
  /** SHA-256 over all keys and texts in order, hexadecimal. */
  readonly sha256: string;
  /** Keys of values that do not match their own checksum. */
  readonly damaged: readonly string[];
}

/** Every entry from a key on, page by page. */
export async function* pagesOf(store: Endpoint, start = ''): AsyncGenerator<readonly Entry[]> {
  for (let from = start; ;) {
    const page = await store.page(from);
    const last = page.at(-1);
    if (last === undefined) return;
    yield page.filter(({ key }) => key !== UNFINISHED_KEY);
    from = `${last.key}\0`;
  }
}

/** Reads all of a store. Rejects with `StoreError`. */
export async function contentsOf(store: Endpoint): Promise<Contents> {
  const sum = createHash('sha256');
  const damaged: string[] = [];
  let entries = 0;
  for await (const page of pagesOf(store)) {
    for (const { key, value } of page) {
      entries += 1;
      if ('damaged' in decodeValue(key, value)) damaged.push(key);
      // With their lengths, so that no other keys and texts make the same bytes.
      sum.update(`${Buffer.byteLength(key)}:${key}${Buffer.byteLength(value)}:${value}`);
    }
  }
  return { entries, sha256: sum.digest('hex'), damaged };
}

/** Whether a key comes after another one in a store: by bytes, as both databases have it. */
export function isAfter(key: string, other: string): boolean {
  return Buffer.compare(Buffer.from(key), Buffer.from(other)) > 0;
}
