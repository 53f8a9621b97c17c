import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

/**
 * What a call that ran out of time, or whose result is too large, answers instead of it: `structuredContent: {task:
 * …}`.
 */
const HANDLE: JsonObject = {
  type: 'object',
  description:
    'Instead of the result: the run is still going on, or its result is too large here. Read it with tasks_get and tasks_result.',
  properties: { taskId: { type: 'string' }, status: { type: 'string' } },
  required: ['taskId', 'status'],
};

/** Keywords beside which another property and a weaker `required` do not change what the schema says of the result. */
const PLAIN = new Set([
  '$schema',
  '$id',
  '$defs',
  '$comment',
  'definitions',
  'type',
  'title',
  'description',
  'properties',
  'required',
  'additionalProperties',
  'examples',
  'default',
]);

/**
 * The published `outputSchema` of a tool whose call may be answered with a task handle: the definition's own schema, or
 * the handle. Clients validate `structuredContent` against it, so a schema without the handle would turn a run that
 * takes longer than the soft deadline into an error that hides the task's id.
 */
export function withHandle(own: JsonObject): JsonObject {
  const properties = isJsonObject(own['properties']) ? own['properties'] : {};
  const required = Array.isArray(own['required']) ? own['required'] : [];
  const plain = Object.keys(own).every((keyword) => PLAIN.has(keyword)) && !Object.hasOwn(properties, 'task');
  if (!plain) return { type: 'object', anyOf: [underAnyOf(own), { properties: { task: HANDLE }, required: ['task'] }] };
  const { required: _, ...rest } = own;
  return {
    ...rest,
    properties: { ...properties, task: HANDLE },
    ...(required.length === 0 ? {} : { anyOf: [{ required }, { required: ['task'] }] }),
  };
}

/** The schema as first branch of an `anyOf`: references from its root now start there, unless it names its own base. */
function underAnyOf(own: JsonObject): JsonObject {
  const { $schema: _, ...rest } = own;
  return typeof own['$id'] === 'string' ? rest : (moveReferences(rest) as JsonObject); // an object in, an object out
}

function moveReferences(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(moveReferences);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [
      key,
      key === '$ref' && typeof member === 'string' ? movedReference(member) : moveReferences(member),
    ]),
  );
}

function movedReference(reference: string): string {
  if (reference === '#') return '#/anyOf/0';
  return reference.startsWith('#/') ? `#/anyOf/0${reference.slice(1)}` : reference;
}
