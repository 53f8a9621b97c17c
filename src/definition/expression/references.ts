import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { parseCondition, type Condition, type ConditionOperand } from './condition-syntax.ts';
import type { Reference } from './contract.ts';
import { jsonataReferences, jsonataSource } from './jsonata.ts';
import { parseTemplate, type TemplateExpression, type Verbatim } from './template-syntax.ts';

/** What one text reads: paths, and braces that are not templates. */
export interface TextFindings {
  readonly references: readonly Reference[];
  readonly verbatim: readonly Verbatim[];
}

/** A text that is the same wherever it is rendered: no template, no expression. */
export function isFixed(text: string): boolean {
  return !text.includes('{{') && !text.includes('{%');
}

/** Every path that the templates of one text read, filter arguments included. `{% … %}` is opaque and gives none. */
export function textFindings(text: string): TextFindings {
  if (jsonataSource(text) !== undefined) return { references: [], verbatim: [] };
  const { parts, verbatim } = parseTemplate(text);
  const references: Reference[] = [];
  for (const part of parts) if (typeof part !== 'string') addReferences(part, references);
  return { references, verbatim };
}

/** Every path that the templates in a value read. Offsets are within the text that holds the template. */
export function templateReferences(value: JsonValue): Reference[] {
  if (typeof value === 'string') return [...textFindings(value).references];
  if (Array.isArray(value)) return value.flatMap((item: JsonValue) => templateReferences(item));
  return isJsonObject(value) ? Object.values(value).flatMap((member) => templateReferences(member)) : [];
}

/** Every path a condition reads, of `{% … %}` as far as its text shows; none when the text is not a condition. */
export function conditionReferences(text: string): readonly Reference[] {
  const source = jsonataSource(text);
  if (source !== undefined) return jsonataReferences(source);
  const parsed = parseCondition(text);
  return 'problem' in parsed ? [] : walk(parsed.condition);
}

function walk(condition: Condition): Reference[] {
  switch (condition.kind) {
    case 'and':
    case 'or':
      return [...walk(condition.left), ...walk(condition.right)];
    case 'not':
      return walk(condition.of);
    case 'compare':
      return [...operandReferences(condition.left), ...operandReferences(condition.right)];
    case 'exists':
    case 'empty':
    case 'is_true':
      return operandReferences(condition.of);
  }
}

function operandReferences(operand: ConditionOperand): Reference[] {
  switch (operand.kind) {
    case 'literal':
      return [];
    case 'text':
      return textFindings(operand.text).references.map((found) => ({
        ...found,
        offset: found.offset + operand.offset,
      }));
    case 'value':
      return expressionReferences(operand.expression);
  }
}

function expressionReferences(expression: TemplateExpression): Reference[] {
  const references: Reference[] = [];
  addReferences(expression, references);
  return references;
}

/** Into a list that is there: a text can have many. */
function addReferences({ path, offset, filters }: TemplateExpression, references: Reference[]): void {
  references.push({ path, offset });
  for (const { argument } of filters) {
    if (argument?.kind === 'path') references.push({ path: argument.path, offset: argument.offset });
  }
}
