/** Steps that ask a model: whether one of those that they name can be found, and whether any can answer. */
import { isFixed } from '../expression/references.ts';
import type { Finding } from '../finding.ts';
import type { Outline, StepPlace } from './outline.ts';
import { findIn, suggestion, warning } from './report.ts';

/** The entry that answers where no other is named. */
const DEFAULT_MODEL = 'default';

/**
 * Warnings only: a name that the models file does not have may be meant for the client, and a client may lend its
 * model. `models`: the names in the models file; without them nothing is looked at.
 */
export function checkModels(outline: Outline, models: ReadonlySet<string> | undefined): Finding[] {
  return models === undefined ? [] : findIn(outline.places, (place) => checkStep(place, models));
}

function checkStep({ id, step, at, syntax }: StepPlace, models: ReadonlySet<string>): Finding[] {
  if (syntax.models === undefined) return [];
  const named = syntax.models(step);
  if (named.some(({ name }) => models.has(name) || !isFixed(name))) return [];
  const unknown = named.map(({ name, at: inside }) =>
    warning(
      'unknown_model',
      [...at, ...inside],
      `model '${name}' is not in the models file`,
      suggestion(name, models, 'models'),
    ),
  );
  if (models.has(DEFAULT_MODEL)) return unknown;
  const none = warning(
    'no_model',
    at,
    `no model answers step '${id}' where the client lends none (sampling)`,
    "add 'default' to models.json, or name a model that is there",
  );
  return [...unknown, none];
}
