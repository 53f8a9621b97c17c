import { FORBIDDEN_NAMES, type JsonValue } from '../../core/json.ts';

/** Where a value stands in the text: 0-based offsets, and the same for what is inside it. */
export interface SourceNode {
  readonly offset: number;
  readonly members?: ReadonlyMap<string, { readonly keyOffset: number; readonly node: SourceNode }>;
  readonly items?: readonly SourceNode[];
}

/** A text that was read: its value (fresh, shared with nobody) and where everything stands. */
export interface SourceDocument {
  readonly value: JsonValue;
  readonly root: SourceNode;
  readonly problems: readonly SourceProblem[];
}

/** Something that is wrong with the text itself. */
export interface SourceProblem {
  readonly offset: number;
  readonly code:
    | 'syntax'
    | 'too_large'
    | 'too_deep'
    | 'too_many_aliases'
    | 'duplicate_key'
    | 'unsupported_tag'
    | 'unsupported_value'
    | 'forbidden_name';
  readonly message: string;
  readonly hint?: string;
}

/**
 * Bounds of a definition's text. With them any text is read or refused within 200 ms and 50 MB on a small machine:
 * `yamlTokens` is the one that bounds the YAML reader's time, which grows with tokens rather than with bytes.
 */
export const SOURCE_LIMITS = {
  bytes: 1_048_576,
  depth: 64,
  values: 60_000,
  aliases: 100,
  yamlTokens: 72_000,
  problems: 20,
} as const;

/** Reading stops here. */
export class SourceStop extends Error {
  readonly problem: SourceProblem;
  constructor(problem: SourceProblem) {
    super(problem.message);
    this.problem = problem;
  }
}

function shown(source: string): string {
  return source.length > 40 ? `${source.slice(0, 40)}…` : source;
}

/** Digits only, or 0x… and 0o… as YAML has them: a number with an exponent is meant to be rounded. */
function isExactInteger(source: string): boolean {
  return /^[-+]?\d{1,400}$|^0x[\dA-Fa-f]{1,400}$|^0o[0-7]{1,400}$/u.test(source);
}

/** Counts values and collects problems while a reader builds a document. */
export class Build {
  readonly problems: SourceProblem[] = [];
  private values = 0;

  /** Call once for every value. @throws SourceStop when a bound is passed. */
  enter(offset: number, depth: number): void {
    this.values += 1;
    if (this.values > SOURCE_LIMITS.values) {
      throw new SourceStop({
        offset,
        code: 'too_large',
        message: `more than ${SOURCE_LIMITS.values} values`,
        hint: 'split it into child workflows',
      });
    }
    if (depth > SOURCE_LIMITS.depth) {
      throw new SourceStop({ offset, code: 'too_deep', message: `nested deeper than ${SOURCE_LIMITS.depth}` });
    }
  }

  /**
   * A number as it was written. JSON's readers keep 53 bits of an integer: a longer one would be another one in
   * silence.
   */
  number(value: number, source: string, offset: number): void {
    if (!Number.isFinite(value)) {
      throw new SourceStop({ offset, code: 'syntax', message: `the number ${shown(source)} is too large` });
    }
    if (Number.isSafeInteger(value) || !Number.isInteger(value) || !isExactInteger(source)) return;
    if (BigInt(source.replace(/^\+|_/gu, '')) === BigInt(value)) return;
    this.problem({
      offset,
      code: 'unsupported_value',
      message: `the number ${shown(source)} cannot be kept exactly: it would become ${BigInt(value)}`,
      hint: 'put quotes around it',
    });
  }

  problem(problem: SourceProblem): void {
    if (this.problems.length >= SOURCE_LIMITS.problems) throw new SourceStop(problem);
    this.problems.push(problem);
  }

  /** False, with a problem, for a key that may not be used or was used before. */
  acceptsKey(key: string, keyOffset: number, known: ReadonlyMap<string, unknown>): boolean {
    if (FORBIDDEN_NAMES.has(key)) {
      this.problem({ offset: keyOffset, code: 'forbidden_name', message: `the name '${key}' is not allowed` });
      return false;
    }
    if (known.has(key)) {
      this.problem({
        offset: keyOffset,
        code: 'duplicate_key',
        message: `the key '${key}' is there twice`,
        hint: 'remove one of them',
      });
      return false;
    }
    return true;
  }
}
