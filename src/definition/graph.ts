import { conditionReferences } from './expression/references.ts';
import type { Definition, OnError, Step } from './model.ts';
import type { Block, StepSyntaxTable } from './step-syntax.ts';

/** How a step stands in a task, for colouring. */
export type NodeState = 'completed' | 'failed' | 'skipped' | 'working' | 'waiting';

/** What is drawn on a step: its state, and how often it ran when that was more than once. */
export interface NodeMark {
  readonly state: NodeState;
  readonly runs: number;
}

const COLOURS: Readonly<Record<NodeState, string>> = {
  completed: 'fill:#d7f5dd,stroke:#2e7d32,color:#1b3d1f',
  failed: 'fill:#fbdcdc,stroke:#b3261e,color:#4a0f0b',
  skipped: 'fill:#eeeeee,stroke:#9e9e9e,color:#616161,stroke-dasharray:4 3',
  working: 'fill:#dbe9ff,stroke:#1a5fb4,color:#0d2b52',
  waiting: 'fill:#fff3cd,stroke:#a87900,color:#4d3800',
};

/**
 * A definition as a Mermaid flowchart: steps in their order, blocks as frames, cases and conditionals with what is asked, dotted
 * arrows for what runs after a failure. With `marks` the steps of a task are coloured by their state. Texts are escaped: nothing a
 * definition says becomes Mermaid.
 */
export function mermaidOf(
  definition: Definition,
  syntaxes: StepSyntaxTable,
  marks: ReadonlyMap<string, NodeMark> = new Map(),
): string {
  return new Drawing(definition, syntaxes, marks).text();
}

class Drawing {
  readonly #definition: Definition;
  readonly #syntaxes: StepSyntaxTable;
  readonly #marks: ReadonlyMap<string, NodeMark>;
  readonly #lines: string[] = [];
  /** Mermaid's names by step id: an id may be a word of Mermaid's. */
  readonly #nodes = new Map<string, string>();
  /** Arrows are drawn last: inside a frame they would pull their ends into it. */
  readonly #arrows: string[] = [];
  readonly #targets: ReadonlySet<string>;
  #count = 0;

  constructor(definition: Definition, syntaxes: StepSyntaxTable, marks: ReadonlyMap<string, NodeMark>) {
    this.#definition = definition;
    this.#syntaxes = syntaxes;
    this.#marks = marks;
    this.#targets = new Set(allSteps(definition, syntaxes).flatMap((step) => targetsOf(step, syntaxes)));
  }

  text(): string {
    const definition = this.#definition;
    const conditional = new Set(definition.conditionals.flatMap(({ if_true, if_false }) => [...if_true, ...if_false]));
    const onError = idOf(definition.on_error);
    const targets = new Set([...this.#targets, ...conditional, ...(onError === undefined ? [] : [onError])]);
    this.#lines.push('flowchart TD', `  start([${quoted(definition.title ?? definition.name)}])`);
    for (const head of this.#list(definition.steps, targets, 1)) this.#arrow('start', head);
    for (const { name, condition, if_true: yes, if_false: no } of definition.conditionals) {
      const node = this.#fresh();
      this.#lines.push(`  ${node}{${quoted(`${name}: ${condition}`)}}`);
      const reads = new Set(conditionReferences(condition).map(({ path }) => nameIn(path)));
      for (const id of reads) this.#arrow(this.#nodes.get(id), node);
      for (const id of yes) this.#toStep(node, id, 'true');
      for (const id of no) this.#toStep(node, id, 'false');
    }
    for (const [index, clause] of (definition.catch ?? []).entries()) {
      this.#frame(`catch ${matchText(clause.match) || `${index + 1}`}`, clause.steps, targets);
    }
    if (definition.finally !== undefined) this.#frame('finally', definition.finally, targets);
    if (onError !== undefined) this.#toStep('start', onError, 'on error', true);
    for (const step of allSteps(definition, this.#syntaxes)) this.#failures(step);
    return [...this.#lines, ...this.#arrows, ...this.#classes()].map((line) => `${line}\n`).join('');
  }

  /** Draws a list and gives the nodes it begins with. */
  #list(steps: readonly Step[], targets: ReadonlySet<string>, depth: number): readonly string[] {
    for (const step of steps) this.#step(step, targets, depth);
    const graph = steps.some((step) => (step.depends_on ?? []).length > 0);
    const inOrder = steps.filter(({ id }) => !targets.has(id));
    if (graph) {
      for (const step of inOrder) {
        for (const dependency of step.depends_on ?? [])
          this.#arrow(this.#nodes.get(dependency), this.#nodes.get(step.id));
      }
    } else {
      for (const [index, step] of inOrder.entries()) {
        const before = inOrder[index - 1];
        if (before !== undefined) this.#arrow(this.#nodes.get(before.id), this.#nodes.get(step.id), whenText(step));
      }
    }
    const heads = graph ? inOrder.filter((step) => (step.depends_on ?? []).length === 0) : inOrder.slice(0, 1);
    return heads.flatMap(({ id }) => this.#nodes.get(id) ?? []);
  }

  #step(step: Step, targets: ReadonlySet<string>, depth: number): void {
    const node = this.#fresh();
    this.#nodes.set(step.id, node);
    const indent = '  '.repeat(depth);
    const blocks = this.#syntaxes.get(step.type)?.blocks(step) ?? [];
    const label = quoted(this.#label(step));
    if (blocks.length === 0) {
      this.#lines.push(`${indent}${node}[${label}]`);
    } else {
      this.#lines.push(`${indent}subgraph ${node}[${label}]`);
      for (const block of blocks) this.#block(step, block, targets, depth + 1);
      this.#lines.push(`${indent}end`);
    }
    if (step.compensate !== undefined) {
      this.#step(step.compensate, targets, depth);
      this.#toStep(node, step.compensate.id, 'undo', true);
    }
  }

  /** A branch begins at a small node that says when it is taken; the one body of a block needs none. */
  #block(step: Step, block: Block, targets: ReadonlySet<string>, depth: number): void {
    const question = branchText(step, block);
    const node = question === undefined ? undefined : this.#fresh();
    if (node !== undefined && question !== undefined) {
      this.#lines.push(`${'  '.repeat(depth)}${node}{{${quoted(question)}}}`);
    }
    for (const head of this.#list(block.steps, targets, depth)) this.#arrow(node, head);
  }

  #frame(title: string, steps: readonly Step[], targets: ReadonlySet<string>): void {
    this.#lines.push(`  subgraph ${this.#fresh()}[${quoted(title)}]`);
    this.#list(steps, targets, 2);
    this.#lines.push('  end');
  }

  #failures(step: Step): void {
    const from = this.#nodes.get(step.id);
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

  #classes(): readonly string[] {
    const byState = new Map<NodeState, string[]>();
    for (const [id, { state }] of this.#marks) {
      const node = this.#nodes.get(id);
      if (node !== undefined) byState.set(state, [...(byState.get(state) ?? []), node]);
    }
    return [...byState].flatMap(([state, nodes]) => [
      `  classDef ${state} ${COLOURS[state]}`,
      `  class ${nodes.join(',')} ${state}`,
    ]);
  }

  #toStep(from: string, id: string, label: string, dotted = false): void {
    const to = this.#nodes.get(id);
    if (to !== undefined) this.#arrow(from, to, label, dotted);
  }

  #arrow(from: string | undefined, to: string | undefined, label?: string, dotted = false): void {
    if (from === undefined || to === undefined) return;
    const line = dotted ? '-.->' : '-->';
    this.#arrows.push(`  ${from} ${line}${label === undefined ? '' : `|${quoted(label)}|`} ${to}`);
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

function targetsOf(step: Step, syntaxes: StepSyntaxTable): readonly string[] {
  const syntax = syntaxes.get(step.type);
  const words: readonly unknown[] = syntax?.onErrorWords ?? [];
  const onError = words.includes(step.on_error) ? undefined : idOf(step.on_error);
  const others = (syntax?.targets?.(step) ?? []).map(({ id }) => id);
  return [step.retry?.on_fail, onError, ...others].filter((id): id is string => id !== undefined);
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

/** A Mermaid text: in quotes, with everything that means something to Mermaid or HTML as an entity. */
function quoted(text: string): string {
  const cut = text.length > LONGEST_LABEL ? `${text.slice(0, LONGEST_LABEL)}…` : text;
  const escaped = cut.replaceAll(
    /[^\p{L}\p{N}\p{Zs}\n.,:;·×…_=!()/+*-]/gu,
    (char) => `#${String(char.codePointAt(0))};`,
  );
  return `"${escaped.replaceAll('\n', '<br/>')}"`;
}
