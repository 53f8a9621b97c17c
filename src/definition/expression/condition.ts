/**
 * Conditions: `when`, `until`, `condition`, `cases[].when`. The evaluator is total: a condition gives true or false, or
 * is refused with `condition_error`; it has no calls, no regular expressions and reads own properties only.
 */
import { isJsonObject, ownProperty, type JsonValue } from '../../core/json.ts';
import { contains, equal, isEmpty, isTrue, order } from './comparison.ts';
import {
  conditionFailure,
  parseCondition,
  type Comparison,
  type Condition,
  type ConditionOperand,
} from './condition-syntax.ts';
import type { NameLookup, OnMissing } from './contract.ts';
import { evaluateJsonata, jsonataSource } from './jsonata.ts';
import { resolvePath } from './resolve.ts';
import type { Path } from './scanner.ts';
import { memberOf } from './resolve.ts';
import { OMITTED } from './filters.ts';
import { evaluateExpression, renderInsideText } from './template.ts';
import { textOf } from './value-text.ts';

type Compare = Extract<Condition, { kind: 'compare' }>;

/**
 * Evaluates a condition. Precedence: `or` < `and` < `not` < comparison; both sides of `and` / `or` are evaluated only
 * when needed. Operands: `{{path | filter}}`, a bare path, text in quotes (templates inside are rendered), numbers,
 * true, false, null. Ordering different types is false. An operand alone is true unless null, false, 0, empty or the
 * text `false`. A path that resolves to nothing is null and reported to `onMissing`, except under `exists`, `empty` and
 * a comparison with null.
 * @throws StepFailure `condition_error` with column and hint when the text is not a condition.
 */
export function evaluateCondition(text: string, names: NameLookup, onMissing: OnMissing): boolean {
  const parsed = parseCondition(text);
  if ('problem' in parsed) throw conditionFailure(text, parsed.problem);
  return evaluate(parsed.condition, names, onMissing);
}

/**
 * As `evaluateCondition`, and a text that is as a whole `{% JSONata %}` is evaluated as such; its value counts as an
 * operand alone.
 */
export async function evaluateConditionValue(text: string, names: NameLookup, onMissing: OnMissing): Promise<boolean> {
  const source = jsonataSource(text);
  if (source === undefined) return evaluateCondition(text, names, onMissing);
  return isTrue((await evaluateJsonata(source, names, 'condition_error')) ?? null);
}

function evaluate(condition: Condition, names: NameLookup, onMissing: OnMissing): boolean {
  switch (condition.kind) {
    case 'or':
      return evaluate(condition.left, names, onMissing) || evaluate(condition.right, names, onMissing);
    case 'and':
      return evaluate(condition.left, names, onMissing) && evaluate(condition.right, names, onMissing);
    case 'not':
      return !evaluate(condition.of, names, onMissing);
    case 'exists':
      return valueOf(condition.of, names, ignoreMissing) !== null;
    case 'empty':
      return isEmpty(valueOf(condition.of, names, ignoreMissing));
    case 'is_true':
      return isTrue(valueOf(condition.of, names, onMissing));
    case 'compare':
      return compare(condition, names, isNull(condition.left) || isNull(condition.right) ? ignoreMissing : onMissing);
  }
}

function compare({ operator, left, right }: Compare, names: NameLookup, onMissing: OnMissing): boolean {
  const a = valueOf(left, names, onMissing);
  const b = valueOf(right, names, onMissing);
  switch (operator) {
    case 'contains':
      return containsWithText(left, a, b, names);
    case 'not_contains':
      return !containsWithText(left, a, b, names);
    case 'in':
      return containsWithText(right, b, a, names);
    case 'not_in':
      return !containsWithText(right, b, a, names);
    default:
      return VALUE_COMPARISONS[operator](a, b);
  }
}

const VALUE_COMPARISONS: {
  readonly [operator in Exclude<Comparison, 'contains' | 'not_contains' | 'in' | 'not_in'>]: (
    a: JsonValue,
    b: JsonValue,
  ) => boolean;
} = {
  '==': equal,
  '!=': (a, b) => !equal(a, b),
  '<': (a, b) => (order(a, b) ?? Number.NaN) < 0,
  '<=': (a, b) => (order(a, b) ?? Number.NaN) <= 0,
  '>': (a, b) => (order(a, b) ?? Number.NaN) > 0,
  '>=': (a, b) => (order(a, b) ?? Number.NaN) >= 0,
  starts_with: (a, b) => a !== null && b !== null && textOf(a).startsWith(textOf(b)),
  ends_with: (a, b) => a !== null && b !== null && textOf(a).endsWith(textOf(b)),
};

/**
 * `contains`; a step's result (`{{check}}`, `{{check.output}}`) is compared by its text as well, a list of plain values
 * is not.
 */
function containsWithText(operand: ConditionOperand, whole: JsonValue, part: JsonValue, names: NameLookup): boolean {
  const output = isStepResult(whole) ? (ownProperty(whole, 'output') ?? null) : whole;
  if (contains(output, part)) return true;
  if (typeof output !== 'object' || output === null || part === null) return false;
  if (Array.isArray(output) && !output.every(isContentBlock)) return false;
  const text = resultText(operand, whole, names);
  return text !== undefined && text.includes(textOf(part));
}

function isContentBlock(item: JsonValue): boolean {
  return isJsonObject(item) && typeof ownProperty(item, 'type') === 'string';
}

function resultText(operand: ConditionOperand, whole: JsonValue, names: NameLookup): string | undefined {
  if (operand.kind !== 'value' || operand.expression.filters.length > 0) return undefined;
  const { path } = operand.expression;
  const [root, ...rest] = path;
  const parent: Path = [root, ...rest.slice(0, -1)];
  const result = path.at(-1) === 'output' ? resolvePath(parent, names) : whole;
  const text = result !== undefined && isStepResult(result) ? ownProperty(result, 'text') : undefined;
  return typeof text === 'string' ? text : undefined;
}

/** What a step offers to templates always has these two (see "What a step's result offers"). */
function isStepResult(value: JsonValue): value is { readonly [key: string]: JsonValue } {
  return (
    isJsonObject(value) &&
    typeof ownProperty(value, 'status') === 'string' &&
    typeof ownProperty(value, 'attempts') === 'number' &&
    Object.hasOwn(value, 'output')
  );
}

function valueOf(operand: ConditionOperand, names: NameLookup, onMissing: OnMissing): JsonValue {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'text':
      return renderInsideText(operand.text, names, unlessSkipped(names, onMissing));
    case 'value':
      return orNothing(evaluateExpression(operand.expression, names, unlessSkipped(names, onMissing)));
  }
}

/** What a condition reads of a step that did not run is null, as is all inside of it, and that is no surprise. */
function unlessSkipped(names: NameLookup, onMissing: OnMissing): OnMissing {
  return (text) => {
    const parts =
      text
        .split('|', 1)[0]
        ?.trim()
        .match(/[\w-]+/gu) ?? [];
    const [root = '', second = ''] = parts;
    const found = root === 'steps' ? memberOf(names.lookup('steps') ?? null, second) : names.lookup(root);
    const status = isJsonObject(found) ? found['status'] : undefined;
    if (status !== null && status !== 'skipped') onMissing(text);
  };
}

function isNull(operand: ConditionOperand): boolean {
  return operand.kind === 'literal' && operand.value === null;
}

const ignoreMissing: OnMissing = () => undefined;

/** There is no key to leave out in a condition. */
function orNothing(value: JsonValue): JsonValue {
  return value === OMITTED ? null : value;
}
