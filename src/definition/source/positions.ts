import type { SourceNode } from './document.ts';

/** Finds the line and column of offsets in a text. */
export class Positions {
  private readonly lineStarts: readonly number[];

  constructor(text: string) {
    const starts = [0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    this.lineStarts = starts;
  }

  /** 1-based. */
  at(offset: number): { readonly line: number; readonly column: number } {
    let low = 0;
    let high = this.lineStarts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.lineStarts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - (this.lineStarts[low] ?? 0) + 1 };
  }
}

/**
 * The offset of what a document path names: the value, or its key with `key: true`. The nearest thing around it if it
 * is not there.
 */
export function offsetOf(root: SourceNode, path: readonly (string | number)[], key = false): number {
  let node = root;
  let offset = root.offset;
  for (const [index, segment] of path.entries()) {
    const member = node.members?.get(String(segment));
    const next = member?.node ?? (typeof segment === 'number' ? node.items?.[segment] : undefined);
    if (next === undefined) return offset;
    offset = key && index === path.length - 1 && member !== undefined ? member.keyOffset : next.offset;
    node = next;
  }
  return offset;
}
