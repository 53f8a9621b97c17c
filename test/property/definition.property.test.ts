import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StepFailure } from '../../src/core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';
import { evaluateCondition } from '../../src/definition/expression/condition.ts';
import { renderTemplate, renderValue } from '../../src/definition/expression/template.ts';
import { definitionJsonSchema } from '../../src/definition/json-schema.ts';
import { parseDefinition } from '../../src/definition/parse.ts';
import { checkDocument } from '../../src/definition/schema/check.ts';
import { schemasFor } from '../../src/definition/schema/schemas.ts';
import { compileSchema } from '../../src/definition/schema-validator.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { namesOf } from '../support/names.ts';
import { seedTexts } from '../support/seed-texts.ts';

const ignore = (): void => undefined;
const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<JsonValue>;
/** Text made of the pieces that mean something to one of our readers. */
const piece = fc.constantFrom(
  '{{',
  '}}',
  '{%',
  '%}',
  '{{x}}',
  '{{v}}',
  "{{v | default: 'q'}}",
  '{% v %}',
  "'",
  '"',
  '\\',
  '(',
  ')',
  '.',
  '[0]',
  '|',
  ' ',
);
const word = fc.constantFrom(
  'v',
  'and',
  'or',
  'not',
  'exists',
  'empty',
  'is',
  'in',
  'contains',
  '==',
  '!=',
  '<',
  '>=',
  '1',
  '-2.5',
  'true',
  'null',
  '__proto__',
  'constructor',
);
const templateText = fc
  .array(fc.oneof(piece, word, fc.string({ maxLength: 8 })), { maxLength: 12 })
  .map((parts) => parts.join(''));
const conditionText = fc
  .array(fc.oneof(word, piece, fc.string({ maxLength: 6 })), { maxLength: 14 })
  .map((parts) => parts.join(' '));

describe('templates', () => {
  it('give any value back unchanged, whatever templates it contains: nothing is rendered twice', async () => {
    const tricky = fc.oneof(
      json,
      templateText,
      fc.array(templateText),
      fc.dictionary(templateText, templateText),
    ) as fc.Arbitrary<JsonValue>;
    await fc.assert(
      fc.asyncProperty(tricky, async (value) => {
        const names = namesOf({ v: value, x: 'LEAK' });
        expect(renderTemplate('{{v}}', names, ignore)).toEqual(value);
        expect(await renderValue({ deep: ['{{v}}'] }, names, ignore)).toEqual({ deep: [value] });
        if (typeof value === 'string') expect(renderTemplate('<{{v}}>', names, ignore)).toBe(`<${value}>`);
      }),
      { numRuns: 2000 },
    );
  });

  it('never throw, whatever the text', () => {
    fc.assert(
      fc.property(templateText, json, (text, value) => {
        renderTemplate(text, namesOf({ v: value }), ignore);
      }),
      { numRuns: 5000 },
    );
  });
});

describe('conditions', () => {
  it('are total: any text over any values is true, false or a condition_error', () => {
    fc.assert(
      fc.property(fc.oneof(conditionText, fc.string()), json, (text, value) => {
        try {
          expect(typeof evaluateCondition(text, namesOf({ v: value, x: 1 }), ignore)).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(StepFailure);
          expect((error as StepFailure).failure.code).toBe('condition_error');
        }
      }),
      { numRuns: 10_000 },
    );
  });

  it('compare consistently: == is symmetric and the opposite of !=, contains the opposite of not_contains', () => {
    fc.assert(
      fc.property(json, json, (a, b) => {
        const names = namesOf({ a, b });
        const test = (text: string): boolean => evaluateCondition(text, names, ignore);
        expect(test('{{a}} == {{b}}')).toBe(test('{{b}} == {{a}}'));
        expect(test('{{a}} == {{b}}')).toBe(!test('{{a}} != {{b}}'));
        expect(test('{{a}} contains {{b}}')).toBe(!test('{{a}} not_contains {{b}}'));
        expect(test('{{a}} contains {{b}}')).toBe(test('{{b}} in {{a}}'));
        expect(test('{{a}} == {{a}}')).toBe(true);
        expect(test('{{a}} < {{b}}')).toBe(test('{{b}} > {{a}}'));
        expect(test('{{a}} < {{b}}') && test('{{a}} >= {{b}}')).toBe(false);
      }),
      { numRuns: 3000 },
    );
  });
});

describe('prototypes', () => {
  it('are never reachable by a path', () => {
    const segment = fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'hasOwnProperty',
      'valueOf',
      'a',
      '0',
      'length',
    );
    fc.assert(
      fc.property(fc.array(segment, { minLength: 1, maxLength: 5 }), fc.boolean(), (path, brackets) => {
        const text = brackets ? `{{v${path.map((key) => `['${key}']`).join('')}}}` : `{{v.${path.join('.')}}}`;
        const value = renderTemplate(text, namesOf({ v: { a: [1, { a: 'found' }] } }), ignore);
        expect([null, 1, 'found', text]).toContainEqual(typeof value === 'object' && value !== null ? null : value);
        expect(typeof value).not.toBe('function');
      }),
      { numRuns: 3000 },
    );
  });
});

const base: readonly JsonObject[] = [
  ...seedTexts()
    .filter((seed) => seed.kind === 'document')
    .map((seed) => JSON.parse(seed.text) as JsonObject),
  {
    name: 'everything',
    'x-own': 1,
    tags: ['a'],
    variables: { input: { a: 1 }, output: {}, global: {}, saved: {} },
    concurrency: { limit: 1, on_conflict: 'queue' },
    budget: { tool_calls: 3 },
    schedule: { type: 'interval', seconds: 3, overlap: 'skip' },
    result: { content: [{ type: 'text', text: 'x' }], is_error: '{{a.output}}' },
    on_error: { step: 'a', arguments: {} },
    catch: [{ match: ['timeout', { contains: 'x' }], steps: [{ id: 'c', type: 'emit', message: 'm' }] }],
    finally: [{ id: 'f', type: 'emit', message: 'm' }],
    prompt: {
      name: 'p',
      arguments: [{ name: 'q', required: true, values: ['v'] }],
      ask: { message: 'm', schema: {} },
      messages: [
        { role: 'user', content: 'text' },
        { role: 'assistant', content: { type: 'image', data: '', mimeType: 'image/png', annotations: {} } },
        { role: 'user', content: { type: 'resource', resource: { uri: 'docs:x', text: '' } } },
        { role: 'user', content: { type: 'resource_link', uri: 'docs:x', name: 'n', 'x-note': 1 } },
      ],
    },
    resources: [
      { uri: 'docs:x', name: 'n', mime_type: 'text/plain', text: '' },
      { uri: 'docs:b', name: 'n', blob: 'AAEC' },
      { uri_template: 'docs:{x}', name: 'n', title: 't', description: 'd', file: 'f.md' },
    ],
    tests: [{ name: 't', mocks: { a: { output: 1 } }, expect: { status: 'completed', called: ['a'] } }],
    steps: [
      { id: 'a', server: 's', action: 't', when: true, retry: { max_attempts: 2, retry_on: ['timeout'] }, 'x-note': 1 },
      {
        id: 'sw',
        type: 'switch',
        cases: [{ when: 'true', steps: [{ id: 'in', type: 'set', values: { a: 1 } }] }],
        default: [],
      },
      { id: 'each', type: 'foreach', items: '{{input.a}}', steps: [{ id: 'i', type: 'wait', seconds: 1 }] },
      {
        id: 'tr',
        type: 'try',
        steps: [{ id: 't1', type: 'fail', message: 'm' }],
        catch: [{ steps: [{ id: 't2', type: 'set', values: {} }] }],
      },
    ],
  },
];

type Edit = (document: JsonObject) => JsonValue;

/** One change somewhere in a document: a member taken away, renamed, or given another value. */
const edit: fc.Arbitrary<Edit> = fc
  .record({
    at: fc.array(fc.nat({ max: 30 }), { minLength: 1, maxLength: 7 }),
    change: fc.constantFrom('remove', 'rename', 'replace'),
    value: fc.oneof(
      fc.constantFrom<JsonValue>(
        null,
        true,
        0,
        -1,
        1.5,
        '',
        'tool',
        'loop',
        'x y',
        [],
        {},
        ['a'],
        { id: 'q' },
        { step: 'a' },
        { contains: 'x' },
      ),
      json,
    ),
    key: fc.constantFrom('x-extra', 'unknown', 'id', 'type', 'steps', 'when', 'on_error', 'arguments', 'max_attempts'),
  })
  .map(({ at, change, value, key }): Edit => (document) => {
    const copy = structuredClone(document) as JsonValue;
    let target: JsonValue = copy;
    for (const [depth, choice] of at.entries()) {
      if (typeof target !== 'object' || target === null) break;
      const keys = Object.keys(target);
      const chosen = keys[choice % Math.max(1, keys.length)] ?? '0';
      const holder = target as Record<string, JsonValue>;
      const next: JsonValue | undefined = holder[chosen];
      if (depth < at.length - 1 && typeof next === 'object' && next !== null) {
        target = next;
        continue;
      }
      if (change === 'replace') holder[chosen] = value;
      else if (Array.isArray(target)) (target as JsonValue[]).splice(Number(chosen), 1);
      else {
        if (change === 'rename' && next !== undefined) holder[key] = next;
        delete holder[chosen];
      }
      break;
    }
    return copy;
  });

/** What the schema says of resources too, and parsing only after it has checked the document's form. */
function hasOneOfEach(document: JsonValue): boolean {
  const resources = isJsonObject(document) ? document['resources'] : undefined;
  if (!Array.isArray(resources)) return true;
  return resources.every((resource) =>
    [
      ['uri', 'uri_template'],
      ['text', 'blob', 'file'],
    ].every((names) => isJsonObject(resource) && names.filter((name) => Object.hasOwn(resource, name)).length === 1),
  );
}

describe('the JSON Schema of a definition', () => {
  const schemas = schemasFor(stepSyntaxes);
  const validate = compileSchema(definitionJsonSchema(stepSyntaxes));

  it.each(base.map((document) => [JSON.stringify(document['name']), document] as const))(
    'accepts %s',
    (_name, document) => {
      expect(validate(document)).toEqual([]);
      expect(checkDocument(document, schemas)).toEqual([]);
    },
  );

  it('accepts and refuses the same documents as parsing does', () => {
    let refused = 0;
    fc.assert(
      fc.property(fc.constantFrom(...base), fc.array(edit, { minLength: 1, maxLength: 2 }), (document, edits) => {
        const edited = edits.reduce<JsonValue>(
          (value, apply) =>
            typeof value === 'object' && value !== null && !Array.isArray(value) ? apply(value as JsonObject) : value,
          document,
        );
        const bySchema = validate(edited).length === 0;
        const byParser = checkDocument(edited, schemas).length === 0 && hasOneOfEach(edited);
        if (!bySchema) refused += 1;
        expect(`${bySchema} ${JSON.stringify(edited)}`).toBe(`${byParser} ${JSON.stringify(edited)}`);
      }),
      { numRuns: 4000 },
    );
    // A run in which hardly anything was refused proves nothing.
    expect(refused).toBeGreaterThan(1000);
  });
});

describe('parseDefinition', () => {
  it('never throws, and gives a definition exactly when no issue is an error', () => {
    const yamlPiece = fc.constantFrom(
      'name: a\n',
      'steps:\n',
      '  - id: b\n',
      '    type: tool\n',
      '&a ',
      '*a',
      '!t ',
      '? ',
      '- ',
      '{',
      '}',
      '[',
      ']',
      ': ',
      ',',
      '"',
      "'",
      '|\n',
      '>\n',
      '#',
      '\t',
      '\n',
      '---\n',
      '%YAML 1.1\n',
      '\0',
      '\uFEFF',
      '<<: ',
    );
    const text = fc
      .array(fc.oneof(yamlPiece, fc.string({ maxLength: 6 })), { maxLength: 20 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          json.map((value) => JSON.stringify(value)),
        ),
        fc.constantFrom('a.yaml', 'a.json'),
        (source, file) => {
          const { loaded, issues } = parseDefinition(source, file, stepSyntaxes);
          expect(loaded === undefined).toBe(issues.some((issue) => issue.severity === 'error'));
          for (const issue of issues) {
            expect(issue.line).toBeGreaterThan(0);
            expect(issue.column).toBeGreaterThan(0);
          }
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('never throws on an edited document either, and its issues stand in order', () => {
    fc.assert(
      fc.property(fc.constantFrom(...base), fc.array(edit, { minLength: 1, maxLength: 3 }), (document, edits) => {
        const edited = edits.reduce<JsonValue>(
          (value, apply) =>
            typeof value === 'object' && value !== null && !Array.isArray(value) ? apply(value as JsonObject) : value,
          document,
        );
        const { issues } = parseDefinition(JSON.stringify(edited, null, 1), 'a.json', stepSyntaxes, {
          servers: new Set(['s']),
        });
        const lines = issues.map((issue) => issue.line);
        expect(lines).toEqual([...lines].sort((a, b) => a - b));
      }),
      { numRuns: 1500 },
    );
  });
});
