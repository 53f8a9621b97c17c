import { members, times } from './f-cost-corpus.ts';

/** A file that somebody puts into the folder while the server runs. */
export interface HostileFile {
  readonly title: string;
  readonly extension: 'json' | 'yaml';
  readonly text: () => string;
}

const STEPS = { steps: [{ id: 's', type: 'set', values: { a: 1 } }] };
const withSchema = (schema: object): string => JSON.stringify({ name: 'hostile', input_schema: schema, ...STEPS });
const part = (index: number): object => ({ properties: { [`x${index}`]: { type: 'string' } } });

export const HOSTILE_FILES: readonly HostileFile[] = [
  {
    title: 'F1: a definition of 10 kB whose schema refers 130 times to 130 others',
    extension: 'json',
    text: () =>
      withSchema({
        type: 'object',
        $defs: { a: { allOf: times(130, part) } },
        properties: members(130, (i) => [`p${i}`, { $ref: '#/$defs/a' }]),
      }),
  },
  {
    title: 'F1: a definition of 60 kB whose schema refers 400 times to 400 properties',
    extension: 'json',
    text: () =>
      withSchema({
        type: 'object',
        $defs: { a: { properties: members(400, (i) => [`x${i}`, { type: 'string' }]) } },
        properties: members(400, (i) => [`p${i}`, { $ref: '#/$defs/a' }]),
      }),
  },
  {
    title: 'F1: a definition whose schema has 1 900 properties with patterns',
    extension: 'json',
    text: () =>
      withSchema({
        type: 'object',
        properties: members(1_900, (i) => [`p${i}`, { type: 'string', minLength: 1, pattern: `^a${i}` }]),
      }),
  },
  {
    title: 'F1: a definition whose variables are 10 000 objects under uniqueItems',
    extension: 'json',
    text: () =>
      JSON.stringify({
        name: 'hostile',
        input_schema: { type: 'object', properties: { v: { type: 'array', uniqueItems: true } } },
        variables: { input: { v: times(10_000, (id) => ({ id })) } },
        ...STEPS,
      }),
  },
  {
    title: 'F4: a definition of 2 000 steps in YAML',
    extension: 'yaml',
    text: () =>
      `name: hostile\nsteps:\n${times(2_000, (i) => `  - { id: s${i}, type: set, values: { n: '{{input.v}} ${i}' } }`).join('\n')}\n`,
  },
  {
    title: 'F5: an expression of 19 000 characters that is nested as deep',
    extension: 'json',
    text: () =>
      JSON.stringify({
        name: 'hostile',
        steps: [{ id: 's', type: 'set', values: { a: `{% ${'('.repeat(9_000)}1${')'.repeat(9_000)} %}` } }],
      }),
  },
];
