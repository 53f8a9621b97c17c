import type { PlainStep } from '../support/engine-world.ts';
import { allSteps } from './step-tree.ts';

/** Where a step stands. */
export interface Place {
  readonly depth: number;
  /**
   * It must not fail its block: something beside it would be cut off at a moment that nobody knows, or the whole has to
   * complete.
   */
  readonly calm: boolean;
  /** Others run at the same time, so that what it reads of variables depends on timing. */
  readonly beside: boolean;
  /** It may come to run more than once in the same scope of names: its label does not tell one time from the other. */
  readonly again: boolean;
  /** What runs depends on timing: nothing is compared. */
  readonly wild: boolean;
  /** It runs even after a cancel. */
  readonly late: boolean;
  /** Names of items in scope. */
  readonly names: readonly string[];
}

interface GrowerOptions {
  readonly random: () => number;
  readonly calmChildren: readonly string[];
  readonly failingChildren: readonly string[];
}

type Make = (id: string, place: Place) => PlainStep;

const MAX_DEPTH = 3;
const MAX_WIDTH = 3;
const FOR_EVER = 1_000_000;
/** Longer than any clock of the soak is ever off by. */
const TEN_DAYS = 864_000;
/** More attempts than a server can be gone for. */
export const PATIENT = { max_attempts: 400, delay_seconds: 0.1, max_delay_seconds: 1 };
/** What a fault does to a call is tried again; what the server says stands. */
const STUBBORN = { ...PATIENT, retry_on: ['transport'] };

/** Grows steps whose outcome does not depend on timing, but inside of those that say `x-wild: true`. */
export class Grower {
  readonly #options: GrowerOptions;
  #next = 0;

  constructor(options: GrowerOptions) {
    this.#options = options;
  }

  list(place: Place): readonly PlainStep[] {
    return Array.from({ length: 1 + this.#below(MAX_WIDTH) }, () => this.#step(place));
  }

  /** A call that completes, sooner or later. */
  call(place: Place): PlainStep {
    return this.#effect(this.#id(), place);
  }

  /** A call that is undone when the task fails later. */
  undoable(place: Place): PlainStep {
    return this.#withUndo(this.call(place), place);
  }

  /** A step that fails, whatever happens to it. */
  bad(place: Place): PlainStep {
    const id = this.#id();
    const [child] = this.#options.failingChildren;
    switch (this.#below(child === undefined ? 5 : 6)) {
      case 0:
        return { id, type: 'fail', code: `no_${id}`, message: `not ${this.#label(id, place)}` };
      case 1:
        return { ...this.#tool(id, 'hang', place), ...this.#safety(), timeout_seconds: 0.3, retry: STUBBORN };
      case 2: {
        const loop = { type: 'loop', max_iterations: 2, until: false };
        return { id, ...loop, steps: [this.call({ ...place, depth: place.depth + 1, again: true, calm: true })] };
      }
      case 3:
        return { ...this.#tool(id, 'nothing_like_it', place), idempotent: true, retry: STUBBORN };
      case 4:
        return {
          ...this.#tool(id, 'effect', place, { fail_calls: FOR_EVER }),
          ...this.#safety(),
          retry: STUBBORN,
        };
      default:
        return { id, type: 'workflow', workflow: child, input: { k: '{{input.k}}' } };
    }
  }

  /**
   * The output of the workflow: the variables, and what the steps at the top gave, where that does not depend on
   * timing.
   */
  output(steps: readonly PlainStep[]): object {
    const told = steps.filter(
      (step) => step.id !== 'first' && [step, ...allSteps(step).values()].every((one) => one['x-wild'] === undefined),
    );
    return {
      n: '{{variables.global.n}}',
      wild: '{{variables.global.wild}}',
      all: '{{variables.global.all}}',
      map: '{{variables.global.map}}',
      last: '{{variables.global.last}}',
      steps: Object.fromEntries(told.map(({ id }) => [id, `{{${id}.output}}`])),
    };
  }

  /** A step made by the maker of this name, one of `KINDS`, that runs whatever the variables are. */
  made(kind: string, place: Place): PlainStep {
    const step = this.#makers(place).get(kind)?.(this.#id(), { ...place, depth: place.depth + 1 });
    if (step === undefined) throw new Error(`nothing makes ${kind}`);
    const { when: _, ...always } = step;
    return always;
  }

  #step(place: Place): PlainStep {
    const makers = this.#makers(place);
    const kind = this.#any(this.#usual(makers, place.depth));
    const step = makers.get(kind)?.(this.#id(), { ...place, depth: place.depth + 1 });
    if (step === undefined) throw new Error(`nothing makes ${kind}`);
    return this.#sometimes(step, place);
  }

  /** Calls and other leaves, and all the more of them the deeper it is. */
  #usual(makers: ReadonlyMap<string, Make>, depth: number): readonly string[] {
    const names = [...makers.keys()];
    const blocks = names.filter((name) => BLOCKS.has(name));
    if (blocks.length > 0 && this.#chance(depth === 0 ? 0.7 : 0.4)) return blocks;
    return this.#chance(0.5) ? ['effect'] : names.filter((name) => !BLOCKS.has(name));
  }

  /** `when`, where what it reads is known. */
  #sometimes(step: PlainStep, place: Place): PlainStep {
    if (!this.#chance(0.1)) return step;
    if (!place.beside && !place.wild) return { ...step, when: `{{variables.global.n}} < ${this.#below(150)}` };
    return { ...step, when: `{{input.k}} == ${this.#below(3)}` };
  }

  /** What may stand at a place, by name. The names are what a round has to have at least once. */
  #makers(place: Place): ReadonlyMap<string, Make> {
    const makers = new Map<string, Make>([
      ['effect', (id, at) => this.#effect(id, at)],
      ['flaky', (id, at) => this.#flaky(id, at)],
      ['crash', (id, at) => ({ ...this.#tool(id, 'crash', at), idempotent: true, retry: PATIENT })],
      ['cached', (id, at) => this.#cached(id, at)],
      ['resource', (id) => ({ id, type: 'resource', server: LEDGER, uri: `soak://${id}`, retry: PATIENT })],
      [
        'prompt',
        (id) => ({ id, type: 'prompt', server: LEDGER, prompt_name: 'say', arguments: { label: id }, retry: PATIENT }),
      ],
      ['set', (id, at) => this.#set(id, at)],
      ['wait', (id) => ({ id, type: 'wait', seconds: this.#any([0.1, 0.3, 1.1]) })],
      ['fail', (id, at) => this.#failed(id, at)],
      ['emit', (id, at) => ({ id, type: 'emit', message: `at ${this.#label(id, at)}` })],
    ]);
    if (!place.late) for (const [name, make] of this.#asking(place)) makers.set(name, make);
    if (!place.calm) makers.set('bad', (_id, at) => this.bad(at));
    if (!place.beside && !place.late && !place.wild)
      makers.set('succeed', (id) => ({
        id,
        type: 'succeed',
        when: `{{variables.global.n}} > ${90 + this.#below(100)}`,
        output: { n: '{{variables.global.n}}' },
      }));
    if (place.depth < MAX_DEPTH) for (const [name, make] of this.#blocks(place)) makers.set(name, make);
    return makers;
  }

  /** What asks somebody, or starts somebody else; neither is there any more while a task is cleaned up. */
  #asking(place: Place): readonly (readonly [string, Make])[] {
    const { calmChildren } = this.#options;
    const child = calmChildren[this.#below(calmChildren.length)];
    const calls = { type: 'workflow', workflow: child, input: { k: '{{input.k}}' } };
    const makers: (readonly [string, Make])[] = [
      ['elicit', (id, at) => this.#elicit(id, at)],
      [
        'url',
        (id, at) => ({
          id,
          type: 'elicit',
          message: `see ${this.#label(id, at)}`,
          url: 'https://example.com/see',
          ...GO_ON,
        }),
      ],
      [
        'silent',
        (id, at) => ({
          ...this.#form(id, `silent ${this.#label(id, at)}`),
          timeout_seconds: 1,
          on_timeout: 'continue',
        }),
      ],
      ['llm', (id, at) => ({ id, type: 'llm', prompt: `say ${this.#label(id, at)}`, retry: PATIENT })],
      [
        'judge',
        (id, at) => ({ id, type: 'llm', prompt: `judge ${this.#label(id, at)}`, schema: FORM, retry: PATIENT }),
      ],
      ['roots', (id) => ({ id, type: 'roots', retry: PATIENT })],
      [
        'ask',
        (id, at) => ({ ...this.#effect(id, at), idempotent: undefined, on_interrupt: this.#any(['ask', undefined]) }),
      ],
    ];
    if (child !== undefined) makers.push(['workflow', (id) => this.#undone({ id, ...calls }, place)]);
    return makers;
  }

  #blocks(place: Place): readonly (readonly [string, Make])[] {
    const body = (at: Place): readonly PlainStep[] => this.list(at);
    const beside = (at: Place): Place => ({ ...at, calm: true, beside: true });
    const blocks: readonly (readonly [string, Make])[] = [
      ['group', (id, at) => ({ id, type: 'group', steps: body(at) })],
      ['again', (id, at) => this.#again(id, at)],
      ['graph', (id, at) => this.#graph(id, at)],
      ['parallel', (id, at) => ({ id, type: 'parallel', branches: { a: body(beside(at)), b: body(beside(at)) } })],
      [
        'tasks',
        (id, at) => ({ id, type: 'parallel', max_concurrency: 2, tasks: [...body(beside(at)), ...body(beside(at))] }),
      ],
      [
        'collect',
        (id, at) => ({
          id,
          type: 'parallel',
          on_error: 'collect',
          branches: { a: body({ ...beside(at), calm: false }), b: body({ ...beside(at), calm: false }) },
        }),
      ],
      ['cut', (id, at) => this.#cut(id, at)],
      ['loop', (id, at) => this.#loop(id, at)],
      ['foreach', (id, at) => this.#foreach(id, at, false)],
      ['foreach_at_once', (id, at) => this.#foreach(id, at, true)],
      ['try', (id, at) => this.#try(id, at)],
      ['switch', (id, at) => this.#switch(id, at)],
      ['once', (id, at) => this.#once(id, at)],
      ['racy', (id, at) => this.#racy(id, at)],
    ];
    return blocks.filter(([name]) => !(place.late && CUT_OFF.has(name)));
  }

  #effect(id: string, place: Place): PlainStep {
    const tool = { ...this.#tool(id, 'effect', place), ...this.#safety(), retry: PATIENT };
    const saved = !place.beside && !place.wild && this.#chance(0.2) ? { save_output_to: 'variables.global.last' } : {};
    return this.#undone({ ...tool, ...saved }, place);
  }

  /** Sometimes with what undoes it. What runs late is not undone. */
  #undone(step: PlainStep, place: Place): PlainStep {
    return place.late || !this.#chance(0.3) ? step : this.#withUndo(step, place);
  }

  #withUndo(step: PlainStep, place: Place): PlainStep {
    const undo = this.#tool(`${step.id}_undo`, 'effect', { ...place, late: true });
    return { ...step, compensate: { ...undo, idempotent: true, retry: PATIENT } };
  }

  #flaky(id: string, place: Place): PlainStep {
    const tool = this.#tool(id, 'effect', place, { fail_calls: 1 + this.#below(2) });
    const backoff = this.#any(['fixed', 'linear', 'exponential']);
    return { ...tool, ...this.#safety(), retry: { ...PATIENT, backoff, jitter: this.#chance(0.5) } };
  }

  #cached(id: string, place: Place): PlainStep {
    return {
      ...this.#tool(id, 'effect', place),
      idempotent: true,
      retry: PATIENT,
      cache_seconds: 600,
      'x-cached': true,
    };
  }

  #set(id: string, { wild, names }: Place): PlainStep {
    const amount = 1 + this.#below(20);
    if (wild) return { id, type: 'set', add: { 'variables.global.wild': amount }, 'x-adds': { wild: amount } };
    const item = [id, ...names.map((name) => `{{${name}}}`)].join(' ');
    switch (this.#below(4)) {
      case 0:
        return {
          id,
          type: 'set',
          assign: { 'variables.global.n': `{% variables.global.n + ${amount} %}` },
          'x-adds': { n: amount },
        };
      case 1:
        return { id, type: 'set', values: { amount }, add: { 'variables.global.n': amount }, 'x-adds': { n: amount } };
      case 2:
        return {
          id,
          type: 'set',
          append: { 'variables.global.all': item },
          add: { 'variables.global.n': 1 },
          'x-adds': { n: 1, all: 1 },
        };
      default:
        return { id, type: 'set', merge: { 'variables.global.map': { [id]: amount } } };
    }
  }

  #elicit(id: string, place: Place): PlainStep {
    const question = this.#form(id, `ask ${this.#label(id, place)}`);
    const bound = this.#chance(0.5) ? { timeout_seconds: TEN_DAYS } : {};
    return place.calm || this.#chance(0.8) ? { ...question, ...bound, ...GO_ON } : { ...question, ...bound };
  }

  #form(id: string, message: string): PlainStep {
    return { id, type: 'elicit', message, schema: FORM };
  }

  #again(id: string, place: Place): PlainStep {
    const inside = { ...place, calm: true, again: true };
    const tool = this.#tool(this.#id(), 'effect', inside, { fail_keys: 1 });
    const steps = [...this.list(inside), { ...tool, ...this.#safety(), retry: STUBBORN }];
    return { id, type: 'group', steps, retry: { max_attempts: 2, delay_seconds: this.#any([0, 0.2]) } };
  }

  /** A graph of which some step may fail: those after it are skipped, the others go on. */
  #graph(id: string, place: Place): PlainStep {
    const inside = { ...place, calm: true, beside: true };
    const steps = [...this.list(inside), ...this.list(inside)];
    const bad = this.bad({ ...inside, calm: false });
    const safely = place.calm || this.#chance(0.5) ? { can_fail_safely: true } : {};
    const all = this.#chance(0.5) ? [{ ...bad, ...safely }, ...steps] : steps;
    const nodes = all.map((step, index) => {
      const before = all.slice(0, index).filter(() => this.#chance(0.4));
      return index > 0 && before.length > 0 ? { ...step, depends_on: before.map((one) => one.id) } : step;
    });
    const last = nodes.at(-1);
    const [root] = nodes;
    if (last === undefined || root === undefined) throw new Error('a graph has steps');
    const joined = nodes.length > 1 ? [...nodes.slice(0, -1), { ...last, depends_on: [root.id] }] : nodes;
    return { id, type: 'group', max_concurrency: 1 + this.#below(4), steps: joined };
  }

  /** What fails cuts off what runs beside it, at a moment that nobody knows. */
  #cut(id: string, place: Place): PlainStep {
    const inside = { ...place, depth: place.depth + 1, calm: true, beside: true, wild: true };
    const first = this.bad({ ...inside, calm: false });
    const wait = { id: this.#id(), type: 'wait', seconds: 0.1 };
    const others = [...this.list(inside), ...this.list(inside)];
    const cut = this.#id();
    const steps = this.#chance(0.5)
      ? { type: 'parallel', branches: { a: [wait, first], b: others } }
      : { type: 'group', steps: [wait, { ...first, depends_on: [wait.id], critical: true }, ...others] };
    return {
      id,
      type: 'try',
      steps: [{ id: cut, ...steps, 'x-wild': true }],
      catch: [{ steps: this.list({ ...place, depth: MAX_DEPTH, calm: true }) }],
    };
  }

  #failed(id: string, place: Place): PlainStep {
    const steps = [{ id: this.#id(), type: 'fail', code: `no_${id}`, message: `not ${this.#label(id, place)}` }];
    const handled = { id: this.#id(), type: 'emit', message: '{{error.message}}', level: 'warning' };
    return { id, type: 'try', steps, catch: [{ match: [`no_${id}`], steps: [handled] }] };
  }

  #loop(id: string, place: Place): PlainStep {
    const inside = { ...place, again: true };
    const delay = this.#chance(0.4) ? { delay_seconds: this.#any([0.1, 1]) } : {};
    return { id, type: 'loop', max_iterations: 1 + this.#below(3), ...delay, steps: this.list(inside) };
  }

  #foreach(id: string, place: Place, atOnce: boolean): PlainStep {
    const as = `item_${id}`;
    const collect = this.#chance(0.3);
    const inside: Place = {
      ...place,
      names: [...place.names, as],
      calm: atOnce ? !collect : place.calm && !collect,
      beside: place.beside || atOnce,
    };
    const items = ['x', 'y', 'z'].slice(this.#below(3));
    const policy = collect ? { on_item_error: 'collect' } : {};
    return { id, type: 'foreach', as, items, ...policy, max_concurrency: atOnce ? 2 : 1, steps: this.list(inside) };
  }

  #try(id: string, place: Place): PlainStep {
    const risky = [...this.list({ ...place, calm: false }), this.bad({ ...place, calm: false })];
    const catches = [{ match: ['loop_exhausted', 'transport'], steps: this.list(place) }, { steps: this.list(place) }];
    const last = this.#chance(0.6)
      ? { finally: this.list({ ...place, depth: MAX_DEPTH, calm: true, late: true }) }
      : {};
    return { id, type: 'try', steps: risky, catch: catches, ...last };
  }

  #switch(id: string, place: Place): PlainStep {
    const when =
      place.beside || place.wild ? `{{input.k}} == ${this.#below(2)}` : `{{variables.global.n}} > ${this.#below(40)}`;
    return { id, type: 'switch', cases: [{ when, steps: this.list(place) }], default: this.list(place) };
  }

  /** A call that is never made again after a crash; that it fails then is caught. */
  #once(id: string, place: Place): PlainStep {
    const inside = { ...place, wild: true };
    const pay = { ...this.#tool(this.#id(), 'effect', inside), on_interrupt: 'fail', retry: STUBBORN, 'x-once': true };
    const reported = this.#set(this.#id(), inside);
    return { id, type: 'try', 'x-wild': true, steps: [pay], catch: [{ match: ['interrupted'], steps: [reported] }] };
  }

  /** A question whose time may be over before somebody answers. */
  #racy(id: string, place: Place): PlainStep {
    const question = this.#form(this.#id(), `racy ${this.#label(id, place)}`);
    const seconds = this.#any([1.5, 3600]);
    return {
      id,
      type: 'group',
      'x-wild': true,
      steps: [{ ...question, timeout_seconds: seconds, ...GO_ON, on_timeout: 'continue' }],
    };
  }

  #tool(id: string, action: string, place: Place, more: object = {}): PlainStep {
    const label = `${place.late ? 'late ' : ''}${this.#label(id, place)}`;
    const args = { task: '{{task.id}}', label, ...(this.#chance(0.7) ? { delay_ms: this.#below(60) } : {}), ...more };
    return { id, type: 'tool', server: LEDGER, action, arguments: args, ...(place.again ? { 'x-again': true } : {}) };
  }

  #safety(): object {
    return this.#chance(0.7) ? { idempotent: true } : { on_interrupt: 'retry' };
  }

  /** The same for the same step and items, in every task. */
  #label(id: string, { names }: Place): string {
    return [id, ...names.map((name) => `{{${name}}}`)].join(' ');
  }

  #id(): string {
    return `s${(this.#next += 1)}`;
  }

  #chance(share: number): boolean {
    return this.#options.random() < share;
  }

  #below(limit: number): number {
    return Math.trunc(this.#options.random() * limit);
  }

  #any<T>(list: readonly T[]): T {
    // Undefined only for an empty list.
    return list[this.#below(list.length)] as T;
  }
}

export const LEDGER = 'soak-ledger';

/** Every name of a maker but `bad`, which others use. Together they make every kind of step there is. */
export const KINDS = [
  'effect',
  'flaky',
  'crash',
  'cached',
  'resource',
  'prompt',
  'set',
  'wait',
  'fail',
  'emit',
  'elicit',
  'url',
  'silent',
  'llm',
  'judge',
  'roots',
  'ask',
  'workflow',
  'group',
  'again',
  'graph',
  'parallel',
  'tasks',
  'collect',
  'cut',
  'loop',
  'foreach',
  'foreach_at_once',
  'try',
  'switch',
  'once',
  'racy',
  'succeed',
] as const;

const BLOCKS: ReadonlySet<string> = new Set([
  'group',
  'again',
  'graph',
  'parallel',
  'tasks',
  'collect',
  'cut',
  'loop',
  'foreach',
  'foreach_at_once',
  'try',
  'switch',
  'once',
  'racy',
]);
/** What a task that is cleaned up cannot do, or what would be cut off then. */
const CUT_OFF: ReadonlySet<string> = new Set(['racy', 'cut']);

const FORM = {
  type: 'object',
  properties: { n: { type: 'integer' }, nonce: { type: 'string' } },
  required: ['n'],
};
const GO_ON = { on_decline: 'continue', on_cancel: 'continue' };
