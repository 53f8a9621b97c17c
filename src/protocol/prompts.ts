import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { Definition } from '../definition/model.ts';
import type { ProtocolDeps } from './deps.ts';
import { invalidParams } from './errors.ts';
import { exposed, findWorkflow } from './tools.ts';

/** Every published workflow as a prompt: how a person tells a model to use it. */
export function listPrompts(deps: ProtocolDeps): readonly JsonObject[] {
  return exposed(deps).map(({ definition }) => ({
    name: definition.name,
    ...(definition.title === undefined ? {} : { title: definition.title }),
    description: `When and how to run the workflow '${definition.name}'.`,
    arguments: promptArguments(definition),
  }));
}

type PromptArgument = { readonly name: string; readonly description?: string; readonly required: boolean };

function promptArguments(definition: Definition): readonly PromptArgument[] {
  const required = definition.input_schema['required'];
  return Object.entries(inputProperties(definition)).map(([name, schema]) => ({
    name,
    ...(isJsonObject(schema) && typeof schema['description'] === 'string'
      ? { description: schema['description'] }
      : {}),
    required: Array.isArray(required) && required.includes(name),
  }));
}

/** The properties of a workflow's input. */
export function inputProperties(definition: Definition): JsonObject {
  const properties = definition.input_schema['properties'];
  return isJsonObject(properties) ? properties : {};
}

/** The prompt with the arguments that were given. Throws `invalidParams` for an unknown name and for a missing argument. */
export function getPrompt(name: string, args: JsonObject, deps: ProtocolDeps): JsonObject {
  const loaded = findWorkflow(name, deps);
  if (loaded === undefined) throw invalidParams(`Unknown prompt: ${name}`);
  const { definition } = loaded;
  for (const argument of promptArguments(definition)) {
    if (argument.required && args[argument.name] === undefined) {
      throw invalidParams(`params/arguments/${argument.name}: this argument is required`);
    }
  }
  return {
    description: definition.description ?? `The workflow '${name}'.`,
    messages: [{ role: 'user', content: { type: 'text', text: promptText(definition, args, deps) } }],
  };
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
