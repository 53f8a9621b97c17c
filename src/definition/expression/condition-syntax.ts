import { stepFailure } from '../../core/failure.ts';
import { nearest } from '../../core/suggest.ts';
import { FILTER_NAMES } from './filters.ts';
import { memoByText } from './memo.ts';
import { Scanner, type Path } from './scanner.ts';
import { scanExpression, type TemplateExpression } from './template-syntax.ts';

/** What a comparison compares. */
export type ConditionOperand =
  | { readonly kind: 'literal'; readonly value: number | boolean | null }
  /** Text in quotes; templates inside it are rendered as text. */
  | { readonly kind: 'text'; readonly text: string; readonly offset: number }
  | { readonly kind: 'value'; readonly expression: TemplateExpression };

export const COMPARISONS = [
  '==',
  '!=',
  '<=',
  '>=',
  '<',
  '>',
  'contains',
  'not_contains',
  'in',
  'not_in',
  'starts_with',
  'ends_with',
] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** A condition as a tree. */
export type Condition =
  | { readonly kind: 'and' | 'or'; readonly left: Condition; readonly right: Condition }
  | { readonly kind: 'not'; readonly of: Condition }
  | {
      readonly kind: 'compare';
      readonly operator: Comparison;
      readonly left: ConditionOperand;
      readonly right: ConditionOperand;
    }
  | { readonly kind: 'exists' | 'empty' | 'is_true'; readonly of: ConditionOperand };

/** Where and why a text is not a condition. `column` is 1-based. */
export interface ConditionProblem {
  readonly column: number;
  readonly message: string;
  readonly hint?: string;
}

export const CONDITION_LIMITS = { length: 10_000, depth: 32, terms: 500 } as const;

const SYMBOL = /==|!=|<=|>=|<|>/y;
const WORD = /[A-Za-z_][A-Za-z0-9_]*/y;
const RESERVED: ReadonlySet<string> = new Set([...COMPARISONS, 'exists', 'empty', 'and', 'or', 'not']);
const SLIPS: ReadonlyMap<string, string> = new Map([
  ['&&', "write 'and'"],
  ['||', "write 'or'"],
  ['!', "write 'not'"],
  ['===', "write '=='"],
  ['=', "write '=='"],
  ['AND', "write 'and'"],
  ['OR', "write 'or'"],
  ['NOT', "write 'not'"],
  ['matches', 'regular expressions are not part of conditions; use contains, starts_with or ends_with'],
]);

/** Parses a condition. Total, linear, bounded by `CONDITION_LIMITS`, remembered by text. */
export const parseCondition: (
  text: string,
) => { readonly condition: Condition } | { readonly problem: ConditionProblem } = memoByText((text) => {
  if (text.length > CONDITION_LIMITS.length) {
    return { problem: { column: 1, message: `the condition is longer than ${CONDITION_LIMITS.length} characters` } };
  }
  const parser = new ConditionParser(text);
  try {
    return { condition: parser.whole() };
  } catch (error) {
    if (error instanceof Refusal) return { problem: error.problem };
    throw error;
  }
});

/** The problem as the failure of the step that holds the condition. */
export function conditionFailure(text: string, problem: ConditionProblem): Error {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  return stepFailure('condition_error', `condition "${shown}", column ${problem.column}: ${problem.message}${hint}`);
}

class Refusal extends Error {
  readonly problem: ConditionProblem;
  constructor(problem: ConditionProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

/** or < and < not < comparison. */
class ConditionParser {
  private readonly scanner: Scanner;
  private depth = 0;
  private terms = 0;

  constructor(text: string) {
    this.scanner = new Scanner(text);
  }

  whole(): Condition {
    const condition = this.disjunction();
    this.scanner.space();
    if (!this.scanner.atEnd) this.refuse("expected 'and', 'or' or the end");
    return condition;
  }

  private disjunction(): Condition {
    let left = this.conjunction();
    while (this.word('or')) left = { kind: 'or', left, right: this.conjunction() };
    return left;
  }

  private conjunction(): Condition {
    let left = this.negation();
    while (this.word('and')) left = { kind: 'and', left, right: this.negation() };
    return left;
  }

  private negation(): Condition {
    this.terms += 1;
    if (this.terms > CONDITION_LIMITS.terms) this.refuse(`a condition has at most ${CONDITION_LIMITS.terms} terms`);
    if (this.word('not')) return this.nested(() => ({ kind: 'not', of: this.negation() }));
    if (this.word('exists')) return { kind: 'exists', of: this.argument() };
    if (this.word('empty')) return { kind: 'empty', of: this.argument() };
    this.scanner.space();
    if (!this.scanner.take('(')) return this.comparison();
    return this.nested(() => {
      const inner = this.disjunction();
      this.close();
      return inner;
    });
  }

  private nested<T>(read: () => T): T {
    this.depth += 1;
    if (this.depth > CONDITION_LIMITS.depth) this.refuse(`nested deeper than ${CONDITION_LIMITS.depth}`);
    const value = read();
    this.depth -= 1;
    return value;
  }

  private comparison(): Condition {
    const left = this.operand();
    const is = this.word('is');
    const negated = this.word('not');
    if (this.word('exists')) return negate(negated, { kind: 'exists', of: left });
    if (this.word('empty')) return negate(negated, { kind: 'empty', of: left });
    if (is) this.refuse("expected 'empty' or 'not empty' after 'is'");
    const operator = this.operator();
    if (operator === undefined) {
      if (negated) this.refuse("expected 'contains', 'in', 'exists' or 'empty' after 'not'");
      return { kind: 'is_true', of: left };
    }
    return negate(negated, { kind: 'compare', operator, left, right: this.operand() });
  }

  private operator(): Comparison | undefined {
    this.scanner.space();
    const start = this.scanner.offset;
    const found = this.scanner.match(SYMBOL) ?? this.scanner.match(WORD);
    const operator = COMPARISONS.find((candidate) => candidate === found);
    if (operator === undefined) {
      this.scanner.offset = start;
      return undefined;
    }
    if (this.scanner.text[this.scanner.offset] === '=') {
      this.scanner.offset = start;
      this.refuse(`unknown operator '${operator}='`);
    }
    return operator;
  }

  private argument(): ConditionOperand {
    this.scanner.space();
    if (!this.scanner.take('(')) return this.operand();
    const operand = this.operand();
    this.close();
    return operand;
  }

  private operand(): ConditionOperand {
    this.scanner.space();
    const offset = this.scanner.offset;
    const template = scanExpression(this.scanner);
    if (template !== undefined) {
      if ('kind' in template) return { kind: 'value', expression: template };
      const near = nearest(template.unknownFilter, FILTER_NAMES);
      this.refuse(
        `unknown filter '${template.unknownFilter}'`,
        near === undefined ? undefined : `did you mean '${near}'?`,
      );
    }
    const operand = this.scanner.operand();
    if (operand === undefined)
      this.refuse('expected a value: {{path}}, a text in quotes, a number, true, false or null');
    if (operand.kind === 'literal') {
      return typeof operand.value === 'string'
        ? { kind: 'text', text: operand.value, offset: offset + 1 }
        : { kind: 'literal', value: operand.value };
    }
    const [word] = operand.path;
    if (operand.path.length === 1 && RESERVED.has(word)) {
      this.scanner.offset = offset;
      this.refuse(`expected a value before '${word}'`, 'put text in quotes');
    }
    return { kind: 'value', expression: bare(operand.path, operand.text, operand.offset) };
  }

  private close(): void {
    this.scanner.space();
    if (!this.scanner.take(')')) this.refuse("expected ')'");
  }

  /** Consumes a keyword that stands as a word of its own. */
  private word(expected: string): boolean {
    this.scanner.space();
    const start = this.scanner.offset;
    if (this.scanner.match(WORD) === expected && !/[.[-]/.test(this.scanner.text[this.scanner.offset] ?? ' '))
      return true;
    this.scanner.offset = start;
    return false;
  }

  private refuse(message: string, hint: string | undefined = this.slip()): never {
    throw new Refusal({ column: this.scanner.offset + 1, message, ...(hint === undefined ? {} : { hint }) });
  }

  private slip(): string | undefined {
    const rest = this.scanner.text.slice(this.scanner.offset).trimStart();
    if (/^[[(]/u.test(rest) && /\bin\s*$/u.test(this.scanner.text.slice(0, this.scanner.offset))) {
      return 'a list stands in a variable: compare with `or`, or put the list into `variables.global`';
    }
    if (rest.startsWith('{{')) return 'what stands between the braces is not a path';
    const found = /^(?:[&|!=<>]+|[A-Za-z_]+)/.exec(rest)?.[0];
    if (found === undefined) return undefined;
    const known = SLIPS.get(found);
    if (known !== undefined) return known;
    const near = nearest(found, RESERVED);
    return near === undefined || near === found ? undefined : `did you mean '${near}'?`;
  }
}

function bare(path: Path, text: string, offset: number): TemplateExpression {
  return { kind: 'expression', path, text, offset, filters: [] };
}

function negate(negated: boolean, condition: Condition): Condition {
  return negated ? { kind: 'not', of: condition } : condition;
}
