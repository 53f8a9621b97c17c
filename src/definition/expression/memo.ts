/** Texts longer than this are parsed every time rather than kept. */
const MAX_KEY_LENGTH = 10_000;
const MAX_ENTRIES = 5_000;

/** Remembers what a pure parser made of a text. Bounded; when it is full it starts afresh. */
export function memoByText<T>(parse: (text: string) => T): (text: string) => T {
  const known = new Map<string, T>();
  return (text) => {
    const hit = known.get(text);
    if (hit !== undefined) return hit;
    const value = parse(text);
    if (text.length > MAX_KEY_LENGTH) return value;
    if (known.size >= MAX_ENTRIES) known.clear();
    known.set(text, value);
    return value;
  };
}
