/** What the pool and its workers say to each other. */

/** `input` is the JSON of the names that the expression reads. */
export interface ExpressionJob {
  readonly source: string;
  readonly input: string;
}

export type ExpressionAnswer = { readonly json: string | undefined } | { readonly problem: string };
