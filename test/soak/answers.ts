import { createHash } from 'node:crypto';
import { isJsonObject } from '../../src/core/json.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';

/** What the client says it can answer. */
export const CAPABILITIES: JsonObject = {
  'io.modelcontextprotocol/clientCapabilities': {
    elicitation: { form: {}, url: {} },
    sampling: {},
    roots: {},
    extensions: { 'io.modelcontextprotocol/tasks': {} },
  },
};

/**
 * The answer to a question, which depends on its text alone, so that every run of a workflow is answered alike.
 * `undefined`: it is never answered.
 * `nonce` goes into answers that have a place for it, and into nothing that is compared: it tells which of several
 * answers was taken.
 */
export function answerTo(request: JsonValue | undefined, nonce: string): JsonObject | undefined {
  if (!isJsonObject(request) || !isJsonObject(request['params'])) return undefined;
  const { method, params } = request;
  if (method === 'roots/list') return { roots: [{ uri: 'file:///soak', name: 'soak' }] };
  if (method === 'sampling/createMessage') return sampled(params);
  return elicited(params, nonce);
}

/** Whether its time may be over before somebody answers. */
export function isRacy(request: JsonValue | undefined): boolean {
  const params = isJsonObject(request) ? request['params'] : undefined;
  return isJsonObject(params) && messageIn(params).startsWith('racy');
}

function elicited(params: JsonObject, nonce: string): JsonObject | undefined {
  const message = messageIn(params);
  if (message.startsWith('silent')) return undefined;
  // What was in flight at a crash is made again, as it is where nobody is asked.
  if (message.includes('It may or may not have taken effect')) return accept({ action: 'run_again' });
  const number = numberOf(message);
  if (number % 10 === 0) return { action: 'decline' };
  if (number % 10 === 1) return { action: 'cancel' };
  return params['mode'] === 'url' ? { action: 'accept' } : accept({ n: number, nonce });
}

function messageIn({ message }: JsonObject): string {
  return typeof message === 'string' ? message : '';
}

function accept(content: JsonObject): JsonObject {
  return { action: 'accept', content };
}

function sampled(params: JsonObject): JsonObject {
  const asked = JSON.stringify(params['messages']);
  const number = numberOf(asked);
  const text = asked.includes('judge') ? JSON.stringify({ n: number }) : `answer ${number}`;
  return { role: 'assistant', model: 'soak', stopReason: 'endTurn', content: { type: 'text', text } };
}

function numberOf(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE(0) % 1000;
}
