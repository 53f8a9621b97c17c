import type { JsonObject } from '../core/json.ts';
import type { Finding } from './finding.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

export interface ValidateOptions {
  /** Names of the configured downstream servers; without it server names are not checked. */
  readonly servers?: ReadonlySet<string>;
  /** How a server that is not configured counts. Default `error`. */
  readonly unknownServer?: 'error' | 'warning';
}

/** Cross-checks of a document whose steps are normalised, beside what the schemas say (`known`). */
export function validateDocument(
  _document: JsonObject,
  _syntaxes: StepSyntaxTable,
  _known: readonly Finding[],
  _options: ValidateOptions,
): Finding[] {
  return [];
}
