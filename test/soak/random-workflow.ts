import { parseDefinition } from '../../src/definition/parse.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import type { PlainStep } from '../support/engine-world.ts';
import { Grower } from './grower.ts';
import { costOf } from './step-tree.ts';
import type { Cost } from './step-tree.ts';

/**
 * A workflow that chance made. Its outcome does not depend on timing or faults, but inside of steps that say `x-wild`.
 */
export interface RandomWorkflow {
  readonly name: string;
  /** JSON of a definition file. */
  readonly json: string;
  readonly cost: Cost;
}

export interface GrowOptions {
  readonly name: string;
  readonly random: () => number;
  /** Workflows that a step may start: one that never fails, and one that always does. */
  readonly children?: { readonly calm: readonly RandomWorkflow[]; readonly failing: readonly RandomWorkflow[] };
  /** `calm`: it completes. `failing`: it fails in the end. `any`: chance decides. */
  readonly end: 'calm' | 'failing' | 'any';
  /** Names of what has to be in it, and to run, one after the other. Default: what chance brings. */
  readonly tour?: readonly string[];
}

/** Most that one run may do, and need when nothing goes wrong, so that a round does not take minutes. */
const MOST: Cost = { steps: 45, seconds: 5, questions: 4 };
const MOST_OF_A_CHILD: Cost = { steps: 20, seconds: 2, questions: 2 };
const MOST_OF_A_TOUR: Cost = { steps: 90, seconds: 9, questions: 12 };
const LEAST_STEPS = 8;
const MOST_TRIES = 5000;

export function randomWorkflow(options: GrowOptions): RandomWorkflow {
  const most = options.children === undefined ? MOST_OF_A_CHILD : options.tour === undefined ? MOST : MOST_OF_A_TOUR;
  for (let tries = 0; tries < MOST_TRIES; tries += 1) {
    const definition = definitionOf(options);
    const cost = costOf(definition, childCosts(options));
    if (cost.steps < LEAST_STEPS || cost.steps > most.steps) continue;
    if (cost.seconds > most.seconds || cost.questions > most.questions) continue;
    const json = JSON.stringify(definition, null, 1);
    const { loaded, issues } = parseDefinition(json, `${options.name}.json`, stepSyntaxes);
    if (loaded === undefined) throw new Error(`the tree is no definition: ${JSON.stringify(issues)}\n${json}`);
    return { name: options.name, json, cost };
  }
  throw new Error(`no ${options.name} is small enough`);
}

function childCosts({ children }: GrowOptions): ReadonlyMap<string, Cost> {
  const all = [...(children?.calm ?? []), ...(children?.failing ?? [])];
  return new Map(all.map(({ name, cost }) => [name, cost]));
}

function definitionOf(
  options: GrowOptions,
): Readonly<Record<string, unknown>> & { readonly steps: readonly PlainStep[] } {
  const { name, end, random } = options;
  const grower = new Grower({
    random,
    calmChildren: (options.children?.calm ?? []).map((child) => child.name),
    failingChildren: (options.children?.failing ?? []).map((child) => child.name),
  });
  const top = { depth: 0, calm: end !== 'any', beside: false, again: false, wild: false, late: false, names: [] };
  // A question that stands first would be asked by the call itself, before there is a task.
  const first = { id: 'first', type: 'set', values: { k: '{{input.k}}' } };
  const grown = options.tour?.map((kind) => grower.made(kind, { ...top, calm: true })) ?? grower.list(top);
  const undone = end === 'failing' ? [grower.undoable({ ...top, calm: true })] : [];
  const last = end === 'failing' ? [grower.bad({ ...top, calm: false })] : [];
  const steps = [first, ...undone, ...grown, ...last];
  const targets: PlainStep[] = [];
  const more: Record<string, unknown> = {};
  const probe = grown.find(
    ({ action, when, 'x-wild': wild }) => action === 'effect' && when === undefined && wild === undefined,
  );
  if (probe !== undefined && random() < 0.5) {
    const [yes, no] = [grower.call({ ...top, calm: true }), grower.call({ ...top, calm: true })];
    targets.push(yes, no);
    const condition = `{{${probe.id}.output.value}} > 50`;
    more['conditionals'] = { either: { condition, if_true: [yes.id], if_false: [no.id] } };
  }
  if (end === 'any' && random() < 0.4) {
    const rescue = grower.call({ ...top, calm: true });
    targets.push(rescue);
    more['on_error'] = rescue.id;
  }
  if (end === 'any' && random() < 0.3) more['catch'] = [{ steps: grower.list({ ...top, depth: 2, calm: true }) }];
  if (random() < 0.4) more['finally'] = [grower.call({ ...top, calm: true, late: true })];
  return {
    name,
    task: 'required',
    variables: { input: { k: 0 }, global: { n: 0, wild: 0, all: [], map: {}, last: null } },
    ...more,
    steps: [...steps, ...targets],
    output: grower.output([first, ...grown]),
  };
}
