import { expect, it } from 'vitest';
import { toModelMessages } from '../../../src/models/messages.ts';

const text = (value: string): object => ({ type: 'text', text: value });

it.each([
  ['a block', 'user', text('a'), [text('a')]],
  ['several', 'user', [text('a'), text('b')], [text('a'), text('b')]],
  ['a text alone', 'user', 'a', [text('a')]],
  [
    'a picture',
    'user',
    { type: 'image', data: 'AA==', mimeType: 'image/png' },
    [{ type: 'image', image: 'AA==', mediaType: 'image/png' }],
  ],
  [
    'a sound',
    'user',
    { type: 'audio', data: 'AA==', mimeType: 'audio/wav' },
    [{ type: 'file', data: 'AA==', mediaType: 'audio/wav' }],
  ],
  ['a resource with a text', 'user', { type: 'resource', resource: { uri: 'x:y', text: 'a' } }, [text('a')]],
  ['anything else as JSON', 'user', { type: 'new', n: 1 }, [text('{"type":"new","n":1}')]],
  ['what the model said', 'assistant', text('a'), [text('a')]],
  ['another role as that of the user', 'system', text('a'), [text('a')]],
])('a message of MCP with %s is handed to a model', (_what, role, content, parts) => {
  const message = JSON.parse(JSON.stringify({ role, content })) as Parameters<typeof toModelMessages>[0][number];
  expect(toModelMessages([message])).toEqual([{ role: role === 'assistant' ? 'assistant' : 'user', content: parts }]);
});
