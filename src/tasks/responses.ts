import { hasUnwritableNumber, isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { compileSchema, SchemaError } from '../definition/schema-validator.ts';
import { TaskError } from './task.ts';
import type { PendingInput } from './task.ts';

/**
 * Checks an answer against the request it answers: an elicitation's content against the requested schema, a model's
 * turn and a list of roots against the shape MCP gives them. A model's turn or roots may also be refused: `{error:
 * {code, message}}`. Throws `TaskError('invalid_input_response')`.
 */
export function checkResponse(input: Pick<PendingInput, 'request'>, response: JsonValue): void {
  if (!isJsonObject(response)) throw invalid('the answer must be an object');
  if (hasUnwritableNumber(response)) throw invalid('a number is too large');
  switch (input.request.method) {
    case 'elicitation/create':
      checkElicitation(input.request.params, response);
      return;
    case 'sampling/createMessage':
      if (isRefusal(response)) return;
      if (response['role'] !== 'assistant' && response['role'] !== 'user')
        throw invalid("role: must be 'assistant' or 'user'");
      checkTurn(response['content']);
      return;
    case 'roots/list':
      if (isRefusal(response)) return;
      if (!Array.isArray(response['roots']) || !response['roots'].every(isRoot))
        throw invalid('roots: must be a list of objects with a uri');
      return;
    default:
  }
}

/** One content block, or a list of them. Anything else would be read as a turn without a word. */
function checkTurn(content: JsonValue | undefined): void {
  if (content === undefined) throw invalid('content: is missing');
  for (const block of Array.isArray(content) ? content : [content]) {
    if (!isJsonObject(block) || typeof block['type'] !== 'string') {
      throw invalid('content: must be a content block, an object with a type, or a list of them');
    }
    if (block['type'] === 'text' && typeof block['text'] !== 'string')
      throw invalid('content: a text block needs a text');
  }
}

function isRoot(root: JsonValue): boolean {
  return isJsonObject(root) && typeof root['uri'] === 'string';
}

/** The client said no in the only way it has for these: a JSON-RPC error. The step fails with it. */
function isRefusal({ error }: JsonObject): boolean {
  return isJsonObject(error) && Number.isInteger(error['code']) && typeof error['message'] === 'string';
}

function checkElicitation(params: JsonObject, response: JsonObject): void {
  const { action, content } = response;
  if (action !== 'accept' && action !== 'decline' && action !== 'cancel') {
    throw invalid("action: must be 'accept', 'decline' or 'cancel'");
  }
  const schema = params['requestedSchema'];
  if (action !== 'accept' || schema === undefined || !isJsonObject(schema)) return;
  if (content === undefined || !isJsonObject(content)) throw invalid('content: must be an object');
  let violations;
  try {
    violations = compileSchema(schema)(content);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw invalid(`the requested schema cannot be used: ${error.message}`);
  }
  if (violations.length === 0) return;
  throw new TaskError(
    'invalid_input_response',
    violations.map(({ path, message }) => `${path}: ${message}`).join('; '),
    violations.map(({ path, message }) => ({ path, message })),
  );
}

function invalid(message: string): TaskError {
  return new TaskError('invalid_input_response', message);
}
