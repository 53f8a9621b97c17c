import { statusOf } from '../../src/core/outcome.ts';
import { parseDefinition } from '../../src/definition/parse.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { EngineWorld, text, toolError } from './engine-world.ts';
import type { PlainStep } from './engine-world.ts';

/** A workflow as a random tree: as a file for the server, and what every run of it has to leave behind. */
export interface RandomTree {
  readonly name: string;
  /** JSON of a definition file. */
  readonly json: string;
  /** `path status` of every checkpoint of a run, sorted. */
  readonly checkpoints: readonly string[];
  readonly status: 'completed' | 'failed';
}

interface GrowOptions {
  readonly name: string;
  readonly random: () => number;
  /** Workflows that a step may start. They must not fail. */
  readonly children?: readonly string[];
  /** No step that fails its block, and none that asks: the whole completes by itself. */
  readonly calm?: boolean;
}

/** Where a step stands. `calm`: beside others, so that it must not fail its block. */
interface Place {
  readonly depth: number;
  readonly calm: boolean;
  readonly item: boolean;
}

const MAX_DEPTH = 3;
const MAX_WIDTH = 3;
const FOR_EVER = 1_000_000;
/** More attempts than the server can be gone for: each task that makes it die takes an attempt from all that call it then, and a new start takes its time. */
const PATIENT = { max_attempts: 200, delay_seconds: 0.1 };

/** Grows steps whose outcomes do not depend on timing: what runs beside something else never fails its block. */
class Grower {
  readonly #random: () => number;
  readonly #children: readonly string[];
  readonly #asks: boolean;
  #next = 0;

  constructor({ random, children = [], calm = false }: GrowOptions) {
    this.#random = random;
    this.#children = children;
    this.#asks = !calm;
  }

  list(place: Place): readonly PlainStep[] {
    return Array.from({ length: 1 + this.#below(MAX_WIDTH) }, () => this.#step(place));
  }

  #step(place: Place): PlainStep {
    const id = `s${(this.#next += 1)}`;
    const leaf = place.depth >= MAX_DEPTH || this.#random() < 0.45;
    return leaf ? this.#leaf(id, place) : this.#block(id, { ...place, depth: place.depth + 1 });
  }

  #leaf(id: string, place: Place): PlainStep {
    const label = `{{task.id}} ${id}${place.item ? ' {{item}}' : ''}`;
    const child = this.#children[this.#below(this.#children.length)];
    switch (this.#below(10)) {
      case 0:
        return { id, type: 'set', values: { n: this.#below(100) } };
      case 1:
        return { id, type: 'wait', seconds: this.#below(4) / 10 };
      case 2:
        return { id, type: 'emit', message: `at ${id}` };
      case 3:
        if (!this.#asks) return { id, type: 'set', values: {} };
        return {
          id,
          type: 'elicit',
          message: 'How many?',
          schema: { type: 'object', properties: { n: { type: 'integer' } } },
        };
      case 4:
        if (child === undefined) return { id, type: 'emit', message: `at ${id}` };
        return { id, type: 'workflow', workflow: child };
      default:
        return this.#call(id, label, place.calm);
    }
  }

  #call(id: string, label: string, calm: boolean): PlainStep {
    const tool = { id, type: 'tool', server: 'ledger', retry: PATIENT };
    const safe = this.#random() < 0.7 ? { idempotent: true } : { on_interrupt: 'retry' };
    switch (this.#below(12)) {
      case 0:
      case 1:
        return { ...tool, ...safe, action: 'flaky', arguments: { label, fail_times: 1 + this.#below(2) } };
      case 2:
      case 3: {
        const safely = calm || this.#random() < 0.7 ? { can_fail_safely: true } : {};
        const retry = { max_attempts: 1 + this.#below(2), delay_seconds: 0.1 };
        return { ...tool, ...safe, action: 'flaky', arguments: { label, fail_times: FOR_EVER }, retry, ...safely };
      }
      case 4:
        // The server dies over it, once, with whatever else it was doing.
        return { ...tool, idempotent: true, action: 'crash', arguments: { label, times: 1 } };
      default:
        return { ...tool, ...safe, action: 'record', arguments: { label, delay_ms: this.#below(40) } };
    }
  }

  #block(id: string, place: Place): PlainStep {
    const beside: Place = { ...place, calm: true };
    switch (this.#below(8)) {
      case 0:
        return { id, type: 'parallel', branches: { a: this.list(beside), b: this.list(beside) } };
      case 1:
        return { id, type: 'loop', max_iterations: 1 + this.#below(3), steps: this.list(place) };
      case 2:
        return { id, type: 'foreach', items: this.#items(), steps: this.list({ ...place, item: true }) };
      case 3:
        return {
          id,
          type: 'foreach',
          items: this.#items(),
          max_concurrency: 2,
          steps: this.list({ ...beside, item: true }),
        };
      case 4:
        return {
          id,
          type: 'try',
          steps: this.list(place),
          catch: [{ steps: this.list(place) }],
          ...(this.#random() < 0.5 ? { finally: this.list(place) } : {}),
        };
      case 5:
        return {
          id,
          type: 'switch',
          cases: [{ when: this.#random() < 0.5 ? 'true' : 'false', steps: this.list(place) }],
          default: this.list(place),
        };
      case 6: {
        const [first, ...rest] = [...this.list(beside), ...this.list(beside)];
        const last = rest.pop();
        if (first === undefined || last === undefined) throw new Error('a graph has two steps');
        return { id, type: 'group', steps: [first, ...rest, { ...last, depends_on: [first.id] }] };
      }
      default:
        return { id, type: 'group', steps: this.list(place) };
    }
  }

  #items(): readonly string[] {
    return ['x', 'y', 'z'].slice(this.#below(3));
  }

  #below(limit: number): number {
    return Math.trunc(this.#random() * limit);
  }
}

/** Most that a run may do and wait for when nothing goes wrong, so that a round of many trees does not take minutes. */
const MOST = { calls: 40, checkpoints: 120, waitMs: 4000 };

/** A random workflow and, by the engine alone over a downstream in memory, without any fault, what it does. */
export async function randomTree(options: GrowOptions): Promise<RandomTree> {
  for (;;) {
    const tree = await grown(options);
    if (tree !== undefined) return tree;
  }
}

/** `undefined`: too much of a tree. */
async function grown(options: GrowOptions): Promise<RandomTree | undefined> {
  const { name, calm = false } = options;
  // A question that stands first would be asked by the call itself, before there is a task.
  const first = { id: 'first', type: 'set', values: {} };
  const steps = [first, ...new Grower(options).list({ depth: 0, calm, item: false })];
  const json = JSON.stringify({ name, task: 'required', steps });
  const { loaded, issues } = parseDefinition(json, `${name}.json`, stepSyntaxes);
  if (loaded === undefined) throw new Error(`the tree is no definition: ${JSON.stringify(issues)}\n${json}`);
  const world = new EngineWorld();
  const calls = new Map<string, number>();
  world.autoAnswer = () => ({ action: 'accept', content: { n: 1 } });
  world.downstream.tools['flaky'] = (args) => {
    const label = JSON.stringify(args['label']);
    const made = (calls.get(label) ?? 0) + 1;
    calls.set(label, made);
    return made <= Number(args['fail_times']) ? toolError('flaky failure') : text('ok');
  };
  const end = await world.run(loaded.definition);
  const waited = world.clock.monotonic();
  if (world.called.length > MOST.calls || world.ledger.length > MOST.checkpoints || waited > MOST.waitMs)
    return undefined;
  const status = statusOf(end.outcome) === 'completed' ? 'completed' : 'failed';
  return { name, json, checkpoints: world.ledger.toSorted(), status };
}
