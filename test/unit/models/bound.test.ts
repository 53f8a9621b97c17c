import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dollars, mostOf } from '../../../src/models/bound.ts';
import { fitsStrictMode } from '../../../src/models/strict-schema.ts';

const message = (text: string): { role: string; content: { type: string; text: string } } => ({
  role: 'user',
  content: { type: 'text', text },
});

describe('the most that a turn can take', () => {
  it('is at least one token for each byte of what is asked, and max_tokens', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.string(), fc.nat(), (texts, system, maxTokens) => {
        const bytes = Buffer.byteLength(texts.join('')) + Buffer.byteLength(system);
        const { tokens } = mostOf({ messages: texts.map(message), system, maxTokens }, undefined);
        expect(tokens).toBeGreaterThanOrEqual(bytes + maxTokens);
      }),
    );
  });

  it('costs what the price says of both ways, and is not known without one', () => {
    const request = { messages: [message('x')], maxTokens: 1_000_000 };
    const { tokens, usd } = mostOf(request, { input: 2, output: 7 });
    expect(usd).toBeCloseTo(7 + ((tokens - 1_000_000) * 2) / 1_000_000, 9);
    expect(mostOf(request, undefined)).not.toHaveProperty('usd');
  });

  it('counts a schema, and pictures by more than their bytes', () => {
    const plain = mostOf({ messages: [message('x')], maxTokens: 1 }, undefined).tokens;
    const schema = { type: 'object', description: 'y'.repeat(100) };
    expect(mostOf({ messages: [message('x')], schema, maxTokens: 1 }, undefined).tokens).toBeGreaterThan(plain + 200);
    const image = { type: 'image', data: 'AA==', mimeType: 'image/png' };
    const picture = { role: 'user', content: [image, image] };
    expect(mostOf({ messages: [picture], maxTokens: 1 }, undefined).tokens).toBeGreaterThan(60_000);
  });
});

it('dollars are for a million tokens', () => {
  expect(dollars({ input: 10, output: 20 }, 100, 20)).toBe(0.0014);
  expect(dollars({ input: 0, output: 0 }, 100, 20)).toBe(0);
  expect(dollars(undefined, 1, 1)).toBeUndefined();
});

describe('strict mode of servers', () => {
  const closed = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  it.each([
    [closed, true],
    [{ ...closed, required: [] }, false],
    [{ ...closed, additionalProperties: undefined }, false],
    [{ type: 'array', items: closed }, true],
    [{ type: 'array', items: { type: 'object' } }, false],
    [{ ...closed, properties: { a: { type: ['object', 'null'] } } }, false],
    // A member that is called like a keyword is none.
    [{ ...closed, properties: { type: { type: 'string' } }, required: ['type'] }, true],
    [{ enum: [{ type: 'object' }] }, true],
  ])('fits %j: %s', (schema, fits) => {
    expect(fitsStrictMode(JSON.parse(JSON.stringify(schema)) as typeof closed)).toBe(fits);
  });
});
