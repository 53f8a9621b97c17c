import { hash } from 'node:crypto';
import type { JsonValue } from '../core/json.ts';

/** First character of every stored value: the version of this layout (D15). */
const LAYOUT = '2';
/** Of older releases: its checksum says nothing of the key. Still read, never written. */
const LAYOUT_WITHOUT_KEY = '1';
const DIGEST_LENGTH = 22;

/** Length of a mark. A guard compares only this many characters of a stored value. */
export const MARK_LENGTH = LAYOUT.length + DIGEST_LENGTH;

/**
 * A value as it is stored: `mark` (layout version and checksum of key and JSON text) directly followed by the JSON
 * text.
 */
export interface Encoded {
  readonly mark: string;
  readonly text: string;
}

/**
 * What a stored text holds: a value with its mark, or why it cannot be trusted. The mark of a damaged one is good for a
 * guard alone.
 */
export type Decoded =
  { readonly mark: string; readonly value: JsonValue } | { readonly mark: string; readonly damaged: string };

function markOf(layout: string, key: string, json: string): string {
  const text = layout === LAYOUT_WITHOUT_KEY ? json : `${key}\0${json}`;
  return layout + hash('sha256', text, 'base64url').slice(0, DIGEST_LENGTH);
}

/**
 * Encodes the value of a key. The mark is 132 bits of SHA-256 over key and JSON text, so equal marks of a key mean
 * equal bytes.
 */
export function encodeValue(key: string, value: JsonValue): Encoded {
  const json = JSON.stringify(value);
  const mark = markOf(LAYOUT, key, json);
  return { mark, text: mark + json };
}

/**
 * Decodes the text that stands under a key and checks both against the checksum (D14): a value whose key has changed is
 * damaged too. Never throws.
 */
export function decodeValue(key: string, text: string): Decoded {
  const mark = text.slice(0, MARK_LENGTH);
  const layout = mark.slice(0, 1);
  const json = text.slice(MARK_LENGTH);
  if (layout !== LAYOUT && layout !== LAYOUT_WITHOUT_KEY) return { mark, damaged: `unknown layout '${layout}'` };
  if (markOf(layout, key, json) !== mark) return { mark, damaged: 'the checksum does not match' };
  try {
    // The text is our own JSON, checksum verified: what JSON.parse gives is a JSON value.
    return { mark, value: JSON.parse(json) as JsonValue };
  } catch {
    return { mark, damaged: 'not JSON' };
  }
}
