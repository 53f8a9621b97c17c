import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject } from '../../src/core/json.ts';
import { textOf } from '../support/raw-client.ts';

/** What one answer said of a task. */
export interface Seen {
  readonly status: string;
  readonly createdAt: string;
  readonly updatedAt: string;
  readonly percent: number;
  /** Phases that were over. */
  readonly over: readonly string[];
  /** All of it but what is told beside a task that has ended: what was undone. */
  readonly text: string;
}

const TERMINAL: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled']);

export function seenIn(view: JsonObject): Seen {
  const meta = isJsonObject(view['_meta']) ? view['_meta'] : {};
  const progress = meta['dev.mcp-workflow/progress'];
  const { percent, phases } = isJsonObject(progress) ? progress : {};
  return {
    status: textOf(view, 'status'),
    createdAt: textOf(view, 'createdAt'),
    updatedAt: textOf(view, 'lastUpdatedAt'),
    percent: Number(percent ?? 0),
    over: (Array.isArray(phases) ? phases : []).flatMap((phase) =>
      isJsonObject(phase) && phase['endedAt'] !== undefined ? [JSON.stringify(phase['name'])] : [],
    ),
    text: JSON.stringify({ ...view, _meta: null }),
  };
}

/** Why `later`, which was asked for when `earlier` had been answered, cannot be true (D9). */
export function contradictions(earlier: Seen, later: Seen): string[] {
  const found: string[] = [];
  if (TERMINAL.has(earlier.status) && later.text !== earlier.text)
    found.push(`changed after its end: ${earlier.text} -> ${later.text}`);
  if (later.createdAt !== earlier.createdAt) found.push(`was made at ${earlier.createdAt}, then ${later.createdAt}`);
  if (later.updatedAt < earlier.updatedAt) found.push(`was changed at ${earlier.updatedAt}, then ${later.updatedAt}`);
  if (later.percent < earlier.percent) found.push(`was at ${earlier.percent} percent, then ${later.percent}`);
  const reopened = earlier.over.filter((name) => !later.over.includes(name));
  if (reopened.length > 0) found.push(`had done ${reopened.join(', ')}, and then not any more`);
  return found;
}
