/** Checks of what clients take: the name of a tool, arguments that are mirrored in headers, the fields of forms. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import { WORKFLOW_NAME } from '../schema/names.ts';
import { error, warning } from './report.ts';

/** What every host takes as the name of a tool; MCP itself allows 128 characters and dots. */
const HOST_NAME = /^[\w-]{1,64}$/;

export function checkToolName(document: JsonObject): Finding[] {
  const name = document['name'];
  // One that is no name at all has been reported.
  if (typeof name !== 'string' || HOST_NAME.test(name) || !WORKFLOW_NAME.test(name)) return [];
  const text = `not every host takes '${name}' as the name of a tool`;
  return [warning('tool_name', ['name'], text, 'up to 64 letters, digits, _ and - are safe')];
}

const HEADER = 'x-mcp-header';
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/;
const HEADER_TYPES: ReadonlySet<unknown> = new Set(['string', 'integer', 'boolean']);

/** Clients over HTTP leave out a tool that breaks one of these rules. */
export function checkHeaderArguments(schema: JsonObject, at: DocumentPath): Finding[] {
  const names = new Set<string>();
  return headersIn(schema, at, false).flatMap(({ schema: place, at: where, reachable }) => {
    const name = place[HEADER];
    const wrong = (text: string, hint?: string): Finding[] => [
      error('invalid_schema', [...where, HEADER], `${HEADER}: ${text}`, hint),
    ];
    if (!reachable) return wrong('only arguments that are reached by `properties` alone can have one');
    if (typeof name !== 'string' || !HEADER_NAME.test(name))
      return wrong('must be a name that HTTP takes for a header');
    if (!HEADER_TYPES.has(place['type'])) return wrong('only a string, an integer or a boolean can have one');
    if (names.has(name.toLowerCase())) return wrong(`'${name}' is there twice`, 'letters of both cases are the same');
    names.add(name.toLowerCase());
    return [];
  });
}

interface HeaderPlace {
  readonly schema: JsonObject;
  readonly at: DocumentPath;
  readonly reachable: boolean;
}

/** `reachable`: `value` is a member of `properties`, and so is all above it. */
function headersIn(value: JsonValue, at: DocumentPath, reachable: boolean): HeaderPlace[] {
  if (Array.isArray(value)) return value.flatMap((member, index) => headersIn(member, [...at, index], false));
  if (!isJsonObject(value)) return [];
  const own = Object.hasOwn(value, HEADER) ? [{ schema: value, at, reachable }] : [];
  const root = at.length === 1;
  return [
    ...own,
    ...Object.entries(value).flatMap(([key, member]) => {
      const inside = [...at, key];
      if (key !== 'properties' || !isJsonObject(member)) return headersIn(member, inside, false);
      return Object.entries(member).flatMap(([name, property]) =>
        headersIn(property, [...inside, name], root || reachable),
      );
    }),
  ];
}

const FIELD_TYPES: ReadonlySet<JsonValue> = new Set(['string', 'number', 'integer', 'boolean']);
const FORMATS: ReadonlySet<JsonValue> = new Set(['email', 'uri', 'date', 'date-time']);
const FIELDS = 'a form has fields of type string, number, integer and boolean, and lists of choices';

/** Forms of MCP are flat; clients refuse to show others. Templates are known only when the question is asked. */
export function checkFormFields(schema: unknown, at: DocumentPath): Finding[] {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties).flatMap(([name, field]) => {
    const where = [...at, 'properties', name];
    if (!isJsonObject(field)) return isTemplate(field) ? [] : [error('invalid_schema', where, FIELDS)];
    const { type, format } = field;
    const known = type === undefined || FIELD_TYPES.has(type) || isTemplate(type);
    if (field['properties'] !== undefined || !(known || (type === 'array' && isChoices(field)))) {
      return [error('invalid_schema', where, `the field '${name}' cannot be shown: ${FIELDS}`)];
    }
    return format === undefined || FORMATS.has(format) || isTemplate(format)
      ? []
      : [warning('form_format', [...where, 'format'], 'forms know the formats email, uri, date and date-time only')];
  });
}

/** A list of some of a few texts. */
function isChoices({ items }: JsonObject): boolean {
  if (!isJsonObject(items)) return items !== undefined && isTemplate(items);
  return items['enum'] !== undefined || items['anyOf'] !== undefined || items['oneOf'] !== undefined;
}

function isTemplate(value: JsonValue): boolean {
  return typeof value === 'string' && (value.includes('{{') || value.includes('{%'));
}
