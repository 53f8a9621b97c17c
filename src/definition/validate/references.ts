/** Checks of every template and condition: what it reads exists, and exists by then. */
import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { parseCondition } from '../expression/condition-syntax.ts';
import type { Reference } from '../expression/contract.ts';
import { FILTER_NAMES } from '../expression/filters.ts';
import { jsonataProblem, jsonataReferences, jsonataSource } from '../expression/jsonata.ts';
import { conditionReferences, textFindings } from '../expression/references.ts';
import type { DocumentPath, Finding } from '../finding.ts';
import type { ExpressionPosition } from '../step-syntax.ts';
import { valueAt } from '../schema/check.ts';
import { listsAround, type StepList, type StepPlace } from './outline.ts';
import { checkOrder, type OrderContext } from './order.ts';
import { boundNames, FIXED_MEMBERS, ROOTS, type Area, type NamesInScope } from './names-in-scope.ts';
import type { KnownServer } from '../known-tools.ts';
import { remembered } from './calls.ts';
import { isDeadEnd, pathShape, unknownStepMember, type TypeContext } from './types/step-shapes.ts';
import type { Surroundings } from './surroundings.ts';
import { error, findIn, MAX_FINDINGS, shorten, suggestion, unknownStep, warning } from './report.ts';

/** A text of the definition that holds templates or is a condition, and where it is evaluated. */
interface ExpressionText {
  readonly text: string;
  readonly at: DocumentPath;
  readonly as: 'template' | 'condition';
  /** The step it belongs to; none at the top of the document. */
  readonly place?: StepPlace;
  /** What surrounds it; nothing at the top of the document. */
  readonly lists?: ReadonlySet<StepList>;
  readonly inside?: boolean;
  /** Names in scope for this text alone. */
  readonly binds?: readonly string[];
}

export interface ReferenceContext extends OrderContext {
  readonly document: JsonObject;
  readonly names: NamesInScope;
  readonly types: TypeContext;
  readonly surroundings: Surroundings;
}

export function checkReferences(context: ReferenceContext): Finding[] {
  return findIn(expressionTexts(context), (expression) => checkText(expression, context));
}

function* expressionTexts({ document, outline, surroundings }: ReferenceContext): Iterable<ExpressionText> {
  for (const place of outline.places) {
    const lists = surroundings.of(place);
    const positions: ExpressionPosition[] = [
      { at: ['when'], as: 'condition' },
      { at: ['on_error', 'arguments'], as: 'template' },
      { at: ['timeout_seconds'], as: 'template' },
      ...['max_attempts', 'delay_seconds', 'max_delay_seconds'].map((key) => ({
        at: ['retry', key],
        as: 'template' as const,
      })),
      ...place.syntax.expressions(place.step),
    ];
    for (const position of positions) {
      // A step is JSON; its interface only lacks the index signature of it.
      const value = valueAt(place.step as unknown as JsonObject, position.at);
      for (const found of textsIn(value, [...place.at, ...position.at])) {
        yield { ...found, as: position.as, place, lists, inside: position.inside === true };
      }
    }
  }
  for (const key of ['output', 'result', 'idempotency_key', 'timeout_seconds']) {
    const binds = key === 'result' ? ['output'] : [];
    for (const found of textsIn(document[key], [key])) yield { ...found, as: 'template', binds };
  }
  for (const found of textsIn(valueAt(document, ['on_error', 'arguments']), ['on_error', 'arguments'])) {
    yield { ...found, as: 'template' };
  }
  const conditionals = document['conditionals'];
  for (const name of isJsonObject(conditionals) ? Object.keys(conditionals) : []) {
    const at = ['conditionals', name, 'condition'];
    const lists = surroundings.ofConditional(name);
    for (const found of textsIn(valueAt(document, at), at)) yield { ...found, as: 'condition', lists };
  }
}

/** Every text in a value, with where it stands. */
export function* textsIn(value: JsonValue | undefined, at: DocumentPath): Iterable<{ text: string; at: DocumentPath }> {
  if (typeof value === 'string') yield { text: value, at };
  else if (Array.isArray(value)) {
    const items: readonly JsonValue[] = value;
    for (const [index, item] of items.entries()) yield* textsIn(item, [...at, index]);
  } else if (isJsonObject(value)) {
    for (const [key, member] of Object.entries(value)) yield* textsIn(member, [...at, key]);
  }
}

function checkText(expression: ExpressionText, context: ReferenceContext): Finding[] {
  const { text, at, as } = expression;
  const source = jsonataSource(text);
  if (source !== undefined) {
    const problems = checkJsonata(text, at);
    if (problems.length > 0) return problems;
    // JSONata takes a name that is not there for nothing at all, so that is no error.
    return (
      jsonataReferences(source)
        .slice(0, MAX_FINDINGS)
        // Its paths go through lists, so only the names are looked at.
        .flatMap((reference) => checkNames(reference, expression, context))
        .map((finding) => ({ ...finding, severity: 'warning' as const }))
    );
  }
  if (as === 'condition') {
    const parsed = parseCondition(text);
    if ('problem' in parsed) {
      const { column, message, hint } = parsed.problem;
      return [error('invalid_condition', at, `at character ${column} of the condition: ${message}`, hint)];
    }
    return conditionReferences(text).flatMap((reference) => checkReference(reference, expression, context));
  }
  return checkTemplate(text, at, (reference) => checkReference(reference, expression, context));
}

/** A text that is as a whole `{% … %}`. */
function checkJsonata(text: string, at: DocumentPath): Finding[] {
  const problem = jsonataProblem(jsonataSource(text) ?? '');
  return problem === undefined ? [] : [error('invalid_expression', at, `the expression cannot run: ${problem}`)];
}

const INSIDE_TEXT = /\{%[^%]*%\}/u;
const STAYS_TEXT = '{% … %} is an expression only where it is the whole value, and stays text here';

const NO_CONDITION = 'this stays text: nothing compares here';
const CONDITION_HINT = 'write {% a = b %} for true or false, or put the comparison into a `when`';

/** A comparison of templates and literals that is the whole text: prose has other words. */
function looksLikeCondition(text: string): boolean {
  return /^\s*\S.*\s(?:==|!=|<=|>=|<|>)\s.*\S\s*$/su.test(text) && text.includes('{{') && isCondition(text);
}

/**
 * The templates of one text, each path looked at by `check`; a text that is as a whole `{% … %}` needs to parse only.
 */
export function checkTemplate(
  text: string,
  at: DocumentPath,
  check: (reference: Reference) => readonly Finding[],
): Finding[] {
  if (jsonataSource(text) !== undefined) return checkJsonata(text, at);
  const { references, verbatim } = textFindings(text);
  return [
    ...(INSIDE_TEXT.test(text) ? [warning('not_a_template', at, STAYS_TEXT)] : []),
    ...(looksLikeCondition(text) ? [warning('not_a_condition', at, NO_CONDITION, CONDITION_HINT)] : []),
    ...references.slice(0, MAX_FINDINGS).flatMap(check),
    ...verbatim
      .slice(0, MAX_FINDINGS)
      .map((found) =>
        found.unknownFilter === undefined
          ? warning('not_a_template', at, `${found.text} is not a path and stays as it is`)
          : error(
              'unknown_filter',
              at,
              `unknown filter '${found.unknownFilter}'`,
              suggestion(found.unknownFilter, FILTER_NAMES, 'filters'),
            ),
      ),
  ];
}

function checkReference(reference: Reference, expression: ExpressionText, context: ReferenceContext): Finding[] {
  const found = checkNames(reference, expression, context);
  return found.length > 0 ? found : checkPath(reference, expression, context);
}

/** A path whose names are there, and that leads to nothing all the same. */
function checkPath(reference: Reference, expression: ExpressionText, { types }: ReferenceContext): Finding[] {
  const { at } = expression;
  if (namesBoundAt(expression).has(String(reference.path[0]))) return [];
  const unknown = unknownStepMember(reference.path, types);
  if (unknown !== undefined) {
    const { step, member, known: members } = unknown;
    const hint = suggestion(member, members, 'it has');
    return [warning('unknown_member', at, `the result of '${step}' has no '${shorten(member)}'`, hint)];
  }
  const found = pathShape(reference.path, types);
  if (!isDeadEnd(found)) return [];
  const name = String(reference.path[found.index]);
  const before = reference.path.slice(0, found.index).join('.');
  const known = knownTool(reference.path, types);
  const finding =
    found.is === 'impossible'
      ? error('unknown_member', at, `'${shorten(before)}' has no '${shorten(name)}'`, memberHint(name, found.known))
      : warning(
          'undeclared_member',
          at,
          `the schema of '${shorten(before)}' does not name '${shorten(name)}'`,
          suggestion(name, found.known, 'it names'),
        );
  return [known === undefined ? finding : remembered(finding, known)];
}

function memberHint(name: string, known: readonly string[]): string {
  return suggestion(name, known, 'it has') ?? 'there is nothing inside of it';
}

/** The server that said what the step behind a path gives. */
function knownTool(path: Reference['path'], { outline, known }: TypeContext): KnownServer | undefined {
  const [root, second] = path.map(String);
  const id = root === 'steps' ? second : outline.ids.has(root ?? '') ? root : root?.replace(/^step_/u, '');
  const place = outline.byId.get(id ?? '');
  const fact = place?.syntax.output?.(place.step);
  return fact?.is === 'tool' ? known.get(fact.server) : undefined;
}

function checkNames(reference: Reference, expression: ExpressionText, context: ReferenceContext): Finding[] {
  const { at } = expression;
  const { names, outline } = context;
  const [root, second] = reference.path.map(String);
  if (root === undefined) return [];
  const bound = namesBoundAt(expression);
  if (bound.has(root)) return [];
  switch (root) {
    case 'variables':
      return checkVariables(reference, at, names);
    case 'input':
      return checkArea('variables.input', names.input, second, at);
    case 'saved':
      return checkArea('variables.saved', names.saved, second, at);
    case 'steps':
      return second === undefined ? [] : checkStep(second, reference.path[2], expression, context);
    default: {
      const members = FIXED_MEMBERS.get(root);
      if (members !== undefined && !outline.byId.has(root)) {
        if (ERROR_NAMES.has(root) && !handlesErrors(expression, context)) return [outsideHandling(root, at)];
        return checkMember(root, members, second, at);
      }
      const id = !outline.ids.has(root) && root.startsWith('step_') ? root.slice('step_'.length) : root;
      if (outline.ids.has(id)) return checkStep(id, reference.path[1], expression, context);
      return [unknownName(root, second, [...bound], expression, context)];
    }
  }
}

/** A member that a step has while what is inside of it runs (`{{poll.iteration}}`). */
function isReadInside(
  target: StepPlace,
  member: string | number | undefined,
  { place, inside }: ExpressionText,
): boolean {
  if (member === undefined || place === undefined || target.syntax.inside?.includes(String(member)) !== true)
    return false;
  if (inside === true && place === target) return true;
  for (const { list } of listsAround(place)) if (list.owner === target) return true;
  return false;
}

function namesBoundAt({ binds, lists, place, inside }: ExpressionText): Set<string> {
  const bound = boundNames(lists ?? [], inside === true ? place : undefined);
  for (const name of binds ?? []) bound.add(name);
  return bound;
}

const ERROR_NAMES: ReadonlySet<string> = new Set(['error', 'failed_step']);

/**
 * Whether a text is evaluated while a failure is handled: in `catch`, in a step that is a target, in
 * `on_error.arguments`, or in what undoes a step.
 */
function handlesErrors({ at, place }: ExpressionText, { targeted }: ReferenceContext): boolean {
  if (at.includes('on_error')) return true;
  if (place === undefined) return false;
  for (const { list, place: around } of listsAround(place)) {
    if (list.role === 'catch' || list.role === 'compensate' || targeted.has(around.id)) return true;
  }
  return false;
}

function outsideHandling(root: string, at: DocumentPath): Finding {
  const hint = root === 'error' ? 'after a step it is `<id>.error`' : undefined;
  return warning('unknown_variable', at, `'${root}' is known while a failure is handled only`, hint);
}

function unknownName(
  root: string,
  second: string | undefined,
  bound: readonly string[],
  { at }: ExpressionText,
  { outline }: ReferenceContext,
): Finding {
  if (root === 'item' || root === 'item_index') {
    return error('unknown_variable', at, `'${root}' is known inside a foreach only`);
  }
  const stepLike = second === 'output' || second === 'text' || second === 'status' || second === 'error';
  if (stepLike) return unknownStep(root.replace(/^step_/, ''), outline.ids, at);
  const known = [...bound, ...ROOTS, ...outline.ids];
  return error('unknown_variable', at, `'${shorten(root)}' unknown`, suggestion(root, known, 'names here'));
}

function checkStep(
  id: string,
  member: string | number | undefined,
  expression: ExpressionText,
  context: ReferenceContext,
): Finding[] {
  const { at, place, lists = new Set<StepList>(), inside = false } = expression;
  const { outline } = context;
  if (!outline.ids.has(id)) return [unknownStep(id, outline.ids, at)];
  if (at[0] === 'idempotency_key') {
    const message = `'${shorten(id)}' has not run when the key is made, so there is none`;
    return [warning('forward_reference', at, message, 'name arguments of the call: {{input.x}}')];
  }
  const target = outline.byId.get(id);
  return target === undefined
    ? []
    : isReadInside(target, member, expression)
      ? []
      : checkOrder(target, { at, lists, inside, ...(place === undefined ? {} : { place }) }, context);
}

function checkVariables(reference: Reference, at: DocumentPath, names: NamesInScope): Finding[] {
  const [, area, name] = reference.path.map(String);
  if (area === undefined) return [];
  const known = new Map(Object.entries(names));
  const found = known.get(area);
  if (found === undefined) {
    return [error('unknown_variable', at, `'variables.${area}' unknown`, suggestion(area, known.keys(), 'there are'))];
  }
  return checkArea(`variables.${area}`, found, name, at);
}

function checkArea(area: string, { keys, open }: Area, name: string | undefined, at: DocumentPath): Finding[] {
  if (name === undefined || keys.has(name)) return [];
  const report = open ? warning : error;
  const message = area === 'variables.input' ? `'${area}.${name}' is not declared` : `nothing sets '${area}.${name}'`;
  return [report('unknown_variable', at, message, suggestion(name, keys, 'declared'))];
}

function checkMember(
  root: string,
  members: ReadonlySet<string>,
  name: string | undefined,
  at: DocumentPath,
): Finding[] {
  if (name === undefined || members.has(name)) return [];
  return [warning('unknown_variable', at, `'${root}.${name}' unknown`, suggestion(name, members, 'there are'))];
}

function isCondition(text: string): boolean {
  const parsed = parseCondition(text);
  return 'condition' in parsed;
}
