import { hash } from 'node:crypto';
import type { JsonValue } from '../core/json.ts';

/** First character of every stored value: the version of this layout (D15). */
const LAYOUT = '1';
const DIGEST_LENGTH = 22;

/** Length of a mark. A guard compares only this many characters of a stored value. */
export const MARK_LENGTH = LAYOUT.length + DIGEST_LENGTH;

/** A value as it is stored: `mark` (layout version and checksum of the JSON text) directly followed by the JSON text. */
export interface Encoded {
  readonly mark: string;
  readonly text: string;
}

/** What a stored text holds: a value with its mark, or why it cannot be trusted. The mark of a damaged one is good for a guard alone. */
export type Decoded =
  { readonly mark: string; readonly value: JsonValue } | { readonly mark: string; readonly damaged: string };

function markOf(json: string): string {
  return LAYOUT + hash('sha256', json, 'base64url').slice(0, DIGEST_LENGTH);
}

/** Encodes a value. The mark is 132 bits of SHA-256 over the JSON text, so equal marks mean equal bytes. */
export function encodeValue(value: JsonValue): Encoded {
  const json = JSON.stringify(value);
  const mark = markOf(json);
  return { mark, text: mark + json };
}

/** Decodes a stored text and checks it against its checksum (D14). Never throws. */
export function decodeValue(text: string): Decoded {
  const mark = text.slice(0, MARK_LENGTH);
  if (!mark.startsWith(LAYOUT)) return { mark, damaged: `unknown layout '${mark.slice(0, 1)}'` };
  const json = text.slice(MARK_LENGTH);
  if (markOf(json) !== mark) return { mark, damaged: 'the checksum does not match' };
  try {
    // The text is our own JSON, checksum verified: what JSON.parse gives is a JSON value.
    return { mark, value: JSON.parse(json) as JsonValue };
  } catch {
    return { mark, damaged: 'not JSON' };
  }
}
