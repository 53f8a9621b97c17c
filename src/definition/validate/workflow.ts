/** Checks of the workflow's own keys: schedule, schemas. */
import { messageOf } from '../../core/failure.ts';
import { isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { Finding } from '../finding.ts';
import { hostFindings } from '../host-limits.ts';
import { inferInputSchema } from '../infer-input.ts';
import type { Schedule } from '../model.ts';
import { checkSchedule } from '../schedule-check.ts';
import { compileSchema } from '../schema-validator.ts';
import { checkHeaderArguments, checkToolName } from './client-limits.ts';
import { error, warning } from './report.ts';

export function checkWorkflow(document: JsonObject): Finding[] {
  const schedule = document['schedule'];
  const scheduled = isSchedule(schedule) ? checkSchedule(schedule, ['schedule']) : [];
  const input = document['input_schema'];
  return [
    ...checkToolName(document),
    ...scheduled,
    ...checkScheduleInput(document),
    ...checkSchemas(document),
    ...(isJsonObject(input) ? checkHeaderArguments(input, ['input_schema']) : []),
    ...checkHosts(document),
    ...checkDefaults(document),
  ];
}

/** What hosts refuse of the arguments as they are published. */
function checkHosts(document: JsonObject): Finding[] {
  const { input_schema: declared, variables } = document;
  const defaults = isJsonObject(variables) ? variables['input'] : undefined;
  if (isJsonObject(declared)) {
    return hostFindings(declared).map(({ at, message, hint }) => ({
      ...warning('host_limit', ['input_schema', ...at], message, hint),
      atKey: true,
    }));
  }
  if (!isJsonObject(defaults)) return [];
  // An inferred schema has one property for each variable: what is wrong is said of that.
  const named = hostFindings(inferInputSchema(defaults)).map(({ at, message, hint }) =>
    warning('host_limit', ['variables', 'input', ...at.slice(1, 2)], message, hint),
  );
  const empty = Object.entries(defaults).flatMap(([name, value]) =>
    Array.isArray(value) && value.length > 0 && value.every((item) => item === null)
      ? [
          warning(
            'host_limit',
            ['variables', 'input', name],
            `nothing says of which type the items of '${name}' are`,
            'give the list an item that is one, or write `input_schema`',
          ),
        ]
      : [],
  );
  return [...named, ...empty];
}

/** What the schema has refused already is passed over. */
function isSchedule(value: JsonValue | undefined): value is JsonObject & Schedule {
  if (!isJsonObject(value)) return false;
  const { type, expression, seconds, at, timezone } = value;
  if (timezone !== undefined && typeof timezone !== 'string') return false;
  if (type === 'cron') return typeof expression === 'string';
  return type === 'interval' ? typeof seconds === 'number' : type === 'once' && typeof at === 'string';
}

/** Arguments for which every occurrence would be refused. */
function checkScheduleInput(document: JsonObject): Finding[] {
  const { schedule, variables } = document;
  if (!isJsonObject(schedule)) return [];
  const given = schedule['input'] ?? {};
  const defaults = isJsonObject(variables) ? variables['input'] : undefined;
  const schema = document['input_schema'] ?? inferInputSchema(isJsonObject(defaults) ? defaults : {});
  if (!isJsonObject(given) || !isJsonObject(schema)) return [];
  const at = schedule['input'] === undefined ? ['schedule'] : ['schedule', 'input'];
  try {
    return compileSchema(schema)(given).map(({ path, message }) =>
      error('invalid_schedule', at, `no occurrence could begin: ${path}: ${message}`, 'give it in `schedule.input`'),
    );
  } catch {
    // The schema itself is reported below.
    return [];
  }
}

function checkSchemas(document: JsonObject): Finding[] {
  return ['input_schema', 'output_schema'].flatMap((key) => {
    const schema = document[key];
    if (!isJsonObject(schema)) return [];
    const wrongRoot =
      schema['type'] === 'object'
        ? []
        : [error('invalid_schema', [key], 'the schema must say `type: object`', 'tools take and give objects')];
    try {
      compileSchema(schema);
      return wrongRoot;
    } catch (cause) {
      return [...wrongRoot, error('invalid_schema', [key], messageOf(cause))];
    }
  });
}

/** Defaults that the declared schema would refuse. */
function checkDefaults(document: JsonObject): Finding[] {
  const schema = document['input_schema'];
  const variables = document['variables'];
  const defaults = isJsonObject(variables) ? variables['input'] : undefined;
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return [];
  const own = Object.entries(properties).flatMap(([name, property]) => {
    const value = isJsonObject(property) ? ownProperty(property, 'default') : undefined;
    return value === undefined ? [] : [{ name, value, at: ['input_schema', 'properties', name, 'default'] }];
  });
  const declared = Object.entries(isJsonObject(defaults) ? defaults : {}).map(([name, value]) => ({
    name,
    value,
    at: ['variables', 'input', name],
  }));
  return [...own, ...declared].flatMap(({ name, value, at }) => {
    const property = properties[name];
    if (value === null || !isJsonObject(property)) return [];
    try {
      return compileSchema(property)(value).map((violation) =>
        warning('invalid_default', at, `the default of '${name}' does not fit input_schema: ${violation.message}`),
      );
    } catch {
      // The schema as a whole was reported already, or its parts refer to each other.
      return [];
    }
  });
}
