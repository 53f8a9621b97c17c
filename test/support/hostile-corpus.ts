const MEGABYTE = 1 << 20;
const STEP = { id: 'a', server: 's', action: 't' };
const json = (more: object): string => JSON.stringify({ name: 'hostile', steps: [STEP], ...more });
const withValue = (value: unknown): string => json({ steps: [{ ...STEP, arguments: { value } }] });
const letters = 'abcdefghi'.split('');

/** Texts made to cost much, with the code of the first error; `ok` = harmless once it is read. */
export const HOSTILE_DEFINITIONS: readonly (readonly [what: string, text: string, code: string])[] = [
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
  ['a number beyond all numbers', withValue(1).replace('"value":1', '"value":1e309'), 'syntax'],
  ['a hundred thousand steps', json({ steps: Array.from({ length: 100_000 }, (_, i) => i) }), 'too_large'],
  ['ten thousand levels of JSON', `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`, 'too_deep'],
  ['ten thousand levels of YAML', `${'a: {'.repeat(1)}${'b: {'.repeat(10_000)}${'}'.repeat(10_001)}`, 'too_deep'],
  [
    'a constructor as a key',
    '{"name": "a", "steps": [], "constructor": {"prototype": {"polluted": 1}}}',
    'forbidden_name',
  ],
  ['a prototype by an escape', '{"name": "a", "steps": [], "__proto\\u005f_": {"polluted": 1}}', 'forbidden_name'],
  ['a prototype in YAML', 'name: a\nsteps: []\n"__proto__": {polluted: 1}', 'forbidden_name'],
  ['a merge of a prototype', 'base: &b {"__proto__": {polluted: 1}}\nname: a\n<<: *b\nsteps: []', 'forbidden_name'],
  ['a prototype as a step id', json({ steps: [{ ...STEP, id: '__proto__' }] }), 'forbidden_name'],
  ['a prototype as a variable', '{"name":"a","variables":{"global":{"__proto__":1}},"steps":[]}', 'forbidden_name'],
  ['the same key by an escape', '{"name": "a", "n\\u0061me": "b", "steps": []}', 'duplicate_key'],
  ['a letter that looks like another', json({ name: 'hostil\u0435' }), 'invalid_value'],
  ['a name that is written backwards', json({ name: 'hostile\u202e' }), 'invalid_value'],
  ['a character of no width in an id', json({ steps: [{ ...STEP, id: 'a\u200b' }] }), 'invalid_value'],
  [
    'a traversal as a file, which is refused when it is read',
    json({ resources: [{ name: 'r', uri: 'a://b', file: '../../etc/passwd' }] }),
    'ok',
  ],
  [
    'an absolute file, which is refused when it is read',
    json({ resources: [{ name: 'r', uri: 'a://b', file: '/etc/passwd' }] }),
    'ok',
  ],
  [
    'half a character',
    '{"name": "a", "description": "\\ud800", "steps": [{"id": "s", "type": "set", "values": {"a": "\\udc00"}}]}',
    'ok',
  ],
  ['a regular expression in an expression', withValue('{% $match("a", /^(a+)+$/) %}'), 'invalid_expression'],
  ['an expression that runs text', withValue('{% $eval("1") %}'), 'invalid_expression'],
  [
    'a schema that refers to the network',
    json({ input_schema: { $ref: 'http://127.0.0.1:1/x.json' } }),
    'invalid_schema',
  ],
  ['a schema that means itself', json({ input_schema: { type: 'object', properties: { a: { $ref: '#' } } } }), 'ok'],
  [
    'two schemas that mean each other',
    json({
      input_schema: {
        type: 'object',
        $ref: '#/$defs/a',
        $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } },
      },
    }),
    'invalid_schema',
  ],
  ['a byte order mark', `\ufeff${json({})}`, 'ok'],
  ['a zero inside a name', json({ name: 'a\0b' }), 'invalid_value'],
  [
    'a million at once, bounded when it runs',
    json({ steps: [{ id: 'f', type: 'foreach', items: [1], max_concurrency: 1_000_000, steps: [STEP] }] }),
    'ok',
  ],
  ['a time that never ends', json({ timeout_seconds: 1e300 }), 'invalid_value'],
];
