import type { z } from 'zod';
import type { JsonValue } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import { describeValue } from '../schema-violation.ts';
import { shorten } from '../validate/report.ts';
import { describeIssue, HINT_MARK, isExtensionKey, MAX_UNKNOWN_KEYS } from './issue-text.ts';
import { foreignKeys, hintForSchedule, kindFor } from './other-words.ts';
import type { DefinitionSchemas } from './schemas.ts';

type ZodIssue = z.core.$ZodIssue;

/** Everything in which a document does not fit the schemas, as findings. */
export function checkDocument(document: JsonValue, schemas: DefinitionSchemas): Finding[] {
  const result = schemas.workflow.safeParse(document, { error: describeIssue });
  return (result.error?.issues ?? []).flatMap((issue) => findingsOf(issue, [], document));
}

function findingsOf(issue: ZodIssue, prefix: DocumentPath, document: JsonValue): Finding[] {
  const path = [...prefix, ...issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)))];
  const [message = '', hint] = issue.message.split(HINT_MARK);
  const given = valueAt(document, path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const keys = issue.keys.filter((key) => !isExtensionKey(key)).slice(0, MAX_UNKNOWN_KEYS);
      const hints: unknown = JSON.parse(hint ?? '[]');
      return keys.map((key, index) => {
        const ownHint: unknown = Array.isArray(hints) ? hints[index] : undefined;
        const text = typeof ownHint === 'string' ? ownHint : undefined;
        return finding('unknown_key', `unknown key '${shorten(key)}'`, text, [...path, key], true);
      });
    }
    case 'invalid_union':
      return unionFindings(issue, path, document);
    case 'custom':
      return customFindings(issue, message, path, document);
    case 'invalid_type':
      if (given === undefined) return [missing(path)];
      return [
        finding(
          'invalid_type',
          `${message}, found ${describeValue(given)}`,
          path.length === 1 && path[0] === 'schedule' ? hintForSchedule(given) : hint,
          path,
        ),
      ];
    case 'invalid_value':
      if (given === undefined) return [missing(path)];
      return [finding('invalid_value', `${message}, found ${describeValue(given)}`, hint, path)];
    default:
      return [finding('invalid_value', message, hint, path)];
  }
}

function customFindings(
  issue: Extract<ZodIssue, { code: 'custom' }>,
  message: string,
  path: DocumentPath,
  document: JsonValue,
): Finding[] {
  const foreign = foreignKeys(valueAt(document, path));
  if (issue.params?.['code'] !== 'missing_key' || foreign.length === 0) return [customFinding(issue, message, path)];
  return foreign.map(({ key, hint }) => finding('unknown_key', `unknown key '${key}'`, hint, [...path, key], true));
}

/** The key that says which form a value has is not there; for a schedule its other keys say what was meant. */
function missingForm(path: DocumentPath, given: JsonValue | undefined): Finding {
  const hint = path[0] === 'schedule' ? hintForSchedule(given) : undefined;
  return hint === undefined ? missing(path) : { ...missing(path), hint };
}

function customFinding(issue: Extract<ZodIssue, { code: 'custom' }>, message: string, path: DocumentPath): Finding {
  const { code, given, types } = issue.params ?? {};
  if (code === 'missing_key') {
    return finding('missing_key', message, "every step but a tool's needs one", path);
  }
  if (code !== 'unknown_step_type' || !Array.isArray(types)) return finding('invalid_value', message, undefined, path);
  const known = types.map(String);
  const near = typeof given === 'string' ? (kindFor(given, known) ?? nearest(given, known)) : undefined;
  const hint = near === undefined ? `known types: ${types.join(', ')}` : `did you mean '${near}'?`;
  return finding('unknown_step_type', message, hint, path);
}

/**
 * Of the forms a value may have, reports what is wrong with the one it was meant to be; if that is not clear, that none
 * fits.
 */
function unionFindings(
  issue: Extract<ZodIssue, { code: 'invalid_union' }>,
  path: DocumentPath,
  document: JsonValue,
): Finding[] {
  const given = valueAt(document, path);
  if (given === undefined) return [missingForm(path, valueAt(document, path.slice(0, -1)))];
  const fits = (errors: readonly ZodIssue[]): boolean =>
    errors.flatMap((error) => findingsOf(error, path, document)).length === 0;
  // A form that only has extension keys too many is fine.
  if (issue.errors.some(fits)) return [];
  const meant = issue.errors.filter((errors) => !errors.some((error) => error.path.length === 0 && isWrongForm(error)));
  const [only] = meant;
  if (meant.length === 1 && only !== undefined) return only.flatMap((error) => findingsOf(error, path, document));
  if (issue.discriminator !== undefined) {
    // zod's path of this issue ends at the discriminator already.
    const tagPath = path.at(-1) === issue.discriminator ? path : [...path, issue.discriminator];
    const options = 'options' in issue && Array.isArray(issue.options) ? issue.options.map(String) : [];
    const tag = valueAt(document, tagPath);
    if (tag === undefined) return [missingForm(tagPath, given)];
    const near = typeof tag === 'string' ? nearest(tag, options) : undefined;
    const hint = near === undefined ? undefined : `did you mean '${near}'?`;
    return [finding('invalid_value', `expected ${options.join(', ')}, found ${describeValue(tag)}`, hint, tagPath)];
  }
  const forms = formsOf(issue);
  const message = `${[...new Set(forms)].join(' or ').replaceAll(' or expected', ' or')}, found ${describeValue(given)}`;
  return [finding('invalid_type', message, undefined, path)];
}

/** `expected a text`, `expected a list`: each form that the value may have. */
function formsOf(issue: Extract<ZodIssue, { code: 'invalid_union' }>): readonly string[] {
  return issue.errors.flatMap(([error]) => {
    if (error === undefined) return [];
    return error.code === 'invalid_union' ? formsOf(error) : [error.message.split(HINT_MARK)[0] ?? ''];
  });
}

function isWrongForm(error: ZodIssue): boolean {
  return error.code === 'invalid_type' || error.code === 'invalid_value' || error.code === 'invalid_union';
}

function missing(path: DocumentPath): Finding {
  return finding('missing_key', `missing key '${String(path.at(-1))}'`, undefined, path);
}

function finding(code: string, message: string, hint: string | undefined, path: DocumentPath, atKey = false): Finding {
  return {
    severity: 'error',
    code,
    message,
    path,
    ...(hint === undefined ? {} : { hint }),
    ...(atKey ? { atKey } : {}),
  };
}

/** What stands at a path of a document; `undefined` = nothing. */
export function valueAt(document: JsonValue, path: DocumentPath): JsonValue | undefined {
  let value: JsonValue | undefined = document;
  for (const segment of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    // Own members only; an index of a list is one.
    value = Object.hasOwn(value, segment)
      ? (value as { readonly [key: string | number]: JsonValue })[segment]
      : undefined;
  }
  return value;
}
