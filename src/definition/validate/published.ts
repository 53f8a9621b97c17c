/** Checks of what a definition publishes beside its tool: `prompt` and `resources`. */
import { messageOf } from '../../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Reference } from '../expression/contract.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import { valueAt } from '../schema/check.ts';
import { compileSchema } from '../schema-validator.ts';
import { parseUriTemplate } from '../uri-template.ts';
import { checkFormFields } from './client-limits.ts';
import { checkTemplate, textsIn } from './references.ts';
import { error, findIn, shorten, suggestion } from './report.ts';
import { secretFields } from './steps.ts';

/** URIs of the server's own resources begin so. */
const OWN_SCHEME = 'workflow:';

/** Looks at what the schemas have let through and passes over what they have refused. */
export function checkPublished(document: JsonObject): Finding[] {
  return [...checkPrompt(document), ...checkResources(document)];
}

/** Names that templates can read, by root; a root without a set has any member. */
type Names = ReadonlyMap<string, ReadonlySet<string> | undefined>;

function checkPrompt(document: JsonObject): Finding[] {
  const prompt = document['prompt'];
  if (!isJsonObject(prompt)) return [];
  const names = promptNames(document, prompt);
  const beforeAnswer = new Map([...names].filter(([root]) => root !== 'answer'));
  return [
    ...checkArguments(prompt['arguments']),
    ...checkAsk(prompt['ask'], beforeAnswer),
    ...findIn(textsIn(messages(prompt), ['prompt', 'messages']), (found) => checkText(found, names)),
    ...checkEmbedded(prompt),
  ];
}

/** The contents of the messages: roles are no texts with templates. */
function messages(prompt: JsonObject): JsonValue {
  const list = prompt['messages'];
  const said: readonly JsonValue[] = Array.isArray(list) ? list : [];
  return said.map((message) => (isJsonObject(message) ? { content: message['content'] ?? null } : message));
}

function promptNames(document: JsonObject, prompt: JsonObject): Names {
  const asked = valueAt(prompt, ['ask', 'schema', 'properties']);
  return new Map([
    ['input', new Set(argumentNames(document, prompt))],
    ...(isJsonObject(prompt['ask'])
      ? [['answer', isJsonObject(asked) ? new Set(Object.keys(asked)) : undefined] as const]
      : []),
    ['workflow', new Set(['name'])],
  ]);
}

function argumentNames(document: JsonObject, prompt: JsonObject): readonly string[] {
  const declared = prompt['arguments'];
  if (Array.isArray(declared)) {
    return declared.flatMap((entry: JsonValue) =>
      isJsonObject(entry) && typeof entry['name'] === 'string' ? [entry['name']] : [],
    );
  }
  return [
    ['input_schema', 'properties'],
    ['variables', 'input'],
  ].flatMap((path) => {
    const members = valueAt(document, path);
    return isJsonObject(members) ? Object.keys(members) : [];
  });
}

function checkArguments(declared: JsonValue | undefined): Finding[] {
  if (!Array.isArray(declared)) return [];
  const names = declared.map((entry: JsonValue) => (isJsonObject(entry) ? entry['name'] : undefined));
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [error('duplicate_name', ['prompt', 'arguments', index, 'name'], `there are two arguments '${shorten(name)}'`)]
      : [],
  );
}

function checkAsk(ask: JsonValue | undefined, names: Names): Finding[] {
  if (!isJsonObject(ask)) return [];
  const { message, schema } = ask;
  const at = ['prompt', 'ask', 'schema'];
  const said = typeof message === 'string' ? checkText({ text: message, at: ['prompt', 'ask', 'message'] }, names) : [];
  if (!isJsonObject(schema)) return said;
  const secrets = [...checkFormFields(schema, at), ...secretFields(schema, at)];
  if (schema['type'] !== 'object' || !isJsonObject(schema['properties'])) {
    return [...said, error('invalid_schema', at, 'the schema must say `type: object` and have `properties`')];
  }
  try {
    compileSchema(schema);
    return [...said, ...secrets];
  } catch (cause) {
    return [...said, ...secrets, error('invalid_schema', at, messageOf(cause))];
  }
}

/** An embedded resource has content of one kind. */
function checkEmbedded(prompt: JsonObject): Finding[] {
  const list = prompt['messages'];
  const said: readonly JsonValue[] = Array.isArray(list) ? list : [];
  return said.flatMap((_, index) => {
    const path = ['messages', index, 'content', 'resource'];
    const resource = valueAt(prompt, path);
    return isJsonObject(resource) ? exactlyOne(resource, ['text', 'blob'], ['prompt', ...path]) : [];
  });
}

function checkText({ text, at }: { readonly text: string; readonly at: DocumentPath }, names: Names): Finding[] {
  // Images are long, and remembered when they are parsed.
  if (!text.includes('{{') && !text.includes('{%')) return [];
  return checkTemplate(text, at, (reference) => checkReference(reference, at, names));
}

function checkReference({ path }: Reference, at: DocumentPath, names: Names): Finding[] {
  const [root, member] = path.map(String);
  if (root === undefined) return [];
  if (!names.has(root)) {
    const hint = suggestion(root, names.keys(), 'names here');
    return [error('unknown_variable', at, `'${shorten(root)}' unknown`, hint)];
  }
  const members = names.get(root);
  if (member === undefined || members === undefined || members.has(member)) return [];
  const hint = suggestion(member, members, 'there are');
  return [error('unknown_variable', at, `'${root}.${shorten(member)}' unknown`, hint)];
}

function checkResources(document: JsonObject): Finding[] {
  const list = document['resources'];
  if (!Array.isArray(list)) return [];
  const seen = new Set<JsonValue>();
  return findIn(list.entries(), ([index, resource]: [number, JsonValue]) => {
    if (!isJsonObject(resource)) return [];
    const at = ['resources', index];
    const address = resource['uri'] ?? resource['uri_template'] ?? null;
    const twice = seen.has(address) ? [error('duplicate_uri', at, 'another resource here has this URI')] : [];
    if (address !== null) seen.add(address);
    return [
      ...twice,
      ...exactlyOne(resource, ['uri', 'uri_template'], at),
      ...exactlyOne(resource, ['text', 'blob', 'file'], at),
      ...checkAddress(resource, at),
      ...checkContent(resource, at),
    ];
  });
}

function exactlyOne(value: JsonObject, keys: readonly string[], at: DocumentPath): Finding[] {
  const given = keys.filter((key) => value[key] !== undefined);
  const [, second] = given;
  const choice = keys.map((key) => `\`${key}\``).join(' or ');
  if (second !== undefined) {
    return [{ ...error('invalid_value', [...at, second], `only one of ${choice} can be given`), atKey: true }];
  }
  return given.length === 1 ? [] : [error('missing_key', at, `${choice} is missing`)];
}

function checkAddress(resource: JsonObject, at: DocumentPath): Finding[] {
  return ['uri', 'uri_template'].flatMap((key) => {
    const text = resource[key];
    if (typeof text !== 'string') return [];
    const where = [...at, key];
    const template = key === 'uri' ? undefined : parseUriTemplate(text);
    if (typeof template === 'string') return [error('invalid_uri', where, `not a URI template: ${template}`)];
    // The beginning of a template tells its scheme.
    const uri = template === undefined ? text : `${template.literals[0] ?? ''}x`;
    const strange = template === undefined ? /[\s{}]/ : /\s/;
    if (!/^[a-z][a-z0-9+.-]*:./i.test(uri) || strange.test(text)) {
      return [error('invalid_uri', where, 'not a URI with a scheme', 'e.g. docs://release/checklist')];
    }
    if (uri.toLowerCase().startsWith(OWN_SCHEME)) {
      return [error('invalid_uri', where, `URIs that begin with ${OWN_SCHEME} are the server's own`)];
    }
    return [];
  });
}

/** Text behind a URI with variables is a template; other text is sent as it stands. */
function checkContent(resource: JsonObject, at: DocumentPath): Finding[] {
  const { uri_template: address, text } = resource;
  if (typeof address !== 'string') return [];
  if (resource['blob'] !== undefined) {
    return [error('invalid_value', [...at, 'blob'], '`blob` cannot depend on a variable', 'use `uri`')];
  }
  const template = parseUriTemplate(address);
  if (typeof text !== 'string' || typeof template === 'string') return [];
  return checkText({ text, at: [...at, 'text'] }, new Map([['input', new Set(template.variables)]]));
}
