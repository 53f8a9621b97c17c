/**
 * Tests of the JSON Schema suite that end differently with us, and why: a group as `file: description`, a single test
 * as `file: description > description`.
 */
export interface JsonSchemaException {
  readonly reason: string;
  /** What the refusal or the violation says. */
  readonly says?: string;
  /** Where the suite's editions differ: the one in which it ends differently. */
  readonly edition?: 'commit 44401e0c' | 'Debian 12';
  readonly tests: readonly string[];
}

export const JSON_SCHEMA_EXCEPTIONS: readonly JsonSchemaException[] = [
  {
    reason: 'References to other documents are never fetched.',
    says: 'never fetched',
    tests: [
      'dynamicRef: strict-tree schema, guards against misspelled properties',
      'dynamicRef: tests for implementation dynamic anchor and reference link',
      'dynamicRef: $ref and $dynamicAnchor are independent of order - $defs first',
      'dynamicRef: $ref and $dynamicAnchor are independent of order - $ref first',
      'dynamicRef: $ref to $dynamicRef finds detached $dynamicAnchor',
      'refRemote: remote ref',
      'refRemote: fragment within remote ref',
      'refRemote: anchor within remote ref',
      'refRemote: ref within remote ref',
      'refRemote: base URI change',
      'refRemote: base URI change - change folder',
      'refRemote: base URI change - change folder in subschema',
      'refRemote: root ref in remote ref',
      'refRemote: remote ref with ref to defs',
      'refRemote: Location-independent identifier in remote ref',
      'refRemote: retrieved nested refs resolve relative to their URI not $id',
      'refRemote: remote HTTP ref with different $id',
      'refRemote: remote HTTP ref with different URN $id',
      'refRemote: remote HTTP ref with nested absolute ref',
      'refRemote: $ref to $ref finds detached $anchor',
    ],
  },
  {
    reason: '`$dynamicRef` is refused: Ajv resolves it to other places than the standard does.',
    says: '$dynamicRef is not supported',
    tests: [
      'dynamicRef: A $dynamicRef to a $dynamicAnchor in the same schema resource behaves like a normal $ref to an $anchor',
      'dynamicRef: A $dynamicRef to an $anchor in the same schema resource behaves like a normal $ref to an $anchor',
      'dynamicRef: A $dynamicRef resolves to the first $dynamicAnchor still in scope that is encountered when the schema is evaluated',
      'dynamicRef: A $dynamicRef without anchor in fragment behaves identical to $ref',
      "dynamicRef: A $dynamicRef with intermediate scopes that don't include a matching $dynamicAnchor does not affect dynamic scope resolution",
      'dynamicRef: An $anchor with the same name as a $dynamicAnchor is not used for dynamic scope resolution',
      'dynamicRef: A $dynamicRef without a matching $dynamicAnchor in the same schema resource behaves like a normal $ref to $anchor',
      'dynamicRef: A $dynamicRef with a non-matching $dynamicAnchor in the same schema resource behaves like a normal $ref to $anchor',
      'dynamicRef: A $dynamicRef that initially resolves to a schema with a matching $dynamicAnchor resolves to the first $dynamicAnchor in the dynamic scope',
      'dynamicRef: A $dynamicRef that initially resolves to a schema without a matching $dynamicAnchor behaves like a normal $ref to $anchor',
      'dynamicRef: multiple dynamic paths to the $dynamicRef keyword',
      'dynamicRef: after leaving a dynamic scope, it is not used by a $dynamicRef',
      'dynamicRef: $dynamicRef points to a boolean schema',
      'dynamicRef: $dynamicRef skips over intermediate resources - direct reference',
      'dynamicRef: $dynamicRef avoids the root of each schema, but scopes are still registered',
      'unevaluatedItems: unevaluatedItems with $dynamicRef',
      'unevaluatedProperties: unevaluatedProperties with $dynamicRef',
    ],
  },
  {
    reason: '`format` is checked with us, as people who write one expect; the standard takes it for a note.',
    says: 'of the format',
    tests: [
      'format: email format > invalid email string is only an annotation by default',
      'format: regex format > invalid regex string is only an annotation by default',
      'format: ipv4 format > invalid ipv4 string is only an annotation by default',
      'format: ipv6 format > invalid ipv6 string is only an annotation by default',
      'format: hostname format > invalid hostname string is only an annotation by default',
      'format: date format > invalid date string is only an annotation by default',
      'format: date-time format > invalid date-time string is only an annotation by default',
      'format: time format > invalid time string is only an annotation by default',
      'format: json-pointer format > invalid json-pointer string is only an annotation by default',
      'format: relative-json-pointer format > invalid relative-json-pointer string is only an annotation by default',
      'format: uri format > invalid uri string is only an annotation by default',
      'format: uri-reference format > invalid uri-reference string is only an annotation by default',
      'format: uri-template format > invalid uri-template string is only an annotation by default',
      'format: uuid format > invalid uuid string is only an annotation by default',
      'format: duration format > invalid duration string is only an annotation by default',
    ],
  },
  {
    reason: 'References by relative `$id`s inside one another, which Ajv cannot follow.',
    says: 'cannot be followed',
    tests: [
      'ref: refs with relative uris and defs',
      'ref: relative refs with absolute uris and defs',
      'ref: URN ref with nested pointer ref',
    ],
  },
  {
    reason:
      'A property named `__proto__` is not looked at by Ajv. Definitions refuse the name, so no schema of ours has it.',
    tests: ['properties: properties whose names are Javascript object property names > __proto__ not valid'],
  },
  {
    reason:
      'What `contains`, a lone `if`, or nested `items` have seen is not passed on to `unevaluatedItems` and `unevaluatedProperties` by Ajv.',
    tests: [
      'unevaluatedItems: unevaluatedItems with nested items > with no additional items',
      'unevaluatedItems: unevaluatedItems with nested items > with invalid additional item',
      'unevaluatedItems: unevaluatedItems depends on adjacent contains > contains passes, second item is not evaluated',
      'unevaluatedItems: unevaluatedItems depends on multiple nested contains > 7 not evaluated, fails unevaluatedItems',
      "unevaluatedItems: unevaluatedItems and contains interact to control item dependency relationship > only b's are invalid",
      "unevaluatedItems: unevaluatedItems and contains interact to control item dependency relationship > only c's are invalid",
      "unevaluatedItems: unevaluatedItems and contains interact to control item dependency relationship > only b's and c's are invalid",
      "unevaluatedItems: unevaluatedItems and contains interact to control item dependency relationship > only a's and c's are invalid",
      'unevaluatedItems: unevaluatedItems with minContains = 0 > all items evaluated by contains',
      'unevaluatedItems: unevaluatedItems can see annotations from if without then and else > valid in case if is evaluated',
      'unevaluatedProperties: unevaluatedProperties with if/then/else, then not defined > when if is false and has unevaluated properties',
      'unevaluatedProperties: unevaluatedProperties can see annotations from if without then and else > valid in case if is evaluated',
    ],
  },
  {
    reason: 'Meta-schemas of others are never fetched.',
    says: 'no schema with key or ref',
    tests: [
      'vocabulary: schema that uses custom metaschema with with no validation vocabulary',
      'vocabulary: ignore unrecognized optional vocabulary',
    ],
  },
  { reason: 'An empty `enum`, which nothing can fit, is refused.', says: 'non-empty', tests: ['enum: empty enum'] },
  {
    reason: '1e308 is no multiple of 0.5 in double precision arithmetic; the test is optional.',
    tests: [
      'optional/float-overflow: all integers are multiples of 0.5, if overflow is handled > valid if optional overflow handling is implemented',
    ],
  },
  {
    reason: 'An `$id` that stands twice, once inside a keyword nobody knows; the test is optional.',
    says: 'more than one schema',
    tests: ['optional/unknownKeyword: $id inside an unknown keyword is not a real identifier'],
  },
  {
    reason: 'What a lone `if` has seen is not passed on, as above.',
    edition: 'commit 44401e0c',
    tests: [
      'unevaluatedProperties: unevaluatedProperties with if/then/else, then not defined > when if is true and has no unevaluated properties',
    ],
  },
  {
    reason: 'An `$id` that stands twice, once inside a keyword nobody knows.',
    says: 'more than one schema',
    edition: 'Debian 12',
    tests: ['unknownKeyword: $id inside an unknown keyword is not a real identifier'],
  },
  {
    reason:
      'The format `regex` takes what Node.js takes without the `u` flag, as ajv-formats does; the test is optional.',
    edition: 'Debian 12',
    tests: ['optional/ecmascript-regex: \\a is not an ECMA 262 control escape > when used as a pattern'],
  },
];
