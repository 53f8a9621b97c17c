/**
 * The JSON Schema test suite through our validation: all required tests of draft 2020-12, and the optional ones that
 * are about schemas and not about formats. Out of the folder that `JSON_SCHEMA_SUITE` names (known: commit 44401e0c,
 * and the one in Debian 12's libtest-json-schema-acceptance-perl, which CI installs). What ends differently is listed
 * in json-schema-exceptions.ts, by description, since each edition numbers its tests anew.
 */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../src/core/json.ts';
import type { JsonSchema } from '../../src/definition/model.ts';
import { compileSchema, type Validator } from '../../src/definition/schema-validator.ts';
import { JSON_SCHEMA_EXCEPTIONS } from './json-schema-exceptions.ts';
import { jsonFiles, readSuite, suiteFolder } from './suite-folder.ts';

interface Group {
  readonly file: string;
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
const OPTIONAL = new Set([
  'ecmascript-regex',
  'non-bmp-regex',
  'float-overflow',
  'no-schema',
  'unknownKeyword',
  'id',
  'anchor',
  'bignum',
]);
const FILES = [
  ...jsonFiles(FOLDER),
  ...jsonFiles(join(FOLDER, 'optional')).flatMap((name) => (OPTIONAL.has(name) ? [`optional/${name}`] : [])),
];
const GROUPS = FILES.flatMap((file) => {
  // The suite's own format, read once at this door.
  const groups = readSuite(FOLDER, `${file}.json`) as readonly Omit<Group, 'name' | 'file'>[];
  const names = numbered(groups.map(({ description }) => description));
  return groups.map((group, index): Group => ({ ...group, file, name: `${file}: ${names[index]}` }));
});

/** The second of the same name is `name (2)`. */
function numbered(names: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return names.map((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  });
}

/**
 * What ends differently from the suite: the group's name when its schema is refused, else `name > test`, with what we
 * say.
 */
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
    wrong.set(`${group.name} > ${description}`, valid ? JSON.stringify(violations) : 'no violation');
  }
  return wrong;
}

const EDITION = FILES.includes('optional/unknownKeyword') ? 'commit 44401e0c' : 'Debian 12';
const REASONS = new Map(
  JSON_SCHEMA_EXCEPTIONS.filter(({ edition }) => edition === undefined || edition === EDITION).flatMap((group) =>
    group.tests.map((name) => [name, group] as const),
  ),
);
/** Everything that this edition could name. */
const NAMES = new Set(
  GROUPS.flatMap(({ name, tests }) => [name, ...tests.map((one) => `${name} > ${one.description}`)]),
);

describe('the JSON Schema test suite, draft 2020-12', () => {
  it('is here as a whole', () => {
    expect(FILES.length).toBeGreaterThanOrEqual(50);
    expect(GROUPS.length).toBeGreaterThanOrEqual(340);
    expect(GROUPS.flatMap(({ tests }) => tests).length).toBeGreaterThanOrEqual(1200);
    expect([...REASONS.keys()].filter((name) => NAMES.has(name)).length).toBeLessThanOrEqual(80);
  });

  it.each(FILES)('%s: valid and invalid as the suite says, but for the exceptions with a reason', (keyword) => {
    const groups = GROUPS.filter(({ file }) => file === keyword);
    const found = new Map(groups.flatMap((group) => [...differences(group)]));
    const expected = [...REASONS.keys()].filter((name) => name.startsWith(`${keyword}: `) && NAMES.has(name));
    expect([...found.keys()].toSorted()).toEqual(expected.toSorted());
    for (const [name, said] of found) expect(said).toContain(REASONS.get(name)?.says ?? '');
  });
});
