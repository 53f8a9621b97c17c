/** What a picture of a definition shows, whatever draws it. */
import { conditionReferences } from '../expression/references.ts';
import type { Definition, OnError, Step } from '../model.ts';
import type { Block, StepSyntaxTable } from '../step-syntax.ts';

/** How a step stands in a task, for colouring. */
export type NodeState = 'completed' | 'failed' | 'skipped' | 'working' | 'waiting';

/** What is drawn on a step: its state, and how often it ran when that was more than once. */
export interface NodeMark {
  readonly state: NodeState;
  readonly runs: number;
}

/** One thing of a picture. `key` names it in arrows; texts are as the definition has them, and still to be escaped. */
export interface Node {
  readonly key: string;
  /** `branch`: says when a branch of the step around it is taken. */
  readonly shape: 'start' | 'end' | 'step' | 'conditional' | 'branch';
  /** Lines with `\n` between. */
  readonly text: string;
  readonly state?: NodeState;
}

/** A node that holds others: a step with blocks, a `catch` or `finally` of the workflow. */
export interface Frame {
  readonly key: string;
  readonly shape: 'frame';
  readonly text: string;
  readonly state?: NodeState;
  readonly items: readonly Item[];
}

export type Item = Node | Frame;

export interface Arrow {
  readonly from: string;
  readonly to: string;
  readonly text?: string;
  /** Taken after a failure. */
  readonly dotted: boolean;
}

export interface Drawing {
  /** In the order of the definition. */
  readonly items: readonly Item[];
  readonly arrows: readonly Arrow[];
}

/**
 * What to draw of a definition: steps in their order, blocks as frames, cases and conditionals with what is asked,
 * dotted arrows for what runs after a failure. With `marks` the steps of a task have their state and how often they
 * ran.
 */
export function drawingOf(
  definition: Definition,
  syntaxes: StepSyntaxTable,
  marks: ReadonlyMap<string, NodeMark> = new Map(),
): Drawing {
  return new Draughtsman(definition, syntaxes, marks).drawing();
}

const START = 'start';
const END = 'done';

class Draughtsman {
  readonly #definition: Definition;
  readonly #syntaxes: StepSyntaxTable;
  readonly #marks: ReadonlyMap<string, NodeMark>;
  /** Keys by step id: an id may be a word of whoever draws. */
  readonly #keys = new Map<string, string>();
  readonly #arrows: Arrow[] = [];
  readonly #targets: ReadonlySet<string>;
  #count = 0;

  constructor(definition: Definition, syntaxes: StepSyntaxTable, marks: ReadonlyMap<string, NodeMark>) {
    this.#definition = definition;
    this.#syntaxes = syntaxes;
    this.#marks = marks;
    this.#targets = targetsOf(definition, syntaxes);
  }

  drawing(): Drawing {
    const definition = this.#definition;
    const items: Item[] = [{ key: START, shape: 'start', text: definition.title ?? definition.name }];
    const main = this.#list(definition.steps);
    items.push(...main.items);
    for (const head of main.heads) this.#arrow(START, head);
    for (const { name, condition, if_true: yes, if_false: no } of definition.conditionals) {
      const key = this.#fresh();
      items.push({ key, shape: 'conditional', text: `${name}: ${condition}` });
      const reads = new Set(conditionReferences(condition).map(({ path }) => nameIn(path)));
      for (const id of reads) this.#arrow(this.#keys.get(id), key);
      for (const id of yes) this.#toStep(key, id, 'true');
      for (const id of no) this.#toStep(key, id, 'false');
    }
    for (const [index, clause] of (definition.catch ?? []).entries()) {
      items.push(this.#frame(`catch ${matchText(clause.match) || `${index + 1}`}`, clause.steps));
    }
    if (definition.finally !== undefined) items.push(this.#frame('finally', definition.finally));
    const onError = idOf(definition.on_error);
    if (onError !== undefined) this.#toStep(START, onError, 'on error', true);
    for (const step of allSteps(definition, this.#syntaxes)) this.#failures(step);
    items.push({ key: END, shape: 'end', text: 'end' });
    const ending = allSteps(definition, this.#syntaxes).filter(
      ({ type }) => this.#syntaxes.get(type)?.endsTask === true,
    );
    const ends = new Set([...main.tails, ...ending.flatMap(({ id }) => this.#keys.get(id) ?? [])]);
    for (const key of ends) this.#arrow(key, END);
    return { items, arrows: this.#arrows };
  }

  /** Draws a list; `heads` are the nodes it begins with, `tails` those it ends with. */
  #list(steps: readonly Step[]): {
    readonly items: readonly Item[];
    readonly heads: readonly string[];
    readonly tails: readonly string[];
  } {
    const items = steps.flatMap((step) => this.#step(step));
    const graph = steps.some((step) => step.depends_on !== undefined);
    const inOrder = steps.filter(({ id }) => !this.#targets.has(id));
    if (graph) {
      for (const step of inOrder) {
        for (const dependency of step.depends_on ?? []) {
          this.#arrow(this.#keys.get(dependency), this.#keys.get(step.id), whenText(step));
        }
      }
    } else {
      for (const [index, step] of inOrder.entries()) {
        const before = inOrder[index - 1];
        if (before !== undefined) this.#arrow(this.#keys.get(before.id), this.#keys.get(step.id), whenText(step));
      }
    }
    const first = graph ? inOrder.filter((step) => (step.depends_on ?? []).length === 0) : inOrder.slice(0, 1);
    const needed = new Set(inOrder.flatMap((step) => step.depends_on ?? []));
    const last = graph ? inOrder.filter(({ id }) => !needed.has(id)) : inOrder.slice(-1);
    const keysOf = (some: readonly Step[]): readonly string[] => some.flatMap(({ id }) => this.#keys.get(id) ?? []);
    return { items, heads: keysOf(first), tails: keysOf(last) };
  }

  /** A step, and beside it the one that undoes it. */
  #step(step: Step): readonly Item[] {
    const key = this.#fresh();
    this.#keys.set(step.id, key);
    const blocks = this.#syntaxes.get(step.type)?.blocks(step) ?? [];
    const mark = this.#marks.get(step.id);
    const about = { key, text: this.#label(step), ...(mark === undefined ? {} : { state: mark.state }) };
    const item: Item =
      blocks.length === 0
        ? { ...about, shape: 'step' }
        : { ...about, shape: 'frame', items: blocks.flatMap((block) => this.#block(step, block)) };
    if (step.compensate === undefined) return [item];
    const undo = this.#step(step.compensate);
    this.#toStep(key, step.compensate.id, 'undo', true);
    return [item, ...undo];
  }

  /** A branch begins at a small node that says when it is taken; the one body of a block needs none. */
  #block(step: Step, block: Block): readonly Item[] {
    const text = branchText(step, block);
    const branch: Node | undefined = text === undefined ? undefined : { key: this.#fresh(), shape: 'branch', text };
    const { items, heads, tails } = this.#list(block.steps);
    for (const head of heads) this.#arrow(branch?.key, head);
    const again = block.runs === 'iteration' ? this.#syntaxes.get(step.type)?.repeats?.(step) : undefined;
    if (again !== undefined) for (const tail of tails) this.#arrow(tail, heads[0], again);
    return branch === undefined ? items : [branch, ...items];
  }

  #frame(text: string, steps: readonly Step[]): Frame {
    return { key: this.#fresh(), shape: 'frame', text, items: this.#list(steps).items };
  }

  #failures(step: Step): void {
    const from = this.#keys.get(step.id);
    if (from === undefined) return;
    const words: readonly unknown[] = this.#syntaxes.get(step.type)?.onErrorWords ?? [];
    const handler = step.retry?.on_fail ?? (words.includes(step.on_error) ? undefined : idOf(step.on_error));
    if (handler !== undefined) this.#toStep(from, handler, 'on error', true);
    for (const { id, at } of this.#syntaxes.get(step.type)?.targets?.(step) ?? []) {
      this.#toStep(from, id, String(at[0]).replaceAll('_', ' '), true);
    }
  }

  #label(step: Step): string {
    const { server, action, uri, workflow } = step;
    const words = [server, action ?? uri ?? workflow].filter((word): word is string => typeof word === 'string');
    const about = words.length > 0 ? words.join(' · ') : step.type;
    const runs = this.#marks.get(step.id)?.runs ?? 0;
    return `${step.id}\n${about}${runs > 1 ? ` ×${runs}` : ''}`;
  }

  #toStep(from: string, id: string, text: string, dotted = false): void {
    this.#arrow(from, this.#keys.get(id), text, dotted);
  }

  #arrow(from: string | undefined, to: string | undefined, text?: string, dotted = false): void {
    if (from === undefined || to === undefined) return;
    this.#arrows.push({ from, to, dotted, ...(text === undefined ? {} : { text }) });
  }

  #fresh(): string {
    this.#count += 1;
    return `n${this.#count}`;
  }
}

function allSteps(definition: Definition, syntaxes: StepSyntaxTable): readonly Step[] {
  const within = (steps: readonly Step[]): readonly Step[] =>
    steps.flatMap((step) => [
      step,
      ...(syntaxes.get(step.type)?.blocks(step) ?? []).flatMap((block) => within(block.steps)),
      ...(step.compensate === undefined ? [] : within([step.compensate])),
    ]);
  const clauses = (definition.catch ?? []).flatMap((clause) => clause.steps);
  return within([...definition.steps, ...clauses, ...(definition.finally ?? [])]);
}

/** Steps that have no turn in a sequence (rule 7). */
function targetsOf(definition: Definition, syntaxes: StepSyntaxTable): ReadonlySet<string> {
  const ofSteps = allSteps(definition, syntaxes).flatMap((step) => {
    const syntax = syntaxes.get(step.type);
    const words: readonly unknown[] = syntax?.onErrorWords ?? [];
    const onError = words.includes(step.on_error) ? undefined : idOf(step.on_error);
    return [step.retry?.on_fail, onError, ...(syntax?.targets?.(step) ?? []).map(({ id }) => id)];
  });
  const ofConditionals = definition.conditionals.flatMap(({ if_true, if_false }) => [...if_true, ...if_false]);
  const all = [...ofSteps, ...ofConditionals, idOf(definition.on_error)];
  return new Set(all.filter((id): id is string => id !== undefined));
}

function idOf(onError: OnError | undefined): string | undefined {
  return typeof onError === 'string' ? onError : onError?.step;
}

/** The step that a path names, in each of its spellings. */
function nameIn([root, second]: readonly (string | number)[]): string {
  return root === 'steps' ? String(second) : String(root).replace(/^step_/u, '');
}

function whenText(step: Step): string | undefined {
  return step.when === undefined ? undefined : `when ${step.when}`;
}

function matchText(match: unknown): string {
  const list: readonly unknown[] = Array.isArray(match) ? match : match === undefined ? [] : [match];
  return list.map((entry) => (typeof entry === 'string' ? entry : JSON.stringify(entry))).join(', ');
}

/** When a block is taken, or what it is called; nothing for the only body of a step. */
function branchText(step: Step, { at }: Block): string | undefined {
  const [key, index] = at;
  const entry: unknown = typeof index === 'number' ? (step[String(key)] as readonly unknown[])[index] : undefined;
  const member = (name: string): unknown =>
    typeof entry === 'object' && entry !== null ? (entry as { readonly [key: string]: unknown })[name] : undefined;
  switch (key) {
    case 'cases':
      return `when ${String(member('when'))}`;
    case 'default':
      return 'else';
    case 'catch':
      return `catch ${matchText(member('match')) || 'all'}`;
    case 'finally':
      return 'finally';
    case 'branches':
      return typeof index === 'string' ? index : undefined;
    default:
      return undefined;
  }
}

const LONGEST_LABEL = 120;

/** A text as a picture shows it: the beginning of a long one. */
export function labelText(text: string): string {
  const chars = Array.from(text);
  return chars.length > LONGEST_LABEL ? `${chars.slice(0, LONGEST_LABEL).join('')}…` : text;
}
