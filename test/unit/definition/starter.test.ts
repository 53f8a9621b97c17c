import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import {
  inputsOf,
  inputTemplate,
  parseInput,
  sampleOf,
  type StarterInput,
} from '../../../src/definition/starter/inputs.ts';
import { isStarterKind, STARTER_KINDS, type StarterChoice } from '../../../src/definition/starter/kinds.ts';
import { starterText } from '../../../src/definition/starter/text.ts';
import { compileSchema } from '../../../src/definition/schema-validator.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

const kinds = Object.keys(STARTER_KINDS).filter(isStarterKind);

function choice(more: Partial<StarterChoice>): StarterChoice {
  return {
    name: 'new_one',
    description: 'Does something.',
    kind: 'tool',
    inputs: [],
    server: 's',
    tool: 't',
    arguments: {},
    timezone: 'Europe/Berlin',
    ...more,
  };
}

async function problemsOf(text: string): Promise<readonly string[]> {
  const { loaded, issues } = parseDefinition(text, 'new.yaml', stepSyntaxes);
  if (loaded === undefined || issues.length > 0) return [text, ...issues.map(({ message }) => message)];
  const { results, coverage } = await runDefinitionTests(loaded.definition, stepKinds);
  return [
    ...results.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`)),
    ...coverage.steps.missing,
    ...coverage.branches.missing,
  ];
}

describe('starters', () => {
  test.each(kinds)('%s is valid without a warning, its tests pass and reach every step and branch', async (kind) => {
    const inputs: readonly StarterInput[] = [
      { name: 'url', schema: { type: 'string' }, required: true },
      { name: 'depth', schema: { type: 'number', default: 2 }, required: false },
    ];
    const args = { url: '{{input.url}}', depth: '{{input.depth}}' };
    expect(await problemsOf(starterText(choice({ kind, inputs, arguments: args }), './x.schema.json'))).toEqual([]);
    expect(await problemsOf(starterText(choice({ kind }), './x.schema.json'))).toEqual([]);
  });

  test('the first line is the one by which editors find the schema', () => {
    expect(starterText(choice({}), './x.schema.json').split('\n')[0]).toBe(
      '# yaml-language-server: $schema=./x.schema.json',
    );
  });

  test('whatever a server calls its tools and arguments, and whatever a person says, the file is valid and its tests pass', async () => {
    const property = fc.record(
      {
        type: fc.constantFrom(
          'string',
          'number',
          'integer',
          'boolean',
          'array',
          'object',
          'null',
          ['string', 'null'],
          7,
        ),
        description: fc.string(),
        enum: fc.array(fc.oneof(fc.string(), fc.integer(), fc.constant(null)), { maxLength: 3 }),
        items: fc.constantFrom({ type: 'number' }, {}, true),
        format: fc.constant('uri'),
        minimum: fc.constant(50),
      },
      { requiredKeys: [] },
    );
    const name = fc.oneof(fc.string({ minLength: 1 }), fc.constantFrom('a b', 'x-y', 'no', '1', "it's", 'constructor'));
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...kinds),
        fc.string({ minLength: 1 }).filter((text) => !/\{[{%]/u.test(text)),
        fc.string(),
        fc.dictionary(name, property, { maxKeys: 4, noNullPrototype: true }),
        async (kind, tool, description, properties) => {
          // What JSON has once gone through text is what a server can send.
          const schema = JSON.parse(JSON.stringify({ properties, required: Object.keys(properties) })) as Record<
            string,
            never
          >;
          const { inputs } = inputsOf(schema);
          for (const input of inputs) expect(compileSchema(input.schema)(sampleOf(input))).toEqual([]);
          const args = Object.fromEntries(inputs.map((input) => [input.name, inputTemplate(input.name)]));
          const made = choice({ kind, tool, description, inputs, arguments: args });
          const { loaded, issues } = parseDefinition(starterText(made, './s'), 'x.yaml', stepSyntaxes);
          expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
          if (loaded === undefined) throw new Error('not loaded');
          const { results } = await runDefinitionTests(loaded.definition, stepKinds);
          expect(results.flatMap(({ problems }) => problems)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  test.each(kinds.flatMap((kind) => ['{{x.y}}', '{% x %}'].map((tool) => ({ kind, tool }))))(
    '$kind: a tool called $tool is refused where it is named, as no name of a tool is rendered',
    ({ kind, tool }) => {
      const { loaded, issues } = parseDefinition(starterText(choice({ kind, tool }), './s'), 'x.yaml', stepSyntaxes);
      const errors = issues.filter(({ severity }) => severity === 'error');
      expect(loaded).toBeUndefined();
      expect(errors.map(({ code, message }) => [code, message])).toEqual([
        ['invalid_value', "'action' takes no template: it is never rendered"],
      ]);
      expect(errors.map(({ path }) => path?.split('/').at(-1))).toEqual(['action']);
    },
  );
});

describe('inputs in a word', () => {
  test.each<[string, StarterInput]>([
    ['url', { name: 'url', schema: { type: 'string' }, required: true }],
    ['n:integer', { name: 'n', schema: { type: 'integer' }, required: true }],
    ['n=3', { name: 'n', schema: { type: 'number', default: 3 }, required: false }],
    ['on=true', { name: 'on', schema: { type: 'boolean', default: true }, required: false }],
    ['s=a b', { name: 's', schema: { type: 'string', default: 'a b' }, required: false }],
    ['s:string=3', { name: 's', schema: { type: 'string', default: '3' }, required: false }],
    ['l:array=["a"]', { name: 'l', schema: { type: 'array', default: ['a'] }, required: false }],
    ['n:number=2', { name: 'n', schema: { type: 'number', default: 2 }, required: false }],
  ])('%s', (text, input) => {
    expect(parseInput(text)).toEqual(input);
  });

  test.each(['', '1a', 'a b', 'n:text', 'n:integer=1.5', 'n:number=x', 'l:array={}', 'x=null'])(
    '%j is refused',
    (text) => {
      expect(parseInput(text)).toBeTypeOf('string');
    },
  );
});
