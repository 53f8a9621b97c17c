import { expect, test } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { dryRun } from '../../../src/rehearsal/dry-run.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

async function dry(yaml: string, input = {}) {
  const { loaded, issues } = parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes);
  if (loaded === undefined) throw new Error(issues.map(({ message }) => message).join('\n'));
  const { calls, notes, failure } = await dryRun(loaded.definition, stepKinds, input);
  return { calls: calls.map(({ path, arguments: args }) => [path, args]), notes, failure };
}

test('arguments are rendered; what reads a result that nobody knows yet stays as written, and what is made of it too', async () => {
  const { calls, failure } = await dry(`
variables: { input: { folder: inbox } }
steps:
  - { id: list, server: files, action: list, arguments: { path: '{{input.folder}}' } }
  - { id: made, type: set, values: { all: '{{list.output.names}}', text: 'in {{input.folder}}: {{list.text}}' } }
  - { id: write, server: files, action: write, arguments: { all: '{{made.output.all}}', text: '{{made.output.text}}', sum: '{% $count(list.output.names) %}', known: '{% input.folder & "!" %}' } }
`);
  expect(failure).toBeUndefined();
  expect(calls).toEqual([
    ['list', { path: 'inbox' }],
    [
      'write',
      {
        all: '{{list.output.names}}',
        text: 'in inbox: {{list.text}}',
        sum: '{% $count(list.output.names) %}',
        known: 'inbox!',
      },
    ],
  ]);
});

test('a loop goes round once, a foreach over an unknown list has one item, a known list all of them', async () => {
  const { calls } = await dry(`
steps:
  - { id: poll, type: loop, max_iterations: 5, until: "{{look.text}} == 'x'", steps: [{ id: look, server: s, action: look }] }
  - { id: each, type: foreach, items: '{{look.json.items}}', steps: [{ id: one, server: s, action: one, arguments: { v: '{{item}}' } }] }
  - { id: known, type: foreach, items: [1, 2], steps: [{ id: two, server: s, action: two, arguments: { v: '{{item}}' } }] }
`);
  expect(calls).toEqual([
    ['poll[0]/look', {}],
    ['each[0]/one', { v: '{{look.json.items}}' }],
    ['known[0]/two', { v: 1 }],
    ['known[1]/two', { v: 2 }],
  ]);
});

test('a condition over an unknown result is decided as null, and said, whichever way it went', async () => {
  const { calls, notes } = await dry(`
steps:
  - { id: ask, type: elicit, message: Sure?, schema: { type: object, properties: { ok: { type: boolean } } } }
  - { id: yes, when: '{{ask.output.ok}} == true', server: s, action: yes }
  - { id: no, when: 'not {{ask.output.ok}} exists', server: s, action: no }
`);
  expect(calls.map(([path]) => path)).toEqual(['ask', 'no']);
  expect(notes).toEqual([
    "step 'yes': when depends on a result that only a real run has: {{ask.output.ok}} == true",
    "step 'no': when depends on a result that only a real run has: not {{ask.output.ok}} exists",
  ]);
});

test('an answer that nobody gave fails no schema; arguments that the schema refuses fail before anything', async () => {
  const llm = `
variables: { input: { n: 1 } }
steps: [{ id: a, type: llm, prompt: 'x {{input.n}}', schema: { type: object, required: [b] } }]`;
  expect(await dry(llm)).toMatchObject({ failure: undefined, calls: [['a', { maxTokens: 4096 }]] });
  expect(await dry(llm, { n: 'x' })).toMatchObject({ failure: { code: 'invalid_arguments' }, calls: [] });
});
