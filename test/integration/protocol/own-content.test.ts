import { ElicitRequestSchema } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, test } from 'vitest';
import { definitionOf, protocolDeps } from '../../support/protocol-deps.ts';
import { serveHttp, servePipe, type Served } from '../../support/scripted-client.ts';
import { waitUntil } from '../../support/wait-until.ts';

const served: Served[] = [];
afterEach(async () => {
  for (const front of served.splice(0)) await front.close();
});

const asks = definitionOf('essay', {
  prompt: {
    ask: { message: 'Which mood?', schema: { type: 'object', properties: { mood: { type: 'string' } } } },
    messages: [{ role: 'user', content: { type: 'text', text: 'In a {{answer.mood}} mood' } }],
  },
});

describe.each([
  ['a pipe', servePipe],
  ['HTTP', serveHttp],
])('2025-11-25 over %s', (_name, serve) => {
  async function setUp(): Promise<{ deps: ReturnType<typeof protocolDeps>; front: Served }> {
    const deps = protocolDeps();
    const front = await serve(deps);
    served.push(front);
    return { deps, front };
  }

  test('a prompt that asks puts its form on the request, and makes its messages of the answer', async () => {
    const { deps, front } = await setUp();
    deps.definitions.set(asks);
    const { client } = await front.connect({ elicitation: {} });
    const seen: string[] = [];
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      seen.push(params.message);
      return { action: 'accept', content: { mood: 'calm' } };
    });
    const { messages } = await client.getPrompt({ name: 'essay' });
    expect(messages).toEqual([{ role: 'user', content: { type: 'text', text: 'In a calm mood' } }]);
    expect(seen).toEqual(['Which mood?']);
  });

  test('it is refused where the client shows no forms, and where the person says no', async () => {
    const { deps, front } = await setUp();
    deps.definitions.set(asks);
    const mute = await front.connect();
    await expect(mute.client.getPrompt({ name: 'essay' })).rejects.toMatchObject({ code: -32602 });
    const { client } = await front.connect({ elicitation: {} });
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: 'decline' }));
    await expect(client.getPrompt({ name: 'essay' })).rejects.toMatchObject({ code: -32602 });
  });

  test('a subscriber to a definition hears when it changes, and not when another one does', async () => {
    const { deps, front } = await setUp();
    for (const name of ['one', 'two']) deps.definitions.set(definitionOf(name));
    const connected = await front.connect();
    const uri = (name: string): string => `workflow://definitions/${name}`;
    for (const name of ['one', 'two']) await connected.raw('resources/subscribe', { uri: uri(name) });
    const told = (): unknown[] =>
      connected.received.flatMap((message) =>
        'method' in message && message.method === 'notifications/resources/updated' ? [message.params?.['uri']] : [],
      );
    deps.definitions.set(definitionOf('two', { description: 'changed' }));
    deps.definitions.set(definitionOf('one', { description: 'changed' }));
    await waitUntil('the second is told', () => told().includes(uri('one')));
    expect(told()).toEqual([uri('two'), uri('one')]);
  });

  test('a subscriber to a resource of a definition hears when a file beside it changes', async () => {
    const { deps, front } = await setUp();
    const guide = definitionOf('guide', { resources: [{ uri: 'docs://guide', name: 'guide', file: 'guide.md' }] });
    deps.definitions.set(guide, { 'guide.md': { text: 'one' } });
    const connected = await front.connect();
    await expect(connected.raw('resources/subscribe', { uri: 'docs://nothing' })).rejects.toMatchObject({
      code: -32002,
    });
    await connected.raw('resources/subscribe', { uri: 'docs://guide' });
    deps.definitions.set(guide, { 'guide.md': { text: 'two' } });
    const updated = await connected.message(
      (message) => 'method' in message && message.method === 'notifications/resources/updated',
    );
    expect(updated).toMatchObject({ params: { uri: 'docs://guide' } });
    const { contents } = await connected.client.readResource({ uri: 'docs://guide' });
    expect(contents).toEqual([{ uri: 'docs://guide', mimeType: 'text/markdown', text: 'two' }]);
    await connected.raw('resources/unsubscribe', { uri: 'docs://guide' });
  });
});
