/**
 * The JSONata project's own test suite through `{% … %}`, with our bounds, out of a checkout of release 2.2.2; what the
 * bounds exclude is listed in jsonata-exceptions.ts.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import jsonata from 'jsonata';
import { describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import { jsonataProblem } from '../../src/definition/expression/jsonata.ts';
import { renderValue } from '../../src/definition/expression/template.ts';
import { namesOf } from '../support/names.ts';
import { JSONATA_EXCEPTIONS } from './jsonata-exceptions.ts';
import { jsonFiles, readSuite, suiteFolder } from './suite-folder.ts';

interface Case {
  readonly name: string;
  readonly expr: string;
  readonly data?: JsonValue;
  readonly dataset?: string;
  readonly bindings?: JsonObject;
  readonly result?: JsonValue;
  readonly undefinedResult?: true;
  readonly code?: string;
  readonly error?: { readonly code: string };
}

/** As it stands in a file of the suite. */
type FiledCase = Omit<Case, 'name' | 'expr'> & { readonly expr?: string; readonly 'expr-file'?: string };

const FOLDER = suiteFolder('JSONATA_SUITE', 'github.com/jsonata-js/jsonata', 'test/test-suite');
const CASES = readdirSync(join(FOLDER, 'groups'))
  .toSorted()
  .flatMap((group) =>
    jsonFiles(join(FOLDER, 'groups', group)).flatMap((file) => {
      // The suite's own format, read once at this door.
      const filed = readSuite(FOLDER, 'groups', group, `${file}.json`) as FiledCase | readonly FiledCase[];
      return isMany(filed)
        ? filed.map((one, index) => caseOf(one, group, `${file}#${index}`))
        : [caseOf(filed, group, file)];
    }),
  );
const DATASETS = Object.fromEntries(
  jsonFiles(join(FOLDER, 'datasets')).map((name) => [name, readSuite(FOLDER, 'datasets', `${name}.json`) as JsonValue]),
);

function isMany(filed: FiledCase | readonly FiledCase[]): filed is readonly FiledCase[] {
  return Array.isArray(filed);
}

function caseOf({ expr, 'expr-file': exprFile, ...given }: FiledCase, group: string, file: string): Case {
  const text = exprFile === undefined ? expr : readFileSync(join(FOLDER, 'groups', group, exprFile), 'utf8');
  return { ...given, name: `${group}/${file}`, expr: text ?? '' };
}

/** What is wrong with our answer to a case; `undefined` when it is the suite's. */
async function difference(given: Case): Promise<string | undefined> {
  const { names, source } = adapted(given);
  let selected = true;
  let value: JsonValue;
  try {
    value = await renderValue(`{% ${source} %}`, namesOf(names), () => {
      selected = false;
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (given.code === undefined && given.error === undefined) return `failed: ${message}`;
    const own = await libraryMessage(given);
    return message.includes(own) ? undefined : `failed with: ${message}; the library says: ${own}`;
  }
  const answer = selected ? JSON.stringify(value) : 'nothing';
  if (given.code !== undefined || given.error !== undefined) return `no error but ${answer}`;
  if (given.undefinedResult === true) return selected ? `expected nothing, got ${answer}` : undefined;
  if (!selected) return 'selected nothing';
  return same(value, given.result) ? undefined : `expected ${JSON.stringify(given.result)}, got ${answer}`;
}

/**
 * The names of an expression are always an object; other input goes in as `data`. Bindings become assignments in front.
 */
function adapted(given: Case): { readonly names: JsonObject; readonly source: string } {
  const input = 'data' in given ? given.data : given.dataset === undefined ? undefined : DATASETS[given.dataset];
  const assignments = Object.entries(given.bindings ?? {}).map(
    ([name, value]) => `$${name} := ${JSON.stringify(value)}; `,
  );
  const source = assignments.length === 0 ? given.expr : `(${assignments.join('')}${given.expr})`;
  if (input === undefined) return { names: {}, source };
  return isNames(input) ? { names: input, source } : { names: { data: input }, source: `data.(${source})` };
}

function isNames(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function libraryMessage({ expr, code, error, ...given }: Case): Promise<string> {
  const input = 'data' in given ? given.data : given.dataset === undefined ? undefined : DATASETS[given.dataset];
  try {
    await jsonata(expr, { timeout: 1_000, stack: 500 }).evaluate(input, given.bindings);
  } catch (thrown) {
    return thrown instanceof Error || (typeof thrown === 'object' && thrown !== null && 'message' in thrown)
      ? String(thrown.message)
      : String(code ?? error?.code);
  }
  return 'nothing wrong';
}

function same(left: unknown, right: unknown): boolean {
  try {
    expect(left).toEqual(right);
    return true;
  } catch {
    return false;
  }
}

const REASONS = new Map(JSONATA_EXCEPTIONS.flatMap((group) => group.cases.map((name) => [name, group] as const)));
const GROUPS = new Set(CASES.map(({ name }) => name.slice(0, name.indexOf('/'))));

describe('the JSONata test suite', () => {
  it('has no case with an answer whose expression `validate` would refuse, but for the exceptions', () => {
    const good = CASES.filter(
      ({ name, code, error }) => code === undefined && error === undefined && !REASONS.has(name),
    );
    expect(good.length).toBeGreaterThan(1200);
    const refused = good.flatMap((given) => {
      const problem = jsonataProblem(adapted(given).source);
      return problem === undefined ? [] : [`${given.name}: ${problem}`];
    });
    expect(refused).toEqual([]);
  });

  it('is here as a whole, and every exception is one of its cases', () => {
    expect(CASES).toHaveLength(1686);
    const names = new Set(CASES.map(({ name }) => name));
    expect(names.size).toBe(CASES.length);
    expect([...REASONS.keys()].filter((name) => !names.has(name))).toEqual([]);
    expect(CASES.length - REASONS.size).toBeGreaterThanOrEqual(1555);
  });

  it.each([...GROUPS])('%s: the answers of the suite, but for the exceptions with a reason', async (group) => {
    const wrong: string[] = [];
    for (const given of CASES.filter(({ name }) => name.startsWith(`${group}/`))) {
      const found = await difference(given);
      const exception = REASONS.get(given.name);
      if (exception === undefined && found !== undefined) wrong.push(`${given.name}: ${found}`);
      if (exception !== undefined && found === undefined) wrong.push(`${given.name} is no exception any more`);
      if (exception?.says !== undefined && found?.includes(exception.says) === false) {
        wrong.push(`${given.name} is not excepted for its reason: ${found}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});
