import type { JsonObject } from '../core/json.ts';
import type { Finding } from './finding.ts';
import type { KnownServers } from './known-tools.ts';
import type { JsonSchema } from './model.ts';
import type { StepSyntaxTable } from './step-syntax.ts';
import { checkCalls } from './validate/calls.ts';
import { namesInScope } from './validate/names-in-scope.ts';
import { checkModels } from './validate/models.ts';
import { outlineOf } from './validate/outline.ts';
import { checkPublished } from './validate/published.ts';
import { checkReachability } from './validate/reachability.ts';
import { checkReferences } from './validate/references.ts';
import { checkSteps } from './validate/steps.ts';
import { Surroundings } from './validate/surroundings.ts';
import { checkDependencies, checkTargets, checkTests, targetsOf } from './validate/targets.ts';
import { checkWorkflow } from './validate/workflow.ts';

/** About 50 ms. */
const SEARCH_STEPS = 500_000;

/** What other definitions take and give, by name. */
export interface OtherWorkflow {
  readonly input: JsonSchema;
  readonly output?: JsonSchema;
}

export interface ValidateOptions {
  /** What is known of downstream tools: calls and references are checked against it. */
  readonly known?: KnownServers;
  /** Workflows beside this one. */
  readonly workflows?: ReadonlyMap<string, OtherWorkflow>;
  /**
   * Names of all workflows that there are, also of those with errors; without it the names of child workflows are not
   * checked.
   */
  readonly names?: ReadonlySet<string>;
  /** Names of the models of the models file; without it steps that ask a model are not checked. */
  readonly models?: ReadonlySet<string>;
  /** Names of the configured downstream servers; without it server names are not checked. */
  readonly servers?: ReadonlySet<string>;
  /** How a server that is not configured counts. Default `error`. */
  readonly unknownServer?: 'error' | 'warning';
}

/**
 * Cross-checks of a document whose steps are normalised, beside what the schemas say (`known`): what it names exists,
 * can run, and has run by then. With `known` errors the document may lack steps it should have, so checks of the whole
 * order are left out.
 */
export function validateDocument(
  document: JsonObject,
  syntaxes: StepSyntaxTable,
  known: readonly Finding[],
  options: ValidateOptions,
): Finding[] {
  const outline = outlineOf(document, syntaxes);
  const targets = targetsOf(document, outline);
  const names = namesInScope(document, outline);
  const targeted = new Set(targets.map(({ id }) => id));
  const complete = known.every((finding) => finding.severity !== 'error');
  const types = {
    outline,
    document,
    known: options.known ?? new Map<string, never>(),
    workflowOutput: (name: string): JsonSchema | undefined => options.workflows?.get(name)?.output,
  };
  return [
    ...checkWorkflow(document),
    ...checkPublished(document),
    ...checkSteps(outline, options.servers, options.unknownServer ?? 'error'),
    ...checkModels(outline, options.models),
    ...checkTargets(targets, outline),
    ...checkDependencies(outline),
    ...checkTests(document, outline),
    ...checkReferences({
      document,
      outline,
      names,
      targeted,
      types,
      surroundings: new Surroundings(document, outline, targets),
      search: { left: SEARCH_STEPS },
    }),
    ...checkCalls({
      ...types,
      workflowInput: (name) => options.workflows?.get(name)?.input,
      ...(options.names === undefined ? {} : { workflowNames: options.names }),
      givenArguments: new Set(targets.flatMap(({ id, given }) => (given === true ? [id] : []))),
    }),
    ...(complete ? checkReachability(outline, targets) : []),
  ];
}
