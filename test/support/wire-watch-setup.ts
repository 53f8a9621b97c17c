/**
 * In force in every integration test: whatever a server of ours answers over HTTP is checked against the schemas of its
 * generation as it is read, and a test fails with the first message that breaks one. The tests of downstream servers
 * are left out: there we are the client, and the servers are strangers, some of them hostile.
 */
import { afterEach, expect } from 'vitest';
import { HttpConversations, jsonOf, verifyWire } from './wire-watch.ts';

const plainFetch = globalThis.fetch;
const conversations = new HttpConversations();

const watchingFetch: typeof fetch = async (input, init) => {
  const url = new URL(input instanceof Request ? input.url : input);
  const answer = await plainFetch(input, init);
  if (url.pathname !== '/mcp' || input instanceof Request) return answer;
  const session = new Headers(init?.headers).get('mcp-session-id');
  const body = init?.body;
  const watch = conversations.sent(session, jsonOf(typeof body === 'string' ? body : ''));
  const reader = watch(answer.headers.get('content-type') ?? '');
  if (answer.body === null || reader === undefined) return answer;
  const { status, statusText, headers } = answer;
  // As it is read, and no faster: tests of slow readers stay what they are.
  const watchedBody = answer.body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>(
      {
        transform: (chunk, controller) => {
          reader.push(chunk);
          controller.enqueue(chunk);
        },
        flush: () => reader.end(),
      },
      { highWaterMark: 1 },
      { highWaterMark: 0 },
    ),
  );
  return new Response(watchedBody, { status, statusText, headers });
};

if (expect.getState().testPath?.includes('/integration/downstream/') !== true) globalThis.fetch = watchingFetch;

afterEach(() => verifyWire());
