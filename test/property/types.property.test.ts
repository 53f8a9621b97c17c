import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { compileSchema } from '../../src/definition/schema-validator.ts';
import { memberShape, typeOfValue, typesOf, type Shape } from '../../src/definition/validate/types/shape.ts';

const NAMES = ['a', 'b', '0'];
const name = fc.constantFrom(...NAMES);

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom<JsonValue>(null, true, 'x', 1, 1.5),
    fc.dictionary(name, tie('value'), { maxKeys: 3, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 2 }),
  ),
}));

/** Written out as a member, `then` would look like a promise. */
const CONDITIONAL = ['if', 'then', 'else'];

const type = fc.constantFrom('object', 'array', 'string', 'number', 'integer', 'null', 'boolean');

const { schema } = fc.letrec<{ schema: JsonValue }>((tie) => {
  const some = fc.array(tie('schema'), { minLength: 1, maxLength: 3 });
  const object = fc.record(
    {
      type: fc.oneof(fc.constantFrom('object', 'array'), type, fc.array(type, { minLength: 1, maxLength: 3 })),
      properties: fc.dictionary(name, tie('schema'), { maxKeys: 3, noNullPrototype: true }),
      additionalProperties: fc.oneof(fc.constantFrom(true, false, false), tie('schema')),
      patternProperties: fc.dictionary(fc.constantFrom('^a', 'b$', '.'), tie('schema'), {
        maxKeys: 1,
        noNullPrototype: true,
      }),
      required: fc.array(name, { maxLength: 1 }),
      items: fc.oneof(tie('schema'), fc.array(tie('schema'), { maxLength: 2 })),
      prefixItems: fc.array(tie('schema'), { minLength: 1, maxLength: 2 }),
      additionalItems: tie('schema'),
      allOf: some,
      anyOf: some,
      oneOf: some,
      not: tie('schema'),
      ...Object.fromEntries(CONDITIONAL.map((word) => [word, tie('schema')])),
      const: value,
      enum: fc.array(value, { minLength: 1, maxLength: 2 }),
      $ref: fc.constantFrom(
        '#',
        '#/$defs/one',
        '#/$defs/two',
        '#/properties/a',
        '#/$defs/none',
        'https://example.com/x',
        '#anchor',
      ),
      dependentSchemas: fc.dictionary(name, tie('schema'), { maxKeys: 1, noNullPrototype: true }),
      unevaluatedProperties: fc.boolean(),
    },
    { requiredKeys: [] },
  );
  return { schema: fc.oneof({ maxDepth: 3 }, fc.boolean(), fc.constant({}), sparse(object), sparse(object)) };
});

/**
 * Of all words a few: schemas with every word fit nothing. Half of them describe an object that is closed, which is
 * where something is impossible.
 */
function sparse(object: fc.Arbitrary<{ readonly [word: string]: JsonValue }>): fc.Arbitrary<JsonObject> {
  return fc
    .tuple(object, fc.array(fc.nat(30), { minLength: 1, maxLength: 3 }), fc.boolean())
    .map(([words, picks, closed]) => {
      const entries = Object.entries(words);
      const few = picks.flatMap((pick) => entries.slice(pick % (entries.length || 1)).slice(0, 1));
      const { properties } = words;
      const base = closed ? { additionalProperties: false, ...(properties === undefined ? {} : { properties }) } : {};
      return { ...base, ...Object.fromEntries(few) };
    });
}

const root = fc
  .tuple(schema, schema, schema, fc.constantFrom(undefined, undefined, 'http://json-schema.org/draft-07/schema#'))
  .map(([own, one, two, dialect]): JsonObject => ({
    ...(isJsonObject(own) ? own : {}),
    $defs: { one, two },
    ...(dialect === undefined ? {} : { $schema: dialect }),
  }));

/** What the shape says wrongly of a value that fits. */
function lies(given: JsonValue, shape: Shape, at: string): readonly string[] {
  const types = typesOf(shape);
  const wrongType = types !== undefined && !types.has(typeOfValue(given)) ? [`${at} is no ${[...types].join()}`] : [];
  const members: readonly (readonly [string | number, JsonValue])[] = Array.isArray(given)
    ? given.map((item: JsonValue, index) => [index, item] as const)
    : isJsonObject(given)
      ? Object.entries(given)
      : [];
  return [
    ...wrongType,
    ...members.flatMap(([key, inner]) => {
      const member = memberShape(shape, key);
      if (member.is === 'impossible') return [`${at}.${key} is there`];
      return member.is === 'possible' ? lies(inner, member.shape, `${at}.${key}`) : [];
    }),
  ];
}

test('what a schema is said to make impossible is in no value that fits it, at any depth', () => {
  let fitting = 0;
  fc.assert(
    fc.property(
      root,
      fc.array(fc.oneof(value, fc.dictionary(name, value, { minKeys: 1, noNullPrototype: true })), {
        minLength: 8,
        maxLength: 8,
      }),
      (from, values) => {
        let check: ReturnType<typeof compileSchema>;
        try {
          check = compileSchema(from);
        } catch {
          return;
        }
        for (const given of values) {
          if (check(given).length > 0) continue;
          fitting += 1;
          expect(lies(given, { kind: 'schema', schema: from, root: from }, '$')).toEqual([]);
        }
      },
    ),
    { numRuns: 2000 },
  );
  // Schemas that nothing fits prove nothing.
  expect(fitting).toBeGreaterThan(500);
});
