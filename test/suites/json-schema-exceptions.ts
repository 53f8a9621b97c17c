/** Tests of the JSON Schema suite that end differently with us, and why: a group by its name, a single test as `group: description`. */
export interface JsonSchemaException {
  readonly reason: string;
  /** What the refusal or the violation says. */
  readonly says?: string;
  readonly tests: readonly string[];
}

export const JSON_SCHEMA_EXCEPTIONS: readonly JsonSchemaException[] = [
  {
    reason: 'References to other documents are never fetched.',
    says: 'never fetched',
    tests: [
      'dynamicRef#13',
      'dynamicRef#14',
      'dynamicRef#15',
      'dynamicRef#16',
      'dynamicRef#17',
      'refRemote#0',
      'refRemote#1',
      'refRemote#2',
      'refRemote#3',
      'refRemote#4',
      'refRemote#5',
      'refRemote#6',
      'refRemote#7',
      'refRemote#8',
      'refRemote#9',
      'refRemote#10',
      'refRemote#11',
      'refRemote#12',
      'refRemote#13',
      'refRemote#14',
    ],
  },
  {
    reason: '`$dynamicRef` is refused: Ajv resolves it to other places than the standard does.',
    says: '$dynamicRef is not supported',
    tests: [
      'dynamicRef#0',
      'dynamicRef#1',
      'dynamicRef#3',
      'dynamicRef#4',
      'dynamicRef#5',
      'dynamicRef#6',
      'dynamicRef#7',
      'dynamicRef#8',
      'dynamicRef#9',
      'dynamicRef#10',
      'dynamicRef#11',
      'dynamicRef#12',
      'dynamicRef#18',
      'dynamicRef#19',
      'dynamicRef#20',
      'unevaluatedItems#18',
      'unevaluatedProperties#21',
    ],
  },
  {
    reason: '`format` is checked with us, as people who write one expect; the standard takes it for a note.',
    says: 'of the format',
    tests: [
      'format#0: invalid email string is only an annotation by default',
      'format#2: invalid regex string is only an annotation by default',
      'format#3: invalid ipv4 string is only an annotation by default',
      'format#4: invalid ipv6 string is only an annotation by default',
      'format#6: invalid hostname string is only an annotation by default',
      'format#7: invalid date string is only an annotation by default',
      'format#8: invalid date-time string is only an annotation by default',
      'format#9: invalid time string is only an annotation by default',
      'format#10: invalid json-pointer string is only an annotation by default',
      'format#11: invalid relative-json-pointer string is only an annotation by default',
      'format#14: invalid uri string is only an annotation by default',
      'format#15: invalid uri-reference string is only an annotation by default',
      'format#16: invalid uri-template string is only an annotation by default',
      'format#17: invalid uuid string is only an annotation by default',
      'format#18: invalid duration string is only an annotation by default',
    ],
  },
  {
    reason: 'References by relative `$id`s inside one another, which Ajv cannot follow.',
    says: 'cannot be followed',
    tests: ['ref#15', 'ref#16', 'ref#28'],
  },
  {
    reason:
      'A property named `__proto__` is not looked at by Ajv. Definitions refuse the name, so no schema of ours has it.',
    tests: ['properties#5: __proto__ not valid'],
  },
  {
    reason:
      'What `contains`, a lone `if`, or nested `items` have seen is not passed on to `unevaluatedItems` and `unevaluatedProperties` by Ajv.',
    tests: [
      'unevaluatedItems#8: with no additional items',
      'unevaluatedItems#8: with invalid additional item',
      'unevaluatedItems#21: contains passes, second item is not evaluated',
      'unevaluatedItems#22: 7 not evaluated, fails unevaluatedItems',
      "unevaluatedItems#23: only b's are invalid",
      "unevaluatedItems#23: only c's are invalid",
      "unevaluatedItems#23: only b's and c's are invalid",
      "unevaluatedItems#23: only a's and c's are invalid",
      'unevaluatedItems#24: all items evaluated by contains',
      'unevaluatedItems#27: valid in case if is evaluated',
      'unevaluatedProperties#15: when if is true and has no unevaluated properties',
      'unevaluatedProperties#15: when if is false and has unevaluated properties',
      'unevaluatedProperties#39: valid in case if is evaluated',
    ],
  },
  {
    reason: 'Meta-schemas of others are never fetched.',
    says: 'no schema with key or ref',
    tests: ['vocabulary#0', 'vocabulary#1'],
  },
  { reason: 'An empty `enum`, which nothing can fit, is refused.', says: 'non-empty', tests: ['enum#14'] },
  {
    reason: '1e308 is no multiple of 0.5 in double precision arithmetic; the test is optional.',
    tests: ['optional/float-overflow#0: valid if optional overflow handling is implemented'],
  },
  {
    reason: 'An `$id` that stands twice, once inside a keyword nobody knows; the test is optional.',
    says: 'more than one schema',
    tests: ['optional/unknownKeyword#0'],
  },
];
