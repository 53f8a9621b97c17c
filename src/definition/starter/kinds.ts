import type { JsonObject, JsonValue } from '../../core/json.ts';
import { sampleOf, type StarterInput } from './inputs.ts';

/** What a starter is to be. Names of servers and tools are taken as they are: whether they exist is for `validate`. */
export interface StarterChoice {
  readonly name: string;
  readonly description: string;
  readonly kind: StarterKind;
  readonly inputs: readonly StarterInput[];
  readonly server: string;
  readonly tool: string;
  /** Arguments of the tool by name: values and templates. */
  readonly arguments: JsonObject;
  /** IANA name, for `schedule`. */
  readonly timezone: string;
}

/** The kinds of starters, each with what a person chooses it for. */
export const STARTER_KINDS = {
  tool: 'call a tool, with retries',
  approval: 'ask a person before a tool is called',
  'fan-out': 'call a tool for each item of a list, several at once',
  poll: 'call a tool until its result is right',
  schedule: 'call a tool at fixed times',
  model: "let the client's model work on what a tool gave",
} as const;

export type StarterKind = keyof typeof STARTER_KINDS;

export function isStarterKind(word: string): word is StarterKind {
  return Object.hasOwn(STARTER_KINDS, word);
}

/** The list of the `fan-out` starter. */
export const ITEMS: StarterInput = {
  name: 'items',
  schema: { type: 'array', description: 'One call for each of them.', items: {} },
  required: true,
};

/** The definition of a starter as a plain document: valid, and its tests pass. */
export function starterDocument(choice: StarterChoice): JsonObject {
  const { name, description } = choice;
  return { name, description, ...inputKeys(inputsWithItems(choice)), ...BODIES[choice.kind](choice) };
}

function inputsWithItems({ kind, inputs }: StarterChoice): readonly StarterInput[] {
  if (kind !== 'fan-out' || inputs.some(({ name }) => name === ITEMS.name)) return inputs;
  return [ITEMS, ...inputs];
}

function inputKeys(inputs: readonly StarterInput[]): JsonObject {
  const required = inputs.flatMap((input) => (input.required ? [input.name] : []));
  return {
    input_schema: {
      type: 'object',
      properties: Object.fromEntries(inputs.map(({ name, schema }) => [name, schema])),
      ...(required.length === 0 ? {} : { required }),
      additionalProperties: false,
    },
  };
}

function samples(choice: StarterChoice): JsonObject {
  return Object.fromEntries(
    inputsWithItems(choice)
      .filter(({ required }) => required)
      .map((input) => [input.name, sampleOf(input)]),
  );
}

const CALL = 'call';

function call({ server, tool, arguments: args }: StarterChoice, more: JsonObject = {}): JsonObject {
  return {
    id: CALL,
    ...(more['when'] === undefined ? {} : { when: more['when'] }),
    server,
    action: tool,
    arguments: args,
    timeout_seconds: 60,
    retry: { max_attempts: 3, delay_seconds: 1, backoff: 'exponential', retry_on: ['timeout', 'transport'] },
  };
}

function test(name: string, choice: StarterChoice, mocks: JsonObject, expect: JsonObject): JsonObject {
  const input = samples(choice);
  return { name, ...(Object.keys(input).length === 0 ? {} : { input }), mocks, expect };
}

const BODIES: Readonly<Record<StarterKind, (choice: StarterChoice) => JsonObject>> = {
  tool: (choice) => ({
    steps: [call(choice)],
    output: { result: '{{call.output}}' },
    tests: [
      test(
        'the second attempt works',
        choice,
        { [CALL]: { sequence: [{ error: { code: 'timeout' } }, { output: 'done' }] } },
        { output: { result: 'done' } },
      ),
      failing(choice),
    ],
  }),
  approval: (choice) => ({
    steps: [
      {
        id: 'ask',
        type: 'elicit',
        // Texts in braces would be templates.
        message: `Shall ${/^[\w.-]+$/u.test(choice.tool) ? choice.tool : 'the tool'} be called?`,
        schema: {
          type: 'object',
          properties: {
            sure: { type: 'boolean', title: 'Yes, call it', default: false },
            comment: { type: 'string', title: 'Comment' },
          },
          required: ['sure'],
        },
        timeout_seconds: 86_400,
        on_decline: 'continue',
        on_cancel: 'continue',
        on_timeout: 'continue',
      },
      call(choice, { when: '{{ask.output.sure}} == true' }),
    ],
    output: { approved: '{{ask.output.sure | default: false}}', result: '{{call.output}}' },
    tests: [
      test(
        'a yes calls the tool',
        choice,
        { ask: { output: { sure: true, comment: 'fine' } }, [CALL]: { output: 'done' } },
        { output: { approved: true, result: 'done' } },
      ),
      test(
        'a no does not',
        choice,
        { ask: { output: { sure: false, comment: 'no' } }, [CALL]: { output: 'done' } },
        { output: { approved: false, result: null }, not_called: [CALL] },
      ),
      test(
        'nor does a question that was closed',
        choice,
        { ask: { error: 'input_declined' }, [CALL]: { output: 'done' } },
        { output: { approved: false, result: null }, not_called: [CALL] },
      ),
    ],
  }),
  'fan-out': (choice) => ({
    steps: [
      {
        id: 'each',
        type: 'foreach',
        items: `{{input.${ITEMS.name}}}`,
        max_concurrency: 4,
        on_item_error: 'collect',
        steps: [call(choice)],
      },
    ],
    output: { results: '{{each.output}}', failed: '{{each.failed}}' },
    tests: [
      test(
        'one that fails does not stop the others',
        choice,
        { [CALL]: { sequence: [{ error: 'no such item' }, { output: 'done' }] } },
        { output_includes: { failed: 1 } },
      ),
    ],
  }),
  poll: (choice) => ({
    steps: [
      {
        id: 'until_done',
        type: 'loop',
        max_iterations: 20,
        delay_seconds: 30,
        until: "{{call.text}} contains 'done'",
        steps: [call(choice)],
      },
    ],
    output: { result: '{{call.output}}', rounds: '{{until_done.iterations}}' },
    tests: [
      test(
        'the second round is right',
        choice,
        { [CALL]: { sequence: [{ output: 'at work' }, { output: 'done' }] } },
        { output: { result: 'done', rounds: 2 } },
      ),
      test('it does not go on for ever', choice, { [CALL]: { output: 'at work' } }, { error: 'loop_exhausted' }),
    ],
  }),
  schedule: (choice) => ({
    schedule: {
      type: 'cron',
      expression: '0 9 * * MON-FRI',
      timezone: choice.timezone,
      overlap: 'skip',
      ...(Object.keys(samples(choice)).length === 0 ? {} : { input: samples(choice) }),
    },
    steps: [call(choice)],
    output: { at: '{{schedule.time}}', result: '{{call.output}}' },
    tests: [
      test('a run', choice, { [CALL]: { output: 'done' } }, { output_includes: { result: 'done' } }),
      failing(choice),
    ],
  }),
  model: (choice) => ({
    steps: [
      call(choice),
      {
        id: 'summary',
        type: 'llm',
        system: 'Answer in three sentences.',
        prompt: 'Summarise this:\n\n{{call.text}}',
        max_tokens: 500,
      },
    ],
    output: { summary: '{{summary.output}}' },
    tests: [
      test(
        'the summary is the result',
        choice,
        { [CALL]: { output: 'a long text' }, summary: { output: 'a short one' } },
        { output: { summary: 'a short one' } },
      ),
      failing(choice),
    ],
  }),
};

function failing(choice: StarterChoice): JsonValue {
  return test(
    'a tool that fails fails the workflow',
    choice,
    { [CALL]: { error: 'no' } },
    { error: { code: 'tool_error', step: CALL } },
  );
}
