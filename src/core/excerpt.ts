import type { JsonValue } from './json.ts';

const LONGEST_TEXT = 1000;

/**
 * Parts of JSON values for people to look at: long texts and lists are cut, with words that say how much there is. All
 * together they stay near
 * `total` characters.
 */
export class Excerpt {
  #left: number;

  constructor(total: number) {
    this.#left = total;
  }

  /**
   * The value as far as there is room, at most about `most` characters of it. Its kind stays: an object is an object.
   */
  of(value: JsonValue, most: number): JsonValue {
    const room = { left: Math.min(most, this.#left) };
    const before = room.left;
    const cut = cutTo(value, room);
    this.#left -= before - room.left;
    return cut;
  }
}

function cutTo(value: JsonValue, room: { left: number }): JsonValue {
  if (typeof value === 'string') return cutText(value, room);
  if (typeof value !== 'object' || value === null) {
    room.left -= 8;
    return value;
  }
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value as readonly JsonValue[]) {
      if (room.left <= 0) return [...items, `… (${value.length} items)`];
      room.left -= 4;
      items.push(cutTo(item, room));
    }
    return items;
  }
  const members: Record<string, JsonValue> = {};
  const names = Object.keys(value);
  for (const name of names) {
    if (room.left <= 0) return { ...members, '…': `${names.length} members` };
    room.left -= name.length + 8;
    members[name] = cutTo((value as { readonly [name: string]: JsonValue })[name] ?? null, room);
  }
  return members;
}

function cutText(text: string, room: { left: number }): string {
  const most = Math.max(0, Math.min(LONGEST_TEXT, room.left));
  room.left -= Math.min(text.length, most) + 2;
  return text.length <= most ? text : `${text.slice(0, most)}… (${text.length} characters)`;
}
