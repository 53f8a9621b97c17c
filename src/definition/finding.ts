/**
 * One thing that is wrong with a definition, where it stands in the document; `parse` turns it into an `Issue` with
 * line and column.
 */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** Stable word; the list is in docs/definition-language.md. */
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly path: DocumentPath;
  /** It is about the key at the end of `path` rather than its value. */
  readonly atKey?: boolean;
}

export type DocumentPath = readonly (string | number)[];
