import type { Stored, TaskStore } from './task-store.ts';

const PAGE = 500;

/** A row of a scan. One that is damaged has no value: what it says is not to be trusted, but that it is there is. */
export type ScannedRow =
  | { readonly key: string; readonly stored: Stored; readonly damaged: false }
  | { readonly key: string; readonly stored: undefined; readonly damaged: true };

/**
 * Every row with `from` ≤ key < `to` in the order of keys, a page at a time: rows that are written behind the scan are
 * seen, rows that are removed before it are not. Damaged rows come too, so that nobody passes over them by mistake.
 * Rejects with `StoreError`.
 */
export async function* scan(
  store: Pick<TaskStore, 'range'>,
  range: { readonly from: string; readonly to: string },
  page = PAGE,
): AsyncGenerator<ScannedRow, void> {
  for await (const rows of scanPages(store, range, page)) yield* rows;
}

/** The same by pages, for work that is done for many rows at once. No page is empty. */
export async function* scanPages(
  store: Pick<TaskStore, 'range'>,
  { from: first, to }: { readonly from: string; readonly to: string },
  page = PAGE,
): AsyncGenerator<readonly ScannedRow[], void> {
  for (let from = first; ;) {
    const found = await store.range({ from, to, limit: page });
    const rows = [
      ...found.items.map((stored): ScannedRow => ({ key: stored.key, stored, damaged: false })),
      ...found.damaged.map((key): ScannedRow => ({ key, stored: undefined, damaged: true })),
    ].sort((one, other) => (one.key < other.key ? -1 : 1));
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < page) return;
    from = `${last.key}\0`;
  }
}
