import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

const MEGABYTE = 1 << 20;
const STEP = { id: 'a', server: 's', action: 't' };
const json = (more: object): string => JSON.stringify({ name: 'hostile', steps: [STEP], ...more });
const withValue = (value: unknown): string => json({ steps: [{ ...STEP, arguments: { value } }] });
const letters = 'abcdefghi'.split('');

/** Texts made to cost much, with the code of the first error; `ok` = harmless once it is read. */
const CORPUS: readonly (readonly [what: string, text: string, code: string])[] = [
  ['too many bytes', `a: ${'x'.repeat(MEGABYTE)}`, 'too_large'],
  ['flow lists', '['.repeat(MEGABYTE), 'too_deep'],
  ['flow maps', '{'.repeat(MEGABYTE), 'too_deep'],
  ['compact lists', '- '.repeat(MEGABYTE / 2), 'too_deep'],
  ['complex keys', '? '.repeat(MEGABYTE / 2), 'too_deep'],
  ['deep indentation', Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}a:`).join('\n'), 'syntax'],
  ['anchors', '&a '.repeat(MEGABYTE / 4), 'too_many_aliases'],
  ['aliases', `- &a x\n${'- *a\n'.repeat(20_000)}`, 'too_many_aliases'],
  [
    'a billion laughs',
    [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...letters.slice(1).map(
        (c, i) =>
          `${c}: &${c} [${Array(9)
            .fill(`*${letters[i] ?? ''}`)
            .join(', ')}]`,
      ),
    ].join('\n'),
    'too_large',
  ],
  ['an alias inside itself', 'a: &a [*a]', 'syntax'],
  ['tags', '!a '.repeat(MEGABYTE / 4), 'too_large'],
  ['a long tag', '!'.repeat(MEGABYTE), 'unsupported_tag'],
  ['many values', `[${'0,'.repeat(MEGABYTE / 4)}0]`, 'too_large'],
  ['many keys', `{${Array.from({ length: 40_000 }, (_, i) => `k${i}: 0`).join(', ')}}`, 'too_large'],
  ['the same key', 'a: 1\n'.repeat(10_000), 'duplicate_key'],
  ['errors', '- [[[[[[[\n'.repeat(20_000), 'syntax'],
  ['nothing but commas', `[${','.repeat(30_000)}]`, 'syntax'],
  ['comments', '#\n'.repeat(MEGABYTE / 2), 'too_large'],
  ['tabs', '\t'.repeat(MEGABYTE), 'syntax'],
  ['zero bytes', '\0'.repeat(MEGABYTE), 'invalid_type'],
  ['an open quote in JSON', `{"name": "${'\\a'.repeat(500_000)}`, 'syntax'],
  ['unknown keys', json(Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`k${i}`, 1]))), 'unknown_key'],
  ['things that are no steps', json({ steps: Array(40_000).fill(1) }), 'invalid_value'],
  [
    'unknown steps',
    json({ steps: Array.from({ length: 5000 }, (_, i) => ({ ...STEP, id: `s${i}`, on_error: `x${i}` })) }),
    'unknown_step',
  ],
  [
    'a circle of 3000',
    json({
      steps: Array.from({ length: 3000 }, (_, i) => ({ ...STEP, id: `s${i}`, depends_on: [`s${(i + 1) % 3000}`] })),
    }),
    'dependency_cycle',
  ],
  ['a long id and a long reference', withValue(`{{${'a'.repeat(400_000)}.output}}`), 'unknown_step'],
  ['open templates', withValue('{{'.repeat(400_000)), 'ok'],
  ['half templates', withValue('{{a|default:"'.repeat(70_000)), 'ok'],
  ['many templates', withValue('{{task.id}}'.repeat(80_000)), 'ok'],
  ['a long condition', json({ steps: [{ ...STEP, when: '('.repeat(900_000) }] }), 'invalid_condition'],
  ['a deep expression', withValue(`{% ${'('.repeat(19_000)} %}`), 'invalid_expression'],
  [
    'a pattern that backtracks',
    json({
      input_schema: { type: 'object', properties: { a: { pattern: '^(a+)+$' } } },
      variables: { input: { a: `${'a'.repeat(60)}!` } },
    }),
    'ok',
  ],
  [
    'a schema of many parts',
    json({
      input_schema: {
        type: 'object',
        properties: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`p${i}`, {}])),
      },
    }),
    'invalid_schema',
  ],
  [
    'a long cron',
    json({ schedule: { type: 'cron', expression: `${'1,'.repeat(300_000)}1 * * * *` } }),
    'invalid_value',
  ],
  ['a prototype', '{"name": "a", "steps": [{"__proto__": {"polluted": 1}}]}', 'forbidden_name'],
  ['a traversal as a name', json({ name: '../../etc/passwd' }), 'invalid_value'],
  ['a name with a line break', json({ name: 'a\nb' }), 'invalid_value'],
];

describe('hostile definitions', () => {
  it.each(CORPUS)('%s: a clean answer in bounded time', (_what, text, code) => {
    const start = performance.now();
    const { loaded, issues } = parseDefinition(text, 'hostile.yaml', stepSyntaxes);
    const took = performance.now() - start;
    const first = issues.find((issue) => issue.severity === 'error');
    if (code === 'ok') expect(loaded).toBeDefined();
    else expect(first?.code).toBe(code);
    expect(issues.length).toBeLessThanOrEqual(500);
    for (const issue of issues) expect(issue.message.length).toBeLessThan(20_000);
    // 200 ms on a quiet machine; unbounded, most of these take minutes or all memory.
    expect(took).toBeLessThan(2_000);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
