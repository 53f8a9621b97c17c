import type { FailureMatch, Definition, Step } from '../definition/model.ts';
import { conditionalPlaces } from './conditional-places.ts';
import type { Binder, BoundConditional, BoundNode, Sequence, StepKind, StepKindTable } from './kind.ts';
import { targetPlaces, WORKFLOW_PLACE } from './targets.ts';

/** A definition made ready to run. Holds nothing of a run, so any number of tasks share it. */
export interface BoundWorkflow {
  readonly definition: Definition;
  readonly main: Sequence;
  /** The step behind which a run that goes well has nothing left to do but to tell its outcome, at once. */
  readonly last: BoundNode | undefined;
  readonly catch: readonly { readonly match: readonly FailureMatch[] | undefined; readonly steps: Sequence }[];
  readonly finally: Sequence | undefined;
  /** Every step at any depth. */
  readonly byId: ReadonlyMap<string, BoundNode>;
  /**
   * The step that runs when the one of this id has failed for good; under `workflow` the definition's own `on_error`.
   */
  readonly errorTargets: ReadonlyMap<string, BoundNode>;
  /** How many places can target a step. With more than one its path tells which. */
  readonly places: ReadonlyMap<string, ReadonlySet<string>>;
  /** What undoes the step of this id. */
  readonly compensations: ReadonlyMap<string, BoundNode>;
}

interface OpenSequence extends Sequence {
  readonly nodes: BoundNode[];
  readonly after: Map<string, BoundConditional[]>;
}

/**
 * Binds every step of a definition to its kind, once. Throws a plain error for a type that is not in the table: the
 * parser lets none through, so that is a bug of whoever wired the two.
 */
export function bindDefinition(definition: Definition, kinds: StepKindTable): BoundWorkflow {
  const places = targetPlaces(definition, kinds);
  const state = new Binding(definition, kinds, places);
  const main = state.sequence(definition.steps, undefined);
  const clauses = (definition.catch ?? []).map((clause) => ({
    match: clause.match,
    steps: state.sequence(clause.steps, undefined),
  }));
  const last = definition.finally === undefined ? undefined : state.sequence(definition.finally, undefined);
  for (const place of conditionalPlaces(definition, main, state.byId, state.sequences)) {
    const list = state.afterOf(place.sequence);
    list.set(place.after, [...(list.get(place.after) ?? []), place.bound]);
  }
  return {
    definition,
    main,
    last: last === undefined ? lastStep(definition, main, state.compensations) : undefined,
    catch: clauses,
    finally: last,
    byId: state.byId,
    errorTargets: state.errorTargets(definition),
    places,
    compensations: state.compensations,
  };
}

/**
 * None where something comes behind the list, where its end is open (a graph), or where an expression may take its time
 * over the outcome.
 */
function lastStep(
  definition: Definition,
  main: Sequence,
  compensations: ReadonlyMap<string, BoundNode>,
): BoundNode | undefined {
  const node = main.nodes.findLast(({ target }) => !target);
  if (node === undefined || main.graph || compensations.has(node.id)) return undefined;
  const behind = main.nodes.slice(main.nodes.indexOf(node)).some(({ id }) => (main.after.get(id)?.length ?? 0) > 0);
  const outcome = JSON.stringify([definition.output ?? null, definition.result ?? null]);
  return behind || outcome.includes('{%') ? undefined : node;
}

class Binding {
  readonly byId = new Map<string, BoundNode>();
  /** The list that directly holds a step. */
  readonly sequences = new Map<string, Sequence>();
  readonly compensations = new Map<string, BoundNode>();
  readonly #kinds: StepKindTable;
  readonly #places: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #open = new Map<Sequence, OpenSequence>();
  #order = 0;

  readonly #definition: Definition;
  #text: string | undefined;

  constructor(definition: Definition, kinds: StepKindTable, places: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#definition = definition;
    this.#kinds = kinds;
    this.#places = places;
  }

  sequence(steps: readonly Step[], parent: BoundNode | undefined): Sequence {
    const made: OpenSequence = {
      nodes: [],
      graph: steps.some((step) => step.depends_on !== undefined),
      after: new Map(),
    };
    this.#open.set(made, made);
    for (const step of steps) {
      const node = this.#node(step, parent);
      made.nodes.push(node);
      this.sequences.set(node.id, made);
    }
    return made;
  }

  afterOf(sequence: Sequence): Map<string, BoundConditional[]> {
    return this.#open.get(sequence)?.after ?? new Map<string, BoundConditional[]>();
  }

  errorTargets(definition: Definition): Map<string, BoundNode> {
    const targets = new Map<string, BoundNode>();
    const add = (from: string, onError: Definition['on_error']): void => {
      const node = onError === undefined ? undefined : this.#target(onError);
      if (node !== undefined) targets.set(from, node);
    };
    for (const { id, step, kind } of this.byId.values()) {
      const words: readonly unknown[] = kind.onErrorWords ?? [];
      add(id, step.retry?.on_fail ?? (words.includes(step.on_error) ? undefined : step.on_error));
    }
    add(WORKFLOW_PLACE, definition.on_error);
    return targets;
  }

  #target(onError: NonNullable<Definition['on_error']>): BoundNode | undefined {
    if (typeof onError === 'string') return this.byId.get(onError);
    const node = this.byId.get(onError.step);
    if (node === undefined || onError.arguments === undefined) return node;
    if (node.kind.blocks(node.step).length > 0) return node;
    const key = node.kind.argumentsKey;
    const step = { ...node.step, ...(key === undefined ? onError.arguments : { [key]: onError.arguments }) };
    return { ...node, step, bound: node.kind.bind(step, this.#binder(node)) };
  }

  #node(step: Step, parent: BoundNode | undefined): BoundNode {
    const kind = this.#kind(step);
    const node: { -readonly [K in keyof BoundNode]: BoundNode[K] } = {
      id: step.id,
      step,
      kind,
      bound: UNBOUND,
      target: this.#places.has(step.id),
      order: this.#order,
      parent,
    };
    this.#order += 1;
    this.byId.set(step.id, node);
    node.bound = kind.bind(step, this.#binder(node));
    if (step.compensate !== undefined) this.compensations.set(step.id, this.#node(step.compensate, undefined));
    return node;
  }

  #binder(node: BoundNode): Binder {
    return {
      sequence: (steps) => this.sequence(steps, node),
      mentions: (step, members) => {
        this.#text ??= JSON.stringify(this.#definition);
        const text = this.#text;
        return members.some((member) => text.includes(`${step}.${member}`) || text.includes(`${step}['${member}']`));
      },
    };
  }

  #kind(step: Step): StepKind {
    const kind = this.#kinds.get(step.type);
    if (kind === undefined) throw new Error(`no step kind '${step.type}' (step '${step.id}')`);
    return kind;
  }
}

/** Stands in a node only while its kind binds it. */
const UNBOUND = {
  execute: (): Promise<never> => Promise.reject(new Error('a step was run before it was bound')),
};
