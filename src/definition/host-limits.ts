/**
 * What hosts refuse, in one table with its sources. `validate` warns of it: MCP allows all of it, and no host allows
 * all of it. Each row is read against the schema of a tool's arguments as it is published.
 */
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';

export interface HostFinding {
  /** Where in the schema. */
  readonly at: readonly (string | number)[];
  readonly message: string;
  readonly hint: string;
}

export interface HostLimit {
  /** Who refuses it. */
  readonly hosts: string;
  /** Where that is said or was seen. */
  readonly source: string;
  readonly check: (schema: JsonObject) => readonly HostFinding[];
}

const PROPERTY_NAME = /^[a-zA-Z0-9_.-]{1,64}$/;
const COMBINATORS = ['oneOf', 'anyOf', 'allOf'];

export const HOST_LIMITS: readonly HostLimit[] = [
  {
    hosts: 'Anthropic (Claude Desktop, Claude Code)',
    source: 'Messages API: "Property keys should match pattern ^[a-zA-Z0-9_.-]{1,64}$"; the whole request is refused',
    check: (schema) =>
      places(schema).flatMap(({ schema: place, at }) =>
        names(place).flatMap((name) =>
          PROPERTY_NAME.test(name)
            ? []
            : [
                {
                  at: [...at, 'properties', name],
                  message: `hosts of Anthropic refuse an argument that is called '${name}'`,
                  hint: 'up to 64 of the characters a-z A-Z 0-9 _ . - are safe',
                },
              ],
        ),
      ),
  },
  {
    hosts: 'Anthropic, OpenAI',
    source:
      'Messages API: "input_schema does not support oneOf, allOf, or anyOf at the top level"; OpenAI function calling: the same, and enum and not',
    check: (schema) =>
      COMBINATORS.filter((key) => schema[key] !== undefined).map((key) => ({
        at: [key],
        message: `hosts of Anthropic and OpenAI refuse \`${key}\` at the top of a tool's schema`,
        hint: 'say it inside a property, or check it in a step',
      })),
  },
  {
    hosts: 'OpenAI, Gemini, VS Code',
    source: 'OpenAI function calling: "schema must have type \'object\'"; VS Code: "tool parameters must be an object"',
    check: (schema) =>
      schema['$ref'] === undefined
        ? []
        : [
            {
              at: ['$ref'],
              message: 'hosts refuse `$ref` at the top of a tool’s schema',
              hint: 'write the properties out there',
            },
          ],
  },
  {
    hosts: 'OpenAI, VS Code, Gemini',
    source: 'OpenAI: "array schema missing items" (HTTP 400); VS Code: "tool parameters array type must have items"',
    check: (schema) =>
      places(schema).flatMap(({ schema: place, at }) =>
        isArray(place) && place['items'] === undefined && place['prefixItems'] === undefined
          ? [{ at, message: 'hosts refuse a list that does not say what its items are', hint: 'give it `items`' }]
          : [],
      ),
  },
  {
    hosts: 'Gemini, strict mode of OpenAI',
    source:
      'Gemini API: function declarations need a type for each parameter; OpenAI: "schema must have a \'type\' key"',
    check: (schema) =>
      Object.entries(isJsonObject(schema['properties']) ? schema['properties'] : {}).flatMap(([name, property]) =>
        saysNothing(property)
          ? [
              {
                at: ['properties', name],
                message: `hosts refuse the argument '${name}': nothing says of which type it is`,
                hint: 'give it a `type`, or in `variables.input` a value instead of null',
              },
            ]
          : [],
      ),
  },
];

/** Everything in a schema that hosts refuse. */
export function hostFindings(schema: JsonObject): readonly HostFinding[] {
  return HOST_LIMITS.flatMap(({ check }) => check(schema));
}

interface Place {
  readonly schema: JsonObject;
  readonly at: readonly (string | number)[];
}

/** Every schema inside a schema, itself first. */
function places(schema: JsonValue, at: readonly (string | number)[] = []): readonly Place[] {
  if (!isJsonObject(schema)) return [];
  const inside = [
    ...Object.entries(isJsonObject(schema['properties']) ? schema['properties'] : {}).flatMap(([name, property]) =>
      places(property, [...at, 'properties', name]),
    ),
    ...['$defs', 'definitions'].flatMap((key) => {
      const named = schema[key];
      return isJsonObject(named)
        ? Object.entries(named).flatMap(([name, each]) => places(each, [...at, key, name]))
        : [];
    }),
    ...['items', 'additionalProperties'].flatMap((key) => places(schema[key] ?? null, [...at, key])),
    ...COMBINATORS.flatMap((key) => {
      const options = schema[key];
      return Array.isArray(options)
        ? options.flatMap((option: JsonValue, index) => places(option, [...at, key, index]))
        : [];
    }),
  ];
  return [{ schema, at }, ...inside];
}

function names({ properties }: JsonObject): readonly string[] {
  return isJsonObject(properties) ? Object.keys(properties) : [];
}

function isArray({ type }: JsonObject): boolean {
  return type === 'array' || (Array.isArray(type) && type.includes('array'));
}

const SAYS_TYPE = ['type', 'enum', 'const', '$ref', ...COMBINATORS];

function saysNothing(property: JsonValue): boolean {
  return isJsonObject(property) && SAYS_TYPE.every((key) => property[key] === undefined);
}
