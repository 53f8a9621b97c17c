import { isJsonObject, type JsonValue } from '../core/json.ts';

/**
 * Whether a host that answers for itself gave this: nobody reads a question and says no, or closes it, within
 * `instantMs`. Such an answer decides nothing; the question stays open and is not put to that host again.
 */
export function wasNotShown(response: JsonValue, elapsedMs: number, instantMs: number): boolean {
  if (!isJsonObject(response) || elapsedMs >= instantMs) return false;
  return response['action'] === 'decline' || response['action'] === 'cancel';
}
