import { conditionReferences } from '../definition/expression/references.ts';
import type { Reference } from '../definition/expression/contract.ts';
import type { Conditional, Definition } from '../definition/model.ts';
import type { BoundConditional, BoundNode, Sequence } from './kind.ts';

/** Where a conditional is evaluated: in this list, after this step. */
export interface ConditionalPlace {
  readonly sequence: Sequence;
  readonly after: string;
  readonly bound: BoundConditional;
}

/**
 * Rule 8: a conditional comes right after the last step it reads. Reading a variable is reading the steps that write
 * it. When it reads steps of several blocks, that is after the block that holds the last of them, in the innermost list
 * that holds all; one that reads steps of one iteration is evaluated in each iteration; one that reads no step comes at
 * the end of the main list.
 */
export function conditionalPlaces(
  definition: Definition,
  main: Sequence,
  byId: ReadonlyMap<string, BoundNode>,
  sequences: ReadonlyMap<string, Sequence>,
): readonly ConditionalPlace[] {
  const writers = writersOf(byId);
  const places: ConditionalPlace[] = [];
  for (const conditional of definition.conditionals) {
    const read = nodesRead(conditional, byId, writers);
    const place = innermost(read, sequences) ?? atTheEnd(main);
    if (place === undefined) continue;
    places.push({ sequence: place.sequence, after: place.after, bound: { conditional, reads: place.reads } });
  }
  return places;
}

function nodesRead(
  conditional: Conditional,
  byId: ReadonlyMap<string, BoundNode>,
  writers: ReadonlyMap<string, readonly BoundNode[]>,
): readonly BoundNode[] {
  return conditionReferences(conditional.condition).flatMap((reference) => {
    const node = stepRead(reference, byId);
    return node === undefined ? (writers.get(variableRead(reference)) ?? []) : [node];
  });
}

function stepRead({ path }: Reference, byId: ReadonlyMap<string, BoundNode>): BoundNode | undefined {
  const name = String(path[0] === 'steps' ? path[1] : path[0]);
  return byId.get(name) ?? (name.startsWith('step_') ? byId.get(name.slice('step_'.length)) : undefined);
}

/** `saved.x` and `variables.saved.x` are one variable; a reference into a variable reads the variable. */
function variableRead({ path }: Reference): string {
  const [area, name] = path[0] === 'variables' ? path.slice(1) : path;
  return `${String(area)}.${String(name)}`;
}

function writersOf(byId: ReadonlyMap<string, BoundNode>): Map<string, BoundNode[]> {
  const writers = new Map<string, BoundNode[]>();
  for (const node of byId.values()) {
    const assign = node.step['assign'];
    const targets = typeof assign === 'object' && assign !== null ? Object.keys(assign) : [];
    if (node.step.save_output_to !== undefined) targets.push(node.step.save_output_to);
    for (const target of targets) {
      const variable = target
        .replace(/^variables\./u, '')
        .split('.')
        .slice(0, 2)
        .join('.');
      writers.set(variable, [...(writers.get(variable) ?? []), node]);
    }
  }
  return writers;
}

interface Standing {
  readonly sequence: Sequence;
  readonly node: BoundNode;
}

/** The lists that hold a node, innermost first, each with the step of it that is or holds the node. */
function standings(node: BoundNode, sequences: ReadonlyMap<string, Sequence>): readonly Standing[] {
  const found: Standing[] = [];
  for (let at: BoundNode | undefined = node; at !== undefined; at = at.parent) {
    const sequence = sequences.get(at.id);
    if (sequence !== undefined) found.push({ sequence, node: at });
  }
  return found;
}

function innermost(
  read: readonly BoundNode[],
  sequences: ReadonlyMap<string, Sequence>,
): { sequence: Sequence; after: string; reads: readonly string[] } | undefined {
  const [first, ...others] = read.map((node) => standings(node, sequences));
  for (const candidate of first ?? []) {
    const same = others.map((list) => list.find((standing) => standing.sequence === candidate.sequence));
    if (same.includes(undefined)) continue;
    const nodes = [candidate, ...same].flatMap((standing) => standing?.node ?? []);
    const last = nodes.reduce((a, b) => (b.order > a.order ? b : a));
    return { sequence: candidate.sequence, after: last.id, reads: [...new Set(nodes.map((node) => node.id))] };
  }
  return undefined;
}

function atTheEnd(main: Sequence): { sequence: Sequence; after: string; reads: readonly string[] } | undefined {
  const last = main.nodes.at(-1);
  if (last === undefined) return undefined;
  return { sequence: main, after: last.id, reads: main.nodes.map((node) => node.id) };
}
