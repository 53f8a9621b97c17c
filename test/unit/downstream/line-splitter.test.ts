import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LineSplitter, type DroppedLine } from '../../../src/downstream/line-splitter.ts';

function split(maxBytes: number, chunks: readonly Buffer[]) {
  const lines: string[] = [];
  const dropped: DroppedLine[] = [];
  const endless: DroppedLine[] = [];
  const splitter = new LineSplitter(maxBytes, {
    line: (bytes) => void lines.push(bytes.toString('utf8')),
    dropped: (line) => void dropped.push(line),
    endless: (line) => void endless.push(line),
  });
  for (const chunk of chunks) splitter.push(chunk);
  return { lines, dropped, endless };
}

describe('a line splitter', () => {
  test('gives the same lines however the bytes are cut, characters of several bytes included', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' })), fc.array(fc.integer({ min: 1, max: 7 })), (texts, sizes) => {
        const wanted = texts.map((text) => text.replaceAll('\n', ' ').replace(/\r$/, ''));
        const bytes = Buffer.from(wanted.map((text) => `${text}\n`).join(''));
        const chunks: Buffer[] = [];
        for (let at = 0, n = 0; at < bytes.length; n += 1) {
          const size = sizes[n % Math.max(1, sizes.length)] ?? 3;
          chunks.push(bytes.subarray(at, at + size));
          at += size;
        }
        // Lone surrogates are no text: both sides read them as the replacement character.
        expect(split(1_000_000, chunks).lines).toEqual(wanted.map((text) => Buffer.from(text).toString()));
      }),
    );
  });

  test('a line over the limit is dropped with its head and tail, the next one is read', () => {
    const { lines, dropped, endless } = split(100, [
      Buffer.from(`{"id":1${'x'.repeat(300)}`),
      Buffer.from(`y"id":2}\nok\n`),
    ]);
    expect(lines).toEqual(['ok']);
    expect(dropped).toHaveLength(1);
    expect(dropped[0]?.head.startsWith('{"id":1')).toBe(true);
    expect(dropped[0]?.tail.endsWith('y"id":2}')).toBe(true);
    expect(dropped[0]?.bytes).toBe(315);
    expect(endless).toEqual([]);
  });

  test('a line of exactly the limit is kept', () => {
    expect(split(5, [Buffer.from('12345\n123456\n')])).toMatchObject({ lines: ['12345'], dropped: [{ bytes: 6 }] });
  });

  test('a line that does not end is reported once, and nothing is read after it', () => {
    const { lines, endless } = split(10, [
      Buffer.from('x'.repeat(60)),
      Buffer.from('x'.repeat(60)),
      Buffer.from('\nlate\n'),
    ]);
    expect(endless).toHaveLength(1);
    expect(lines).toEqual([]);
  });

  test('takes linear time for a long line in tiny pieces', () => {
    const piece = Buffer.from('x');
    const chunks = [...Array.from({ length: 200_000 }, () => piece), Buffer.from('\n')];
    expect(split(1_000_000, chunks).lines[0]).toHaveLength(200_000);
  });
});
