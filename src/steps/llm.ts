import { z } from 'zod';
import { stepFailure, StepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import { compileSchema, SchemaError } from '../definition/schema-validator.ts';
import type { StepProblem } from '../definition/step-syntax.ts';
import { POSITIVE_SECONDS } from '../engine/numbers.ts';
import { repairMessages, valueIn } from '../engine/answer-text.ts';
import { defineStepKind, type StepContext, type StepOutput } from '../engine/kind.ts';
import { askModel, chosenModel } from '../engine/model-answer.ts';
import type { ModelRequest } from '../engine/ports.ts';
import { textOf } from '../engine/step-view.ts';
import { textBlocks } from './tool.ts';

const DEFAULT_MAX_TOKENS = 4096;

/**
 * Asks a model: the first of `model` that the models file has, else the client's (sampling), else `default` of the
 * models file. A request to the client belongs to the task: it survives restarts and any connection can answer it. An
 * answer of a model of ours is a checkpoint of its own.
 */
export const llmKind = defineStepKind({
  type: 'llm',
  effect: 'reads',
  asks: (what) => what,
  summary:
    "Asks a model: one that `model` names in the models file, else the client's own, else `default` of the models file. `.output` is its text, or with `schema` the object it gave, checked against it; `.usage` what that took, `.model` which model answered.",
  example: `id: summary
type: llm
prompt: "Summarise in one sentence: {{read.output}}"
max_tokens: 200
`,
  fields: () => ({
    prompt: z.string().optional().describe('The message of the user; templates inside are rendered.'),
    messages: z
      .array(z.record(z.string(), z.unknown()))
      .optional()
      .describe('Instead of `prompt`: messages `{role, content}`, where content is text or an MCP content block.'),
    system: z.string().optional().describe('System prompt; templates inside are rendered.'),
    schema: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('JSON Schema that the answer must fit; the answer is then parsed as JSON.'),
    max_tokens: z.int().min(1).optional().describe(`Most tokens of the answer. Default ${DEFAULT_MAX_TOKENS}.`),
    temperature: z.number().min(0).optional().describe('Sampling temperature.'),
    model: z
      .union([z.string(), z.array(z.string())])
      .optional()
      .describe('Names of models, the most wanted first: entries of the models file, or what the client is to prefer.'),
  }),
  expressions: (spec) => [
    ...(spec.prompt === undefined ? [] : [{ at: ['prompt'], as: 'template' as const }]),
    ...(spec.messages === undefined ? [] : [{ at: ['messages'], as: 'template' as const }]),
    ...(spec.system === undefined ? [] : [{ at: ['system'], as: 'template' as const }]),
  ],
  models: ({ model }) =>
    typeof model === 'string'
      ? [{ name: model, at: ['model'] }]
      : (model ?? []).map((name, index) => ({ name, at: ['model', index] })),
  ownTimeout: true,
  repairs: true,
  problems: ({ prompt, messages, schema }): readonly StepProblem[] => [
    ...(prompt === undefined && messages === undefined
      ? [
          {
            at: [],
            code: 'missing_key' as const,
            message: 'there is no question',
            hint: 'give it `prompt` or `messages`',
          },
        ]
      : []),
    ...schemaProblem(schema as JsonObject | undefined),
  ],
  // A definition is JSON all through; zod only does not say so.
  output: (spec) => (spec.schema === undefined ? undefined : { is: 'schema', schema: spec.schema as JsonObject }),
  members: ['usage', 'model', 'stop_reason', 'tokens', 'answer', 'turns'],
  bind: (spec, _binder, step) => {
    // JSON documents hold nothing but JSON.
    const schema = spec.schema as JsonObject | undefined;
    return {
      about: 'a model turn',
      execute: async (context) => {
        const names = spec.model === undefined ? [] : [spec.model].flat();
        const system = await systemPrompt(context, spec.system, schema);
        const question: ModelRequest = {
          messages: [...(await messagesOf(context, spec.prompt, spec.messages)), ...repairOf(context)],
          maxTokens: spec.max_tokens ?? DEFAULT_MAX_TOKENS,
          ...(system === '' ? {} : { system }),
          ...(schema === undefined ? {} : { schema }),
          ...(spec.temperature === undefined ? {} : { temperature: spec.temperature }),
        };
        const timeout = step.timeout_seconds;
        const seconds =
          timeout === undefined ? undefined : await context.number(timeout, 'timeout_seconds', POSITIVE_SECONDS);
        const answering = chosenModel(context, names);
        if (answering.by === 'model') return await askModel(context, answering.name, question, seconds);
        return await askClient(context, question, names, seconds);
      },
    };
  },
});

/**
 * One turn of the client's model. A person may be asked about each, so an answer that does not fit is mended by `retry`
 * only.
 */
async function askClient(
  context: StepContext,
  { messages, system, maxTokens, temperature, schema }: ModelRequest,
  names: readonly string[],
  seconds: number | undefined,
): Promise<StepOutput> {
  const params: JsonObject = {
    messages,
    ...(system === undefined ? {} : { systemPrompt: system }),
    maxTokens,
    ...(temperature === undefined ? {} : { temperature }),
    ...(names.length === 0 ? {} : { modelPreferences: { hints: names.map((name) => ({ name })) } }),
  };
  context.status('waiting for the model');
  const answer = await context.input.ask(
    context.attemptPath,
    { method: 'sampling/createMessage', params },
    { signal: context.signal, ...(seconds === undefined ? {} : { timeoutSeconds: seconds }) },
  );
  if (answer === undefined) throw stepFailure('timeout', 'the model did not answer in time');
  return readAnswer(context, params, answer, schema);
}

async function systemPrompt(
  context: StepContext,
  system: string | undefined,
  schema: JsonObject | undefined,
): Promise<string> {
  const own = system === undefined ? '' : await context.renderText(system);
  if (schema === undefined) return own;
  const rule = `Answer with one JSON value that fits this JSON Schema, and with nothing else: ${JSON.stringify(schema)}`;
  return own === '' ? rule : `${own}\n\n${rule}`;
}

async function messagesOf(
  context: StepContext,
  prompt: string | undefined,
  messages: readonly unknown[] | undefined,
): Promise<readonly JsonObject[]> {
  if (messages === undefined) {
    return [{ role: 'user', content: { type: 'text', text: await context.renderText(prompt ?? '') } }];
  }
  const rendered = await context.render(messages);
  const list: readonly JsonValue[] = Array.isArray(rendered) ? rendered : [];
  return list.map((message) => {
    const { role, content } = { role: 'user', content: '', ...objectOrEmpty(message) };
    return { role, content: typeof content === 'string' ? { type: 'text', text: content } : content };
  });
}

/** What the attempt before this one was given, and why that was no good. */
function repairOf({ previous }: StepContext): readonly JsonObject[] {
  const given = previous?.view?.['answer'];
  if (previous?.failure.code !== 'invalid_output' || typeof given !== 'string') return [];
  return repairMessages(given, previous.failure.message);
}

function readAnswer(
  context: StepContext,
  asked: JsonObject,
  answer: JsonValue,
  schema: JsonObject | undefined,
): StepOutput {
  const message = objectOrEmpty(answer);
  const error = message['error'];
  if (isJsonObject(error)) {
    throw new StepFailure({
      code: textOf(error['code'] ?? 'tool_error'),
      message: textOf(error['message'] ?? 'the model call failed'),
    });
  }
  const text = textBlocks(message['content'] ?? null);
  const usage = usageOf(message);
  const tokens = tokensIn(usage) ?? estimatedTokens(asked, text);
  context.charge('tokens', tokens);
  const view = {
    usage,
    model: message['model'] ?? null,
    stop_reason: message['stopReason'] ?? null,
    ...(tokens === 0 ? {} : { tokens }),
  };
  if (schema === undefined) return { output: text, view };
  const found = valueIn(text, schema);
  if ('value' in found) return { output: found.value, view };
  return { output: null, view: { ...view, answer: text }, failure: stepFailure('invalid_output', found.why).failure };
}

function schemaProblem(schema: JsonObject | undefined): readonly StepProblem[] {
  if (schema === undefined) return [];
  try {
    compileSchema(schema);
    return [];
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    return [{ at: ['schema'], code: 'invalid_schema', message: error.message }];
  }
}

function usageOf(message: JsonObject): JsonValue {
  const meta = message['_meta'];
  return message['usage'] ?? (isJsonObject(meta) ? (meta['usage'] ?? null) : null);
}

/** What the client reports; `undefined` when it reports none, as MCP has no place for it. */
function tokensIn(usage: JsonValue): number | undefined {
  if (!isJsonObject(usage)) return undefined;
  const total = usage['total_tokens'] ?? usage['totalTokens'];
  if (typeof total === 'number') return total;
  const parts = ['input_tokens', 'output_tokens', 'inputTokens', 'outputTokens']
    .map((key) => usage[key])
    .filter((part) => typeof part === 'number');
  return parts.length === 0 ? undefined : parts.reduce((sum, part) => sum + part, 0);
}

const CHARACTERS_A_TOKEN = 4;

/** Of the texts that went there and back, so that a budget of tokens holds with every client. */
function estimatedTokens(asked: JsonObject, answer: string): number {
  const { messages } = asked;
  const list: readonly JsonValue[] = Array.isArray(messages) ? messages : [];
  const texts = list.map((message) => textBlocks(isJsonObject(message) ? (message['content'] ?? null) : null));
  const length = [...texts, textOf(asked['systemPrompt'] ?? ''), answer].reduce((sum, text) => sum + text.length, 0);
  return Math.ceil(length / CHARACTERS_A_TOKEN);
}
