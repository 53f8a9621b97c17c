import { describe, expect, test } from 'vitest';
import { askForm } from '../../../src/cli/form.ts';
import type { JsonObject } from '../../../src/core/json.ts';

/** Answers a form with lines as a person would type them; `undefined` = Ctrl-D. */
async function fill(params: JsonObject, ...lines: readonly (string | undefined)[]) {
  const left = [...lines];
  const questions: string[] = [];
  const said: string[] = [];
  const response = await askForm(
    { method: 'elicitation/create', params },
    (question) => {
      questions.push(question);
      if (left.length === 0) throw new Error(`not expected: ${question}`);
      return Promise.resolve(left.shift());
    },
    (text) => said.push(text),
  );
  return { response, questions, said: said.join(''), left };
}

function form(properties: JsonObject, required: readonly string[] = Object.keys(properties)): JsonObject {
  return { message: 'Please', requestedSchema: { type: 'object', properties, required } };
}

describe('one question a field', () => {
  test('texts, numbers and booleans are read by their type', async () => {
    const schema = form({ name: { type: 'string' }, count: { type: 'integer' }, sure: { type: 'boolean' } });
    const { response, questions } = await fill(schema, '42', '7', 'y');
    expect(response).toEqual({ action: 'accept', content: { name: '42', count: 7, sure: true } });
    expect(questions).toHaveLength(3);
  });

  test('a line that does not fit is asked again', async () => {
    const { response, said } = await fill(form({ count: { type: 'integer' } }), 'many', '', '3');
    expect(response).toEqual({ action: 'accept', content: { count: 3 } });
    expect(said).toContain('expected integer');
  });

  test('what the schema of a field refuses is said at once, and only that field is asked again', async () => {
    const schema = form({ mail: { type: 'string', format: 'email' }, count: { type: 'integer', maximum: 5 } });
    const { response, questions, said } = await fill(schema, 'nobody', 'a@b.c', '9', '5');
    expect(response).toEqual({ action: 'accept', content: { mail: 'a@b.c', count: 5 } });
    expect(questions.map((question) => question.split(':')[0])).toEqual(['mail', 'mail', 'count', 'count']);
    expect(said).toContain('of the format email');
    expect(said).toContain('to be <= 5');
  });

  test('an empty line takes the default, or leaves an optional field out', async () => {
    const schema = form({ a: { type: 'string', default: 'x' }, b: { type: 'string' } }, ['a']);
    expect((await fill(schema, '', '')).response).toEqual({ action: 'accept', content: { a: 'x' } });
  });

  test.each([
    ['enum', { type: 'string', enum: ['approve', 'reject'] }],
    ['enumNames', { type: 'string', enum: ['approve', 'reject'], enumNames: ['Yes', 'No'] }],
    [
      'oneOf',
      {
        type: 'string',
        oneOf: [
          { const: 'approve', title: 'Yes' },
          { const: 'reject', title: 'No' },
        ],
      },
    ],
  ])('a choice by %s is taken by its number or its value', async (_name, property) => {
    expect((await fill(form({ d: property }), '3', '2')).response).toEqual({
      action: 'accept',
      content: { d: 'reject' },
    });
    expect((await fill(form({ d: property }), 'approve')).response).toEqual({
      action: 'accept',
      content: { d: 'approve' },
    });
  });

  test('several choices go with commas between', async () => {
    const property = { type: 'array', items: { type: 'string', enum: ['a', 'b', 'c'] } };
    expect((await fill(form({ d: property }), '1,9', '1, c')).response).toEqual({
      action: 'accept',
      content: { d: ['a', 'c'] },
    });
  });
});

describe('no answer', () => {
  test.each([
    ['!decline', 'decline'],
    ['!cancel', 'cancel'],
    [undefined, 'cancel'],
  ])('%s', async (line, action) => {
    const schema = form({ a: { type: 'string' }, b: { type: 'string' } });
    expect((await fill(schema, 'first', line)).response).toEqual({ action });
  });
});

test('a link is shown and answered by Enter', async () => {
  const { response, said } = await fill({ mode: 'url', message: 'Sign in', url: 'https://example.com/x' }, '');
  expect(response).toEqual({ action: 'accept' });
  expect(said).toContain('https://example.com/x');
});

test('escape sequences in a question never reach the terminal', async () => {
  const { said, questions } = await fill(
    { ...form({ a: { type: 'string', title: 'T\u001b[2J' } }), message: 'M\u001b[2J' },
    'x',
  );
  expect(`${said}${questions.join('')}`).not.toContain('\u001b');
});
