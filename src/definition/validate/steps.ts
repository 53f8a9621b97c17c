/** Checks of single steps: ids, servers, loops, assignments, forms. */
import { FORBIDDEN_NAMES, isJsonObject } from '../../core/json.ts';
import { isFixed } from '../expression/references.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import { ASSIGNABLE, RESERVED_NAMES } from '../schema/names.ts';
import { checkFormFields } from './client-limits.ts';
import { writesOf, type Outline, type StepPlace } from './outline.ts';
import { error, findIn, suggestion, warning } from './report.ts';

const SECRET_FIELD =
  /passw|passphrase|secret|credential|api[_-]?key|(?:^|[_-])token(?:$|[_-])|(?:^|[_-])(?:pin|cvv|ssn)(?:$|[_-])/i;

export function checkSteps(
  outline: Outline,
  servers: ReadonlySet<string> | undefined,
  unknownServer: 'error' | 'warning',
): Finding[] {
  const seen = new Map<string, StepPlace>();
  return findIn(outline.places, (place) => {
    const findings = [
      ...checkId(place, seen),
      ...checkAssignments(place),
      ...checkForm(place),
      ...checkCache(place),
      ...checkKind(place),
      ...checkFixedNames(place),
    ];
    if (servers !== undefined) findings.push(...checkServers(place, servers, unknownServer));
    return findings;
  });
}

function checkId(place: StepPlace, seen: Map<string, StepPlace>): Finding[] {
  const at = [...place.at, 'id'];
  const { id } = place;
  if (id === '') return [];
  if (FORBIDDEN_NAMES.has(id)) return [error('forbidden_name', at, `the name '${id}' is not allowed`)];
  if (RESERVED_NAMES.has(id)) {
    return [error('reserved_name', at, `'${id}' is a reserved name`, `rename it, e.g. to '${id}_step'`)];
  }
  if (seen.has(id)) {
    return [error('duplicate_id', at, `there are two steps '${id}'`, 'ids are unique in the whole definition')];
  }
  seen.set(id, place);
  return [];
}

function checkServers(place: StepPlace, servers: ReadonlySet<string>, severity: 'error' | 'warning'): Finding[] {
  return place.syntax
    .servers(place.step)
    .filter(({ name }) => !servers.has(name) && isFixed(name))
    .map(({ name, at }) => ({
      ...error(
        'unknown_server',
        [...place.at, ...at],
        `server '${name}' unknown`,
        suggestion(name, servers, 'servers'),
      ),
      severity,
    }));
}

/**
 * Which server and which tool a step calls has to be known before it runs: that is what may be called, and what
 * `validate` checks.
 */
function checkFixedNames({ step, at, syntax }: StepPlace): Finding[] {
  const named = [...syntax.servers(step), ...(syntax.fixed?.(step) ?? [])];
  return named
    .filter(({ name }) => !isFixed(name))
    .map(({ at: inside }) =>
      error(
        'invalid_value',
        [...at, ...inside],
        `'${String(inside.at(-1))}' takes no template: it is never rendered`,
        'write the name itself, or choose between steps with `switch`',
      ),
    );
}

/** `save_output_to` is checked by its pattern; here the names in it, and the variables that the kind writes. */
function checkAssignments(place: StepPlace): Finding[] {
  return writesOf(place).flatMap(({ target, at: inside }) => {
    const where = [...place.at, ...inside];
    if (target.split('.').some((name) => FORBIDDEN_NAMES.has(name))) {
      return [error('forbidden_name', where, `'${target}' names something that is not allowed`)];
    }
    if (inside[0] === 'save_output_to' || ASSIGNABLE.test(target)) return [];
    const hint = 'variables.output.x, variables.global.x or variables.saved.x';
    return [{ ...error('invalid_target', where, `cannot assign to '${target}'`, hint), atKey: true }];
  });
}

function checkKind({ step, at, syntax }: StepPlace): Finding[] {
  return (syntax.problems?.(step) ?? []).map((found) =>
    error(found.code, [...at, ...found.at], found.message, found.hint),
  );
}

/** What a step that holds steps leaves behind is more than its own result, so it is not cached. */
function checkCache({ id, step, at, syntax }: StepPlace): Finding[] {
  if (step.cache_seconds === undefined || syntax.blocks(step).length === 0) return [];
  const hint = 'give it to the steps inside';
  return [warning('cache_without_effect', [...at, 'cache_seconds'], `cache_seconds has no effect on '${id}'`, hint)];
}

function checkForm({ step, at, syntax: { formKey } }: StepPlace): Finding[] {
  if (formKey === undefined) return [];
  const schema: unknown = step[formKey];
  const where = [...at, formKey];
  return [...checkFormFields(schema, where), ...secretFields(schema, where)];
}

/** MCP forbids asking for secrets in a form; a host may refuse it, and the answer is stored. */
export function secretFields(schema: unknown, at: DocumentPath): Finding[] {
  const properties = isJsonObject(schema) ? schema['properties'] : undefined;
  if (!isJsonObject(properties)) return [];
  return Object.entries(properties)
    .filter(([name, field]) => SECRET_FIELD.test(name) || isPassword(field))
    .map(([name]) =>
      warning(
        'secret_in_form',
        [...at, 'properties', name],
        `the field '${name}' looks like a secret; forms must not ask for secrets`,
        'send the person to a page of yours with `url`',
      ),
    );
}

function isPassword(field: unknown): boolean {
  return isJsonObject(field) && field['format'] === 'password';
}
