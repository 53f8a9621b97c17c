/**
 * The JSON Schema test suite through our validation, out of a checkout at commit 44401e0c: all required tests of draft 2020-12, and the
 * optional ones that are about schemas and not about formats. What it refuses is listed in json-schema-exceptions.ts.
 */
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import type { JsonSchema } from '../../src/definition/model.ts';
import { compileSchema, type Validator } from '../../src/definition/schema-validator.ts';
import { JSON_SCHEMA_EXCEPTIONS } from './json-schema-exceptions.ts';
import { jsonFiles, readSuite, suiteFolder } from './suite-folder.ts';

interface Group {
  readonly name: string;
  readonly description: string;
  readonly schema: JsonSchema | boolean;
  readonly tests: readonly { readonly description: string; readonly data: JsonValue; readonly valid: boolean }[];
}

const FOLDER = suiteFolder(
  'JSON_SCHEMA_SUITE',
  'github.com/json-schema-org/JSON-Schema-Test-Suite',
  'tests/draft2020-12',
);
const OPTIONAL = [
  'ecmascript-regex',
  'non-bmp-regex',
  'float-overflow',
  'no-schema',
  'unknownKeyword',
  'id',
  'anchor',
  'bignum',
].map((name) => `optional/${name}`);
const GROUPS = [...jsonFiles(FOLDER), ...OPTIONAL].flatMap((file) => {
  // The suite's own format, read once at this door.
  const groups = readSuite(FOLDER, `${file}.json`) as readonly Omit<Group, 'name'>[];
  return groups.map((group, index): Group => ({ ...group, name: `${file}#${index}` }));
});

/** What ends differently from the suite: `group` when the schema is refused, else `group: test`, with what we say. */
function differences(group: Group): ReadonlyMap<string, string> {
  const wrong = new Map<string, string>();
  let validate: Validator;
  try {
    // A schema of ours is an object; `true` and `false` go in as the one way to say them in an object.
    validate = compileSchema(typeof group.schema === 'boolean' ? { allOf: [group.schema] } : group.schema);
  } catch (error) {
    return wrong.set(group.name, error instanceof Error ? error.message : String(error));
  }
  for (const { description, data, valid } of group.tests) {
    const violations = validate(data);
    if ((violations.length === 0) === valid) continue;
    wrong.set(`${group.name}: ${description}`, valid ? JSON.stringify(violations) : 'no violation');
  }
  return wrong;
}

const REASONS = new Map(JSON_SCHEMA_EXCEPTIONS.flatMap((group) => group.tests.map((name) => [name, group] as const)));
const KEYWORDS = new Set(GROUPS.map(({ name }) => name.slice(0, name.indexOf('#'))));

describe('the JSON Schema test suite, draft 2020-12', () => {
  it('is here as a whole', () => {
    expect(GROUPS).toHaveLength(417);
    expect(GROUPS.flatMap(({ tests }) => tests)).toHaveLength(1408);
    expect(REASONS.size).toBeLessThanOrEqual(74);
  });

  it.each([...KEYWORDS])('%s: valid and invalid as the suite says, but for the exceptions with a reason', (keyword) => {
    const groups = GROUPS.filter(({ name }) => name.startsWith(`${keyword}#`));
    const found = new Map(groups.flatMap((group) => [...differences(group)]));
    const expected = [...REASONS.keys()].filter((name) => name.startsWith(`${keyword}#`));
    expect([...found.keys()].toSorted()).toEqual(expected.toSorted());
    for (const [name, said] of found) expect(said).toContain(REASONS.get(name)?.says ?? '');
  });
});
