import { z } from 'zod';
import { stepFailure, StepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import { compileSchema, SchemaError } from '../definition/schema-validator.ts';
import type { StepProblem } from '../definition/step-syntax.ts';
import { POSITIVE_SECONDS } from '../engine/numbers.ts';
import { defineStepKind, type StepContext, type StepOutput } from '../engine/kind.ts';
import { parsedJson, textOf } from '../engine/step-view.ts';
import { textBlocks } from './tool.ts';

const DEFAULT_MAX_TOKENS = 4096;

/** One turn of the client's model (sampling). The request belongs to the task: it survives restarts and any connection can answer it. */
export const llmKind = defineStepKind({
  type: 'llm',
  effect: 'reads',
  asks: (what) => what,
  summary:
    "Asks the client's model once. `.output` is its text, or with `schema` the object it gave, checked against it; `.usage` what the client reports, `.model` which model answered.",
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
      .describe('Names of models to prefer, the most wanted first.'),
  }),
  expressions: (spec) => [
    ...(spec.prompt === undefined ? [] : [{ at: ['prompt'], as: 'template' as const }]),
    ...(spec.messages === undefined ? [] : [{ at: ['messages'], as: 'template' as const }]),
    ...(spec.system === undefined ? [] : [{ at: ['system'], as: 'template' as const }]),
  ],
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
  members: ['usage', 'model', 'stop_reason', 'tokens', 'answer'],
  bind: (spec, _binder, step) => {
    // JSON documents hold nothing but JSON.
    const schema = spec.schema as JsonObject | undefined;
    return {
      about: 'a model turn',
      execute: async (context) => {
        const hints = spec.model === undefined ? [] : [spec.model].flat().map((name) => ({ name }));
        const system = await systemPrompt(context, spec.system, schema);
        const params: JsonObject = {
          messages: [...(await messagesOf(context, spec.prompt, spec.messages)), ...repairOf(context)],
          ...(system === '' ? {} : { systemPrompt: system }),
          maxTokens: spec.max_tokens ?? DEFAULT_MAX_TOKENS,
          ...(spec.temperature === undefined ? {} : { temperature: spec.temperature }),
          ...(hints.length === 0 ? {} : { modelPreferences: { hints } }),
        };
        context.status('waiting for the model');
        const timeout = step.timeout_seconds;
        const seconds =
          timeout === undefined ? undefined : await context.number(timeout, 'timeout_seconds', POSITIVE_SECONDS);
        const answer = await context.input.ask(
          context.attemptPath,
          { method: 'sampling/createMessage', params },
          { signal: context.signal, ...(seconds === undefined ? {} : { timeoutSeconds: seconds }) },
        );
        if (answer === undefined) throw stepFailure('timeout', 'the model did not answer in time');
        return readAnswer(context, params, answer, schema);
      },
    };
  },
});

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

/** What the model gave last and why it was no good, so that it does not answer the same again. */
function repairOf({ previous }: StepContext): readonly JsonObject[] {
  const given = previous?.view?.['answer'];
  if (previous?.failure.code !== 'invalid_output' || typeof given !== 'string') return [];
  const why = `That answer cannot be used: ${previous.failure.message}. Answer again, with the JSON value only.`;
  return [
    { role: 'assistant', content: { type: 'text', text: given } },
    { role: 'user', content: { type: 'text', text: why } },
  ];
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
  const check = compileSchema(schema);
  const candidates = jsonIn(text);
  const fitting = candidates.find((candidate) => check(candidate).length === 0);
  if (fitting !== undefined) return { output: fitting, view };
  const value = candidates[0] ?? null;
  const [violation = { path: '$', message: 'no JSON value' }] = check(value);
  const why =
    candidates.length === 0
      ? 'the model was asked for JSON and its answer is none'
      : `the model's answer does not fit the schema: ${violation.path} ${violation.message}`;
  return { output: null, view: { ...view, answer: text }, failure: stepFailure('invalid_output', why).failure };
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

const MAX_CANDIDATES = 20;

/** The JSON values in an answer: the whole of it, or those that stand between sentences or in a fenced block, the first ones. */
function jsonIn(text: string): readonly JsonValue[] {
  const trimmed = text.trim();
  const whole = parsedJson(trimmed);
  if (whole !== null || trimmed === 'null') return [whole];
  const found: JsonValue[] = [];
  let left = LOOKED_AT_IN_ALL;
  for (let at = nextOpening(trimmed, 0); at !== -1 && left > 0 && found.length < MAX_CANDIDATES;) {
    const last = Math.min(trimmed.length, at + LOOKED_AT, at + left);
    const end = endOfValue(trimmed, at, last);
    left -= (end ?? last) - at;
    const value = end === undefined ? null : parsedJson(trimmed.slice(at, end));
    if (value !== null) found.push(value);
    at = nextOpening(trimmed, value === null || end === undefined ? at + 1 : end);
  }
  return found;
}

function nextOpening(text: string, from: number): number {
  const opening = /[[{]/gu;
  opening.lastIndex = from;
  return opening.exec(text)?.index ?? -1;
}

/** Characters that one value may have between sentences, and that are looked at in all: openings inside each other make every look begin anew. */
const LOOKED_AT = 200_000;
const LOOKED_AT_IN_ALL = 2_000_000;

/** Where the list or object that begins at `start` ends; `undefined` when it does not before `last`. */
function endOfValue(text: string, start: number, last: number): number | undefined {
  let depth = 0;
  let inText = false;
  for (let index = start; index < last; index += 1) {
    const character = text[index];
    if (inText) {
      if (character === '\\') index += 1;
      else if (character === '"') inText = false;
    } else if (character === '"') inText = true;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      depth -= 1;
      if (depth === 0) return index + 1;
    }
  }
  return undefined;
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
