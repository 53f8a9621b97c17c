import { createHash } from 'node:crypto';
import { canonicalJson, deepFreeze, isJsonObject, type JsonValue } from '../core/json.ts';
import type { Definition } from './model.ts';

/** SHA-256 over the canonical JSON of a definition, hex: equal content, equal digest, whatever file it came from. */
export function digestOf(definition: Definition): string {
  // A definition is plain JSON all through; its interfaces only lack an index signature.
  return createHash('sha256')
    .update(canonicalJson(definition as unknown as JsonValue))
    .digest('hex');
}

/**
 * The definition that was stored as a task's snapshot, frozen. It is our own writing, so only its outline is checked.
 * @throws Error when the value is not a definition
 */
export function parseSnapshot(value: JsonValue): Definition {
  if (
    !isJsonObject(value) ||
    typeof value['name'] !== 'string' ||
    !Array.isArray(value['steps']) ||
    !Array.isArray(value['conditionals']) ||
    !isJsonObject(value['variables']) ||
    !isJsonObject(value['input_schema'])
  ) {
    throw new Error('the stored definition snapshot is not a definition');
  }
  // Written by us from a `Definition`, guarded by the store's checksum, and its outline is right.
  return deepFreeze(value as unknown as Definition);
}
