/**
 * Keys as PostgreSQL can hold them. Its texts have no U+0000, which keys of SQLite may have and bounds of ranges do
 * have: U+0000 becomes U+0001 U+0001, U+0001 becomes U+0001 U+0002. The order of the bytes stays what it was.
 */
export function encodeKey(key: string): string {
  return key.includes('\0') || key.includes('\u0001')
    ? key.replaceAll('\u0001', '\u0001\u0002').replaceAll('\0', '\u0001\u0001')
    : key;
}

/** The key that was stored as this text. */
export function decodeKey(text: string): string {
  return text.includes('\u0001') ? text.replaceAll('\u0001\u0001', '\0').replaceAll('\u0001\u0002', '\u0001') : text;
}
