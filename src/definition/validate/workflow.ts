/** Checks of the workflow's own keys: schedule, schemas. */
import { Cron } from 'croner';
import { messageOf } from '../../core/failure.ts';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { Finding } from '../finding.ts';
import { compileSchema } from '../schema-validator.ts';
import { error, warning } from './report.ts';

export function checkWorkflow(document: JsonObject): Finding[] {
  return [...checkSchedule(document['schedule']), ...checkSchemas(document), ...checkDefaults(document)];
}

function checkSchedule(schedule: unknown): Finding[] {
  if (!isJsonObject(schedule)) return [];
  const { type, expression, timezone, at } = schedule;
  const findings: Finding[] = [];
  if (typeof timezone === 'string' && !isTimeZone(timezone)) {
    const hint = 'IANA names look like Europe/Berlin';
    findings.push(error('invalid_timezone', ['schedule', 'timezone'], `the time zone '${timezone}' is unknown`, hint));
  }
  if (type === 'cron' && typeof expression === 'string') {
    const problem = cronProblem(expression);
    if (problem !== undefined) {
      const hint = 'five fields: minute hour day-of-month month day-of-week, e.g. 0 9 * * *';
      findings.push(error('invalid_cron', ['schedule', 'expression'], problem, hint));
    }
  }
  if (type === 'once' && typeof at === 'string' && Number.isNaN(Date.parse(at))) {
    findings.push(
      error('invalid_time', ['schedule', 'at'], `'${at}' is not a time`, 'ISO 8601, e.g. 2026-02-04T14:30:00Z'),
    );
  }
  return findings;
}

/** Made paused and never started: only its parser is wanted. */
function cronProblem(expression: string): string | undefined {
  try {
    new Cron(expression, { paused: true }).stop();
    return undefined;
  } catch (cause) {
    return `the cron expression cannot be read: ${messageOf(cause).replace(/^CronPattern: /, '')}`;
  }
}

function isTimeZone(timezone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: timezone }).format(0);
    return true;
  } catch {
    return false;
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
  if (!isJsonObject(defaults) || !isJsonObject(properties)) return [];
  return Object.entries(defaults).flatMap(([name, value]) => {
    const property = properties[name];
    if (value === null || !isJsonObject(property)) return [];
    const at = ['variables', 'input', name];
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
