import { afterEach, describe, expect, test } from 'vitest';
import { serveModern, type ModernHttp } from '../../support/modern-http.ts';
import { definitionOf, protocolDeps } from '../../support/protocol-deps.ts';

const open: ModernHttp[] = [];
type Deps = ReturnType<typeof protocolDeps>;

async function serve(): Promise<{ deps: Deps; http: ModernHttp }> {
  const deps = protocolDeps();
  const http = await serveModern(deps);
  open.push(http);
  return { deps, http };
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((http) => http.close()));
});

const schema = { type: 'object', properties: { mood: { type: 'string' } }, required: ['mood'] };
const asks = definitionOf('essay', {
  prompt: {
    arguments: [{ name: 'topic', required: true }],
    ask: { message: 'Which mood?', schema },
    messages: [{ role: 'user', content: { type: 'text', text: '{{answer.mood}} {{input.topic}}' } }],
  },
});
const FORMS = { capabilities: { elicitation: {} } };
const request = { name: 'essay', arguments: { topic: 'tea' } };

describe('a prompt that asks', () => {
  test('is answered with its question, and with its messages when it comes back with the answer', async () => {
    const { deps, http } = await serve();
    deps.definitions.set(asks);
    const first = await http.request('prompts/get', request, FORMS);
    expect(first.result).toMatchObject({
      resultType: 'input_required',
      inputRequests: {
        answer: {
          method: 'elicitation/create',
          params: { mode: 'form', message: 'Which mood?', requestedSchema: schema },
        },
      },
    });
    const inputResponses = { answer: { action: 'accept', content: { mood: 'calm' } } };
    const second = await http.request('prompts/get', { ...request, inputResponses }, FORMS);
    expect(second.result).toMatchObject({
      resultType: 'complete',
      messages: [{ role: 'user', content: { type: 'text', text: 'calm tea' } }],
    });
  });

  test('asks again when the answer is to something else, and refuses one that does not fit', async () => {
    const { deps, http } = await serve();
    deps.definitions.set(asks);
    const other = { ...request, inputResponses: { other: { action: 'accept', content: {} } } };
    expect((await http.request('prompts/get', other, FORMS)).result).toMatchObject({ resultType: 'input_required' });
    const unfit = { ...request, inputResponses: { answer: { action: 'accept', content: { mood: 7 } } } };
    expect((await http.request('prompts/get', unfit, FORMS)).error).toMatchObject({ code: -32602 });
    const declined = { ...request, inputResponses: { answer: { action: 'decline' } } };
    expect((await http.request('prompts/get', declined, FORMS)).error).toMatchObject({ code: -32602 });
  });

  test('needs a client that shows forms, and checks its arguments before it asks anything', async () => {
    const { deps, http } = await serve();
    deps.definitions.set(asks);
    expect(await http.request('prompts/get', request)).toMatchObject({
      status: 400,
      error: { code: -32021, data: { requiredCapabilities: { elicitation: {} } } },
    });
    expect((await http.request('prompts/get', { name: 'essay' }, FORMS)).error).toMatchObject({ code: -32602 });
  });
});

test('a subscriber to a resource of a definition hears when a file beside it changes, and what it reads then', async () => {
  const { deps, http } = await serve();
  const guide = definitionOf('guide', { resources: [{ uri: 'docs://guide', name: 'guide', file: 'guide.md' }] });
  deps.definitions.set(guide, { 'guide.md': { text: 'one' } });
  const listening = await http.listen({ resourceSubscriptions: ['docs://guide', 'docs://nothing'] });
  expect(await listening.next()).toMatchObject({
    method: 'notifications/subscriptions/acknowledged',
    params: { notifications: { resourceSubscriptions: ['docs://guide'] } },
  });
  deps.definitions.set(definitionOf('unrelated'));
  deps.definitions.set(guide, { 'guide.md': { text: 'two' } });
  expect(await listening.next()).toMatchObject({
    method: 'notifications/resources/updated',
    params: { uri: 'docs://guide' },
  });
  expect((await http.request('resources/read', { uri: 'docs://guide' })).result).toMatchObject({
    contents: [{ uri: 'docs://guide', mimeType: 'text/markdown', text: 'two' }],
  });
  listening.close();
});
