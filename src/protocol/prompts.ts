import { StepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { renderTexts } from '../definition/expression/render-texts.ts';
import type { Definition, PromptArgument, WorkflowPrompt } from '../definition/model.ts';
import type { InputRequest } from '../engine/journal.ts';
import { checkResponse } from '../tasks/responses.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams } from './errors.ts';
import { fitting } from './fit.ts';
import { exposed } from './tools.ts';

/**
 * Every published workflow as a prompt, in its author's words or in ours: how a person tells a model to use it. Then
 * the prompts that have a name of their own; of two with one name the first.
 */
export function listPrompts(deps: ProtocolDeps): readonly JsonObject[] {
  const prompts = [...publishedPrompts(deps)].map(([name, { definition, prompt }]): JsonObject => {
    const title = prompt?.title ?? (name === definition.name ? definition.title : undefined);
    return {
      name,
      ...(title === undefined ? {} : { title }),
      description: descriptionOf(definition, prompt),
      arguments: promptArguments(definition, prompt).map(shownArgument),
    };
  });
  return fitting('prompt', prompts, deps);
}

/** An argument as MCP shows it. */
function shownArgument({ name, title, description, required }: PromptArgument): JsonObject {
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    required: required ?? false,
  };
}

/** A prompt by its name. Without words of the author it is the generated one. */
interface PublishedPrompt {
  readonly definition: Definition;
  readonly prompt?: WorkflowPrompt;
}

function publishedPrompts(deps: ProtocolDeps): ReadonlyMap<string, PublishedPrompt> {
  const found = new Map<string, PublishedPrompt>();
  const definitions = exposed(deps).map(({ definition }) => definition);
  for (const definition of definitions) {
    const { prompt } = definition;
    const own = prompt !== undefined && (prompt.name ?? definition.name) === definition.name;
    found.set(definition.name, own ? { definition, prompt } : { definition });
  }
  for (const definition of definitions) {
    const { prompt } = definition;
    if (prompt?.name !== undefined && !found.has(prompt.name)) found.set(prompt.name, { definition, prompt });
  }
  return found;
}

function descriptionOf(definition: Definition, prompt: WorkflowPrompt | undefined): string {
  if (prompt === undefined) return `When and how to run the workflow '${definition.name}'.`;
  return prompt.description ?? definition.description ?? `The workflow '${definition.name}'.`;
}

function promptArguments(definition: Definition, prompt: WorkflowPrompt | undefined): readonly PromptArgument[] {
  const declared = prompt?.arguments;
  if (declared !== undefined) return declared;
  const required = definition.input_schema['required'];
  return Object.entries(inputProperties(definition)).map(([name, schema]) => {
    const values = enumOf(schema);
    return {
      name,
      ...(isJsonObject(schema) && typeof schema['description'] === 'string'
        ? { description: schema['description'] }
        : {}),
      required: Array.isArray(required) && required.includes(name),
      ...(values.length === 0 ? {} : { values }),
    };
  });
}

function enumOf(schema: JsonValue): readonly string[] {
  if (!isJsonObject(schema)) return [];
  if (schema['type'] === 'boolean') return ['true', 'false'];
  const values = schema['enum'];
  return Array.isArray(values)
    ? values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))
    : [];
}

/** The values to complete an argument from. Throws `invalidParams` for an unknown prompt. */
export function argumentValues(name: string, argument: string, deps: ProtocolDeps): readonly string[] {
  const { definition, prompt } = requirePrompt(name, deps);
  return promptArguments(definition, prompt).find((entry) => entry.name === argument)?.values ?? [];
}

function inputProperties(definition: Definition): JsonObject {
  const properties = definition.input_schema['properties'];
  return isJsonObject(properties) ? properties : {};
}

/** A prompt whose arguments are there. */
export interface OpenPrompt {
  /** What a person has to answer first, as `elicitation/create`. */
  readonly question?: InputRequest;
  /**
   * The answer to `prompts/get`. `response` is what the client answered to the question. Rejects with
   * `TaskError('invalid_input_response')` when it does not fit, with `invalidParams` when the person said no.
   */
  readonly messages: (response?: JsonValue) => Promise<JsonObject>;
}

/**
 * Opens a prompt with the arguments that were given. Nothing is kept between a question and its answer: the prompt is
 * opened again with both. Rejects with `invalidParams` for an unknown name and for a missing argument.
 */
export async function openPrompt(name: string, args: JsonObject, deps: ProtocolDeps): Promise<OpenPrompt> {
  const { definition, prompt } = requirePrompt(name, deps);
  for (const argument of promptArguments(definition, prompt)) {
    if (argument.required === true && args[argument.name] === undefined) {
      throw invalidParams(`params/arguments/${argument.name}: this argument is required`);
    }
  }
  if (prompt !== undefined) return openOwnPrompt(definition, prompt, args);
  return {
    messages: () =>
      Promise.resolve({
        description: definition.description ?? `The workflow '${name}'.`,
        messages: [{ role: 'user', content: { type: 'text', text: promptText(definition, args, deps) } }],
      }),
  };
}

function requirePrompt(name: string, deps: ProtocolDeps): PublishedPrompt {
  const found = publishedPrompts(deps).get(name);
  if (found === undefined) throw invalidParams(`Unknown prompt: ${name}`);
  return found;
}

async function openOwnPrompt(definition: Definition, prompt: WorkflowPrompt, args: JsonObject): Promise<OpenPrompt> {
  const defaults = prompt.arguments === undefined ? definition.variables.input : {};
  const names = { input: { ...defaults, ...args }, workflow: { name: definition.name } };
  const { ask } = prompt;
  const question: InputRequest | undefined =
    ask === undefined
      ? undefined
      : {
          method: 'elicitation/create',
          params: { mode: 'form', message: await rendered(ask.message, names), requestedSchema: ask.schema },
        };
  return {
    ...(question === undefined ? {} : { question }),
    messages: async (response) => {
      const answer = question === undefined ? undefined : answerOf(question, response ?? null);
      const scope = answer === undefined ? names : { ...names, answer };
      const messages = [];
      for (const { role, content } of prompt.messages) {
        messages.push({ role, content: await rendered(content, scope) });
      }
      return { description: descriptionOf(definition, prompt), messages };
    },
  };
}

/** What was entered. */
function answerOf(question: InputRequest, response: JsonValue): JsonObject {
  checkResponse({ request: question }, response);
  const { action, content } = isJsonObject(response) ? response : {};
  if (action === 'accept' && isJsonObject(content)) return content;
  throw invalidParams(`The prompt needs an answer to its question, and it was answered with ${JSON.stringify(action)}`);
}

/**
 * What cannot be rendered with these arguments is the fault of the request, or of the author: either way the text says
 * why.
 */
async function rendered<T extends JsonValue>(value: T, names: JsonObject): Promise<T> {
  try {
    return await renderTexts(value, names);
  } catch (error) {
    if (error instanceof StepFailure) throw invalidParams(error.failure.message);
    throw error;
  }
}

function promptText(definition: Definition, args: JsonObject, deps: ProtocolDeps): string {
  const tool = deps.settings.compact
    ? `the tool 'workflow_run' with {"workflow": ${JSON.stringify(definition.name)}, "input": …}`
    : `the tool '${definition.name}'`;
  return [
    `Run the workflow '${definition.name}' by calling ${tool} exactly once.`,
    ...(definition.description === undefined ? [] : [`What it is for: ${definition.description}`]),
    `Its input is described by this JSON Schema: ${JSON.stringify(definition.input_schema)}`,
    Object.keys(args).length === 0
      ? 'Take the input from this conversation; ask me for what is missing and do not invent it.'
      : `Use this input, converted to the types of the schema: ${JSON.stringify(args)}`,
    'If it is answered with a task id, follow it with tasks_get until it has ended, answer its questions by asking me and calling ' +
      'tasks_update, and read the result with tasks_result. Then tell me the result in a few sentences, with what failed, if anything.',
  ].join('\n\n');
}
