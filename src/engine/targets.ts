import type { Definition, OnError, Step } from '../definition/model.ts';
import type { StepKind, StepKindTable } from './kind.ts';
import { pathWord } from './paths.ts';

/** The place name of the definition's own `on_error`. No step can be called so. */
export const WORKFLOW_PLACE = 'workflow';

/** Every step of a definition at any depth with its kind, in document order; `compensate` steps included. */
export function* allSteps(definition: Definition, kinds: StepKindTable): Iterable<{ step: Step; kind: StepKind }> {
  const lists = [definition.steps, ...(definition.catch ?? []).map((clause) => clause.steps), definition.finally ?? []];
  for (const list of lists) yield* within(list, kinds);
}

function* within(steps: readonly Step[], kinds: StepKindTable): Iterable<{ step: Step; kind: StepKind }> {
  for (const step of steps) {
    const kind = kinds.get(step.type);
    if (kind === undefined) continue;
    yield { step, kind };
    for (const block of kind.blocks(step)) yield* within(block.steps, kinds);
    if (step.compensate !== undefined) yield* within([step.compensate], kinds);
  }
}

/**
 * Which steps are targets (rule 7), and the places that target each: ids of steps, names of conditionals, `workflow`.
 */
export function targetPlaces(definition: Definition, kinds: StepKindTable): Map<string, Set<string>> {
  const places = new Map<string, Set<string>>();
  const ids = new Set<string>();
  const add = (target: string, place: string): void => {
    const known = places.get(target);
    if (known === undefined) places.set(target, new Set([place]));
    else known.add(place);
  };
  for (const { step, kind } of allSteps(definition, kinds)) {
    ids.add(step.id);
    if (step.retry?.on_fail !== undefined) add(step.retry.on_fail, step.id);
    const onError = step.on_error;
    if (onError !== undefined && !(typeof onError === 'string' && kind.onErrorWords?.includes(onError) === true)) {
      add(targetId(onError), step.id);
    }
    for (const target of kind.targets?.(step) ?? []) add(target.id, step.id);
  }
  for (const conditional of definition.conditionals) {
    const place = conditionalPlace(conditional.name, ids);
    for (const target of [...conditional.if_true, ...conditional.if_false]) add(target, place);
  }
  if (definition.on_error !== undefined) add(targetId(definition.on_error), WORKFLOW_PLACE);
  return places;
}

/** The place name of a conditional: its name, marked when a step has the same. */
export function conditionalPlace(name: string, ids: { has(id: string): boolean }): string {
  return ids.has(name) || name === WORKFLOW_PLACE ? `${pathWord(name)}~if` : pathWord(name);
}

/**
 * Ids of the steps that run only because of how another one went: targets, and whatever stands in a `catch` or a
 * `finally`, at any depth.
 */
export function handlerSteps(definition: Definition, kinds: StepKindTable): ReadonlySet<string> {
  const handlers = new Set(targetPlaces(definition, kinds).keys());
  const addAll = (steps: readonly Step[]): void => {
    for (const { step } of within(steps, kinds)) handlers.add(step.id);
  };
  for (const clause of definition.catch ?? []) addAll(clause.steps);
  addAll(definition.finally ?? []);
  for (const { step, kind } of allSteps(definition, kinds)) {
    for (const { at, steps } of kind.blocks(step)) if (at[0] === 'catch' || at[0] === 'finally') addAll(steps);
  }
  return handlers;
}

function targetId(onError: OnError): string {
  return typeof onError === 'string' ? onError : onError.step;
}
