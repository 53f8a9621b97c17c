import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { canonicalJson, isJsonObject } from '../../core/json.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';

/*
 * `requestState` of a multi round-trip request: a handle to the durable task, never the state itself.
 * H1 it opens only with the same key, principal, tool and arguments that it was sealed with; one changed byte and it
 *    does not.
 * H2 it stops opening at its expiry.
 * H3 an echoed handle can be used again without harm: answers go to record keys, and those are never asked twice.
 */

/** What the handle carries. It is readable by the client (it is signed, not encrypted), so nothing secret goes in. */
export interface RequestState {
  readonly taskId: string;
  /** Key in `inputRequests` of that round → key in the task record. */
  readonly keys: { readonly [name: string]: string };
  /** Epoch milliseconds. */
  readonly expiresAt: number;
}

/** The call that a handle belongs to. */
export interface StateBinding {
  readonly principal: string;
  readonly tool: string;
  readonly arguments: JsonObject;
}

/** The least size of the signing key, in bytes. */
export const STATE_KEY_BYTES = 32;

/** Seals and opens handles with one key. Every server on the same data folder must have the same key. */
export interface StateSealer {
  seal(state: RequestState, binding: StateBinding): string;
  /** `undefined` for anything that does not verify: forged, changed, foreign, for another call, or expired at `now`. */
  open(text: string, binding: StateBinding, now: number): RequestState | undefined;
}

/** @throws RangeError when the key is shorter than `STATE_KEY_BYTES`: a mistake of the caller, found at start. */
export function createStateSealer(key: Uint8Array): StateSealer {
  if (key.byteLength < STATE_KEY_BYTES) throw new RangeError(`the key needs ${STATE_KEY_BYTES} bytes or more`);
  return {
    seal: (state, binding) => {
      const payload = Buffer.from(
        JSON.stringify({ t: state.taskId, k: state.keys, e: state.expiresAt }),
        'utf8',
      ).toString('base64url');
      return `${VERSION}.${payload}.${sign(key, payload, binding).toString('base64url')}`;
    },
    open: (text, binding, now) => {
      const [version, payload, signature, ...rest] = text.split('.');
      if (version !== VERSION || payload === undefined || signature === undefined || rest.length > 0) return undefined;
      const given = Buffer.from(signature, 'base64url');
      // Base64 has several spellings of the same bytes; only the one we write is accepted (H1).
      if (given.toString('base64url') !== signature) return undefined;
      const right = sign(key, payload, binding);
      if (given.byteLength !== right.byteLength || !timingSafeEqual(given, right)) return undefined;
      const state = parsePayload(payload);
      return state !== undefined && state.expiresAt > now ? state : undefined;
    },
  };
}

const VERSION = 'v1';

function sign(key: Uint8Array, payload: string, binding: StateBinding): Buffer {
  const digest = createHash('sha256')
    .update(canonicalJson([binding.principal, binding.tool, binding.arguments]))
    .digest('base64url');
  return createHmac('sha256', key).update(`mcp-workflow request state ${VERSION}\n${digest}\n${payload}`).digest();
}

function parsePayload(payload: string): RequestState | undefined {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
  } catch {
    return undefined;
  }
  if (!isJsonObject(value)) return undefined;
  const { t: taskId, k: keys, e: expiresAt } = value;
  if (typeof taskId !== 'string' || typeof expiresAt !== 'number' || !isTextMap(keys)) return undefined;
  return { taskId, keys, expiresAt };
}

function isTextMap(value: JsonValue | undefined): value is { readonly [name: string]: string } {
  return isJsonObject(value) && Object.values(value).every((entry) => typeof entry === 'string');
}
