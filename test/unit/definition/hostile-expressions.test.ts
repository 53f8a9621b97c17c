import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { JSONATA_LIMITS } from '../../../src/definition/expression/jsonata.ts';
import { renderValue } from '../../../src/definition/expression/template.ts';
import { processorMsSince } from '../../support/machine-speed.ts';
import { namesOf } from '../../support/names.ts';

const MANY = 100_000;
const numbers = Array.from({ length: MANY }, (_, index) => MANY - index);
const names = namesOf({
  numbers,
  objects: numbers.map((n) => ({ [`k${n}`]: n })),
  twins: numbers.map((n) => ({ n: n % 100 })),
  words: numbers.map((n) => `w${n}`),
  text: 'x'.repeat(1_000_000),
});

function evaluate(expression: string): Promise<JsonValue> {
  return renderValue(`{% ${expression} %}`, names, () => undefined);
}

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  return processorMsSince(before);
}

describe('expressions over large values', () => {
  // With the library's own functions these took minutes, or all memory.
  it.each<[string, JsonValue]>([
    ['$sort(numbers)[0]', 1],
    ['$sort(words)[0]', 'w1'],
    ['$count($distinct(numbers))', MANY],
    ['$count($distinct(twins))', 100],
    ['$count($spread(objects))', MANY],
    ['$length($join(words)) > 500000', true],
    ['$count($reverse(numbers))', MANY],
    ['$count($keys(objects))', MANY],
    ['$sum(numbers)', 5_000_050_000],
  ])('%s answers in time that grows with the list', async (expression, expected) => {
    let answer: JsonValue | undefined;
    const cpu = await cpuOf(async () => {
      answer = await evaluate(expression);
    });
    expect(answer).toBe(expected);
    expect(cpu).toBeLessThan(1_500);
  });

  it.each([
    ['$sort(numbers, function($a, $b) { $a > $b })', 'steps'],
    ['numbers^($)', /steps|ms/],
    ['$reduce(numbers, $append)', /steps|ms/],
    ['$map([1..1000], function($i) { $split($$.text, "") })', /steps|ms/],
    ['$map(numbers, function($n) { $sum(numbers) })', /steps|ms/],
    ['$map([1..10000], function($n) { $count($distinct($$.numbers)) })', /steps|ms/],
    ['($f := function() { $f() }; $f())', 'steps'],
    ['numbers@$a.numbers@$b[$a=$b]', /sequence|steps/],
    ['numbers.$$.numbers', 'sequence'],
    ['[1..100000].$$.text & ""', /steps|ms|larger|string length/],
    ['$string([1..100000].$$.text)', 'larger'],
    ['$join([1..100000].$$.text)', 'larger'],
    ['$replace(text, "x", text)', /larger|string length/],
    ['text & text', 'larger'],
    ['$spread([objects, objects])', 'sequence'],
  ])('%s is stopped with a reason', async (expression, reason) => {
    const cpu = await cpuOf(() => expect(evaluate(expression)).rejects.toThrow(reason));
    expect(cpu).toBeLessThan(JSONATA_LIMITS.cpuMs * 2);
  });

  it('gives every evaluation its own bound, however many run side by side', async () => {
    const alone = '$count($map([1..20000], function($n) { $n + 1 }))';
    const answers = await Promise.all(Array.from({ length: 40 }, () => evaluate(alone)));
    expect(answers).toEqual(Array.from({ length: 40 }, () => 20_000));
  });

  it('lets the process answer others between two evaluations', async () => {
    let between = 0;
    const tick = (): void => {
      between += 1;
      if (between < 1_000) setImmediate(tick);
    };
    setImmediate(tick);
    await Promise.all(Array.from({ length: 5 }, () => evaluate('$count($map(numbers, function($n) { $n }))')));
    expect(between).toBeGreaterThanOrEqual(4);
  });
});
