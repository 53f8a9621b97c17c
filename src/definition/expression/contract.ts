import type { JsonValue } from '../../core/json.ts';

/** Where names in templates and conditions are looked up. `undefined` = no such name (rule 4 then applies). */
export interface NameLookup {
  /** The value of a root name such as `input`, `variables`, `steps`, a step id or `item`. */
  lookup(name: string): JsonValue | undefined;
  /** Names there are, for error texts. */
  names(): Iterable<string>;
}

/** Collected while rendering: paths that resolved to nothing. `strict` definitions fail instead. */
export type OnMissing = (path: string) => void;

/** What a template or a condition reads, from its text alone. */
export interface Reference {
  /** Root name and the path after it, e.g. `['variables', 'input', 'url']`. */
  readonly path: readonly (string | number)[];
  /** 0-based offset in the source text. */
  readonly offset: number;
}
