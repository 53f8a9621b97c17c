import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { InputRequest } from '../engine/journal.ts';

/** An answer that would be accepted, as an example for a model that has to write one. */
export function exampleAnswer(request: InputRequest): JsonObject {
  switch (request.method) {
    case 'sampling/createMessage':
      return { role: 'assistant', content: { type: 'text', text: 'the answer' }, model: 'its name' };
    case 'roots/list':
      return { roots: [{ uri: 'file:///a/folder' }] };
    default:
      return request.params['mode'] === 'url'
        ? { action: 'accept' }
        : { action: 'accept', content: exampleOf(request.params['requestedSchema']) };
  }
}

/** Who answers it, as the end of "Ask …". */
export function whoAnswers(request: InputRequest): string {
  switch (request.method) {
    case 'sampling/createMessage':
      return 'Answer it yourself, as the model that is asked';
    case 'roots/list':
      return 'Name the folders that the client shares';
    default:
      return 'Ask the person';
  }
}

function exampleOf(schema: JsonValue | undefined): JsonObject {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return {};
  return Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, exampleValue(field)]));
}

function exampleValue(field: JsonValue): JsonValue {
  if (!isJsonObject(field)) return 'text';
  if (field['default'] !== undefined) return field['default'];
  const [choice] = choicesOf(field);
  if (choice !== undefined) return choice;
  switch (field['type']) {
    case 'boolean':
      return true;
    case 'integer':
    case 'number':
      return typeof field['minimum'] === 'number' ? field['minimum'] : 1;
    case 'array': {
      const items = field['items'];
      return isJsonObject(items) ? choicesOf(items).slice(0, 1) : [];
    }
    default:
      return 'text';
  }
}

function choicesOf(field: JsonObject): readonly JsonValue[] {
  if (Array.isArray(field['enum'])) return field['enum'] as readonly JsonValue[];
  const options = field['oneOf'] ?? field['anyOf'];
  return Array.isArray(options)
    ? options.flatMap((option: JsonValue) =>
        isJsonObject(option) && option['const'] !== undefined ? [option['const']] : [],
      )
    : [];
}
