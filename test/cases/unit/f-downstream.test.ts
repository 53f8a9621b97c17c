import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { LineSplitter } from '../../../src/downstream/line-splitter.ts';

/** Bytes that are in use now, what can be collected left out. */
function inUse(): number {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('F3: a line that comes byte by byte takes no more memory than its bytes, and is whole', () => {
  const length = 200_000;
  const lines: string[] = [];
  const never = (): never => {
    throw new Error('the line is within the limit');
  };
  const splitter = new LineSplitter(length, {
    line: (bytes) => lines.push(bytes.toString('utf8')),
    dropped: never,
    endless: never,
  });
  const before = inUse();
  for (let sent = 0; sent < length; sent += 1) splitter.push(Buffer.alloc(1, 'abcdefg'.charAt(sent % 7)));
  const held = inUse() - before;
  expect(held / length).toBeLessThan(16);
  splitter.push(Buffer.from('\nnext\n'));
  expect(lines).toEqual(['abcdefg'.repeat(length).slice(0, length), 'next']);
});
