import { createHash } from 'node:crypto';
import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import { stepFailure, type FailureCode } from '../core/failure.ts';
import { orTemplate, positiveSeconds } from '../definition/schema/numbers.ts';
import { POSITIVE_SECONDS } from '../engine/numbers.ts';
import { defineStepKind, type StepOutput } from '../engine/kind.ts';

type Action = 'accept' | 'decline' | 'cancel' | 'timeout';

const CODES: { readonly [action in Exclude<Action, 'accept'>]: FailureCode } = {
  decline: 'input_declined',
  cancel: 'input_cancelled',
  timeout: 'input_timeout',
};

const otherwise = (what: string): z.ZodOptional<z.ZodString> =>
  z.string().optional().describe(`When ${what}: \`fail\` (default), \`continue\`, or the id of a step to run.`);

/** Asks a person. The question belongs to the task: it survives restarts and any connection can answer it. */
export const elicitKind = defineStepKind({
  type: 'elicit',
  effect: 'none',
  formKey: 'schema',
  asks: () => 'a person',
  summary:
    'Asks a person: a form by `schema`, or a page to visit by `url`. `.output` is what was entered; `.action` is `accept`, `decline`, `cancel` or `timeout`.',
  example: `id: confirm
type: elicit
message: "Delete {{input.path}}?"
schema:
  type: object
  properties:
    sure: { type: boolean, title: Really delete }
  required: [sure]
timeout_seconds: 86400
on_decline: continue
`,
  fields: () => ({
    message: z.string().describe('The question; templates inside are rendered.'),
    schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('What to enter: a flat JSON Schema object, as MCP elicitation allows.'),
    url: z.string().optional().describe('Instead of a form: a page to visit; templates inside are rendered.'),
    timeout_seconds: orTemplate(positiveSeconds)
      .optional()
      .describe('Seconds to wait for the answer. Default: for ever.'),
    on_decline: otherwise('the person says no'),
    on_cancel: otherwise('the person closes the question'),
    on_timeout: otherwise('nobody has answered in time'),
  }),
  ownTimeout: true,
  // A definition is JSON all through; zod only does not say so.
  output: (spec) =>
    spec.url === undefined && spec.schema !== undefined
      ? { is: 'schema', schema: spec.schema as JsonObject }
      : undefined,
  expressions: (spec) => [
    { at: ['message'], as: 'template' },
    ...(spec.schema === undefined ? [] : [{ at: ['schema'], as: 'template' as const }]),
    ...(spec.url === undefined ? [] : [{ at: ['url'], as: 'template' as const }]),
  ],
  targets: (spec) =>
    (['on_decline', 'on_cancel', 'on_timeout'] as const).flatMap((key) => {
      const id = spec[key];
      return id === undefined || id === 'fail' || id === 'continue' ? [] : [{ id, at: [key] }];
    }),
  members: ['action'],
  bind: (spec) => {
    const branches = { decline: spec.on_decline, cancel: spec.on_cancel, timeout: spec.on_timeout };
    return {
      route: (result) => {
        const action = result.view?.['action'];
        const to = action === 'decline' || action === 'cancel' || action === 'timeout' ? branches[action] : undefined;
        return to === 'fail' || to === 'continue' ? undefined : to;
      },
      execute: async (context) => {
        const message = await context.renderText(spec.message);
        const params: JsonObject =
          spec.url === undefined
            ? { mode: 'form', message, requestedSchema: formSchema(await context.render(spec.schema ?? {})) }
            : {
                mode: 'url',
                message,
                url: await context.renderText(spec.url),
                elicitationId: idOf(context.idempotencyKey, context.attempt),
              };
        const seconds =
          spec.timeout_seconds === undefined
            ? undefined
            : await context.number(spec.timeout_seconds, 'timeout_seconds', POSITIVE_SECONDS);
        context.status('waiting for an answer');
        const answer = await context.input.ask(
          context.attemptPath,
          { method: 'elicitation/create', params },
          {
            signal: context.signal,
            ...(seconds === undefined ? {} : { timeoutSeconds: seconds }),
          },
        );
        const { action, content } = readAnswer(answer);
        return outputFor(action, content, action === 'accept' ? undefined : branches[action]);
      },
    };
  },
});

function outputFor(action: Action, content: JsonValue, branch: string | undefined): StepOutput {
  const view = { action };
  if (action === 'accept') return { output: content, view };
  if (branch !== undefined && branch !== 'fail') return { output: null, view };
  const text = action === 'timeout' ? 'nobody answered in time' : `the question was answered with ${action}`;
  return { output: null, view, failure: stepFailure(CODES[action], text).failure };
}

function readAnswer(answer: JsonValue | undefined): { readonly action: Action; readonly content: JsonValue } {
  if (answer === undefined) return { action: 'timeout', content: null };
  if (!isJsonObject(answer)) return { action: 'cancel', content: null };
  const action = answer['action'];
  const known = action === 'accept' || action === 'decline' ? action : 'cancel';
  return { action: known, content: answer['content'] ?? (known === 'accept' ? {} : null) };
}

/** A form without a schema is a plain yes or no. MCP wants a type on each field; one that says none is a text. */
function formSchema(schema: JsonValue): JsonObject {
  const form = { type: 'object', properties: {}, ...objectOrEmpty(schema) };
  if (!isJsonObject(form.properties)) return form;
  const fields = Object.entries(form.properties).map(([name, field]) => [
    name,
    isText(field) ? { type: 'string', ...field } : field,
  ]);
  return { ...form, properties: Object.fromEntries(fields) as JsonObject };
}

function isText(field: JsonValue): field is JsonObject {
  if (!isJsonObject(field) || field['type'] !== undefined) return false;
  const choices = field['enum'];
  return !Array.isArray(choices) || choices.every((choice) => typeof choice === 'string');
}

/** One id for each attempt, the same after a restart. */
function idOf(key: string, attempt: number): string {
  return createHash('sha256').update(`${key}#${attempt}`).digest('hex').slice(0, 32);
}
