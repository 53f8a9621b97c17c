import { deepFreeze, isJsonObject } from '../core/json.ts';
import type { Finding } from './finding.ts';
import type { Issue, LoadedDefinition } from './model.ts';
import { normaliseSteps, toDefinition } from './normalise.ts';
import { checkDocument } from './schema/check.ts';
import { schemasFor } from './schema/schemas.ts';
import { digestOf } from './snapshot.ts';
import type { SourceNode, SourceProblem } from './source/document.ts';
import { offsetOf, Positions } from './source/positions.ts';
import { readSource } from './source/read.ts';
import type { StepSyntaxTable } from './step-syntax.ts';
import { outlineOf } from './validate/outline.ts';
import { validateDocument, type ValidateOptions } from './validate.ts';

export type ParseOptions = ValidateOptions;

/** A file gets at most this many issues. */
const MAX_ISSUES = 500;

/** A file that a definition names, as written there, and where. */
export interface Attachment {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** A definition, if the text has no error, and everything there is to say about the text. */
export interface ParseResult {
  readonly loaded?: LoadedDefinition;
  /** Its name and where that stands, whether it is valid or not. */
  readonly named?: { readonly name: string; readonly line: number; readonly column: number };
  /** The files that its resources name, which are still to be read (`attachFiles`). */
  readonly attachments?: readonly Attachment[];
  /** In the order in which they stand in the file. */
  readonly issues: readonly Issue[];
}

/**
 * Reads a definition: text in, frozen value out. Every issue is found in one pass, with line and column; `loaded` is
 * there exactly when no issue is an error. Never throws, and is bounded in time and memory (`SOURCE_LIMITS`).
 * @param file path for messages; `.json` is read as JSON, anything else as YAML 1.2
 */
export function parseDefinition(
  text: string,
  file: string,
  syntaxes: StepSyntaxTable,
  options: ParseOptions = {},
): ParseResult {
  const positions = new Positions(text);
  const source = readSource(text, file);
  if (source.document === undefined)
    return { issues: source.problems.map((problem) => problemIssue(problem, file, positions)) };
  const { value: document, root } = source.document;
  const findings = checkDocument(document, schemasFor(syntaxes));
  if (isJsonObject(document)) {
    normaliseSteps(document, syntaxes);
    findings.push(...validateDocument(document, syntaxes, findings, options));
  }
  const issues = inOrder(
    onceEach(findings.slice(0, MAX_ISSUES).map((finding) => findingIssue(finding, file, root, positions))),
  );
  if (!isJsonObject(document)) return { issues };
  const named =
    typeof document['name'] === 'string' && 'steps' in document
      ? { named: { name: document['name'], ...positions.at(offsetOf(root, ['name'])) } }
      : {};
  if (issues.some((issue) => issue.severity === 'error')) return { ...named, issues };
  const definition = deepFreeze(toDefinition(document));
  const loaded = deepFreeze({ definition, digest: digestOf(definition), file });
  const attachments = (definition.resources ?? []).flatMap(({ file: path }, index) =>
    path === undefined ? [] : [{ path, ...positions.at(offsetOf(root, ['resources', index, 'file'])) }],
  );
  return { loaded, ...named, issues, ...(attachments.length === 0 ? {} : { attachments }) };
}

/**
 * The servers that the steps of a definition name, whether it is valid or not. A name that is a template is left out.
 */
export function serversNamedIn(text: string, file: string, syntaxes: StepSyntaxTable): readonly string[] {
  const document = readSource(text, file).document?.value;
  if (!isJsonObject(document)) return [];
  normaliseSteps(document, syntaxes);
  const names = outlineOf(document, syntaxes).places.flatMap(({ syntax, step }) => syntax.servers(step));
  return [...new Set(names.map(({ name }) => name))].filter((name) => !name.includes('{{'));
}

function problemIssue(problem: SourceProblem, file: string, positions: Positions): Issue {
  const { offset, code, message, hint } = problem;
  return { severity: 'error', file, ...positions.at(offset), code, message, ...(hint === undefined ? {} : { hint }) };
}

function findingIssue(finding: Finding, file: string, root: SourceNode, positions: Positions): Issue {
  const { severity, code, message, hint, path, atKey } = finding;
  return {
    severity,
    file,
    ...positions.at(offsetOf(root, path, atKey)),
    code,
    message,
    ...(hint === undefined ? {} : { hint }),
    path: path.map((segment) => `/${String(segment).replaceAll('~', '~0').replaceAll('/', '~1')}`).join(''),
  };
}

/** What an alias points at stands in one place and is used in several: a mistake in it is told once. */
function onceEach(issues: readonly Issue[]): Issue[] {
  const known = new Set<string>();
  return issues.filter(({ line, column, code, message }) => {
    const key = `${line}:${column}:${code}:${message}`;
    return !known.has(key) && known.add(key);
  });
}

function inOrder(issues: Issue[]): Issue[] {
  return issues.sort((a, b) => a.line - b.line || a.column - b.column);
}
