import { createHash } from 'node:crypto';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { JournalEntry } from './journal.ts';
import type { BoundNode, Pause, RunOptions, Sequence, SequenceEnd, StepContext } from './kind.ts';
import { numberOf, type NumberBounds } from './numbers.ts';
import { attemptPath, FINALLY_NOTE, iterationPath, mainPath, notePath, scopeOf } from './paths.ts';
import type { Lists, Place } from './place.ts';
import { modelTurn } from './model-turn.ts';
import type { ModelAnswer, ModelRequest, RunPorts } from './ports.ts';
import type { Run, Tally } from './run.ts';
import type { Scope } from './scope.ts';
import { textOf } from './step-view.ts';
import { parseTarget } from './variables.ts';

/** A pause shorter than this is not worth a commit: after a crash it is simply made again. */
const SHORTEST_DURABLE_PAUSE_MS = 1000;
/** While waiting for a wall-clock time the clock is looked at this often, since it may be set. */
const WALL_CLOCK_CHECK_MS = 60_000;

/** One step at one place of a run. */
interface Execution {
  readonly node: BoundNode;
  readonly path: string;
  readonly place: Place;
  /** What this attempt uses. */
  readonly used: Tally;
  readonly previous?: StepContext['previous'];
}

/**
 * What one attempt can use, cut to the step it belongs to. A class, because an object of closures for each attempt is
 * what a run allocates most.
 */
export class AttemptContext implements StepContext {
  readonly path: string;
  readonly attemptPath: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  readonly scope: Scope;
  readonly handle: JsonValue | undefined;
  readonly previous: StepContext['previous'];
  readonly #run: Run;
  readonly #lists: Lists;
  readonly #node: BoundNode;
  readonly #used: Tally;

  constructor(
    run: Run,
    lists: Lists,
    { node, path, place, used, previous }: Execution,
    attempt: number,
    signal: AbortSignal,
  ) {
    const handle = run.ports.journal.handle(path);
    this.path = path;
    this.attemptPath = attemptPath(path, attempt);
    this.attempt = attempt;
    this.previous = previous;
    this.signal = signal;
    this.scope = place.scope;
    this.handle = handle?.attempt === attempt ? handle.handle : undefined;
    this.#run = run;
    this.#lists = lists;
    this.#node = node;
    this.#used = used;
  }

  get idempotencyKey(): string {
    return idempotencyKey(this.#run.task.taskId, mainPath(this.path));
  }

  get clock(): RunPorts['clock'] {
    return this.#run.ports.clock;
  }

  get downstream(): RunPorts['downstream'] {
    return this.#run.ports.downstream;
  }

  get input(): RunPorts['input'] {
    return this.#run.ports.input;
  }

  get children(): RunPorts['children'] {
    return this.#run.ports.children;
  }

  get models(): RunPorts['models'] {
    return this.#run.ports.models;
  }

  get limits(): Run['limits'] {
    return this.#run.limits;
  }

  get lanes(): Run['lanes'] {
    return this.#run.lanes;
  }

  get depth(): number {
    return this.#run.task.depth;
  }

  async saveHandle(handle: JsonValue): Promise<void> {
    await this.#run.append({ type: 'handle', path: this.path, attempt: this.attempt, handle });
  }

  render(value: unknown, scope = this.scope): Promise<JsonValue> {
    // The schema of the kind let only JSON in; zod types it as unknown where a template may stand for anything.
    return this.#run.render(value as JsonValue, scope, this.path);
  }

  async renderText(value: unknown): Promise<string> {
    return textOf(await this.render(value));
  }

  test(condition: string, scope = this.scope): Promise<boolean> {
    return this.#run.test(condition, scope, this.path);
  }

  number(value: number | string, key: string, bounds: NumberBounds): Promise<number> {
    return numberOf(value, key, bounds, (text) => this.render(text));
  }

  variable(target: string): JsonValue | undefined {
    return this.#run.variables.read(parseTarget(target));
  }

  async decide<T extends JsonValue>(word: string, compute: () => Promise<T>): Promise<T> {
    const note = notePath(this.attemptPath, word);
    const known = this.#run.ports.journal.decision(note);
    // What was noted under this word is what this very call computed before.
    if (known !== undefined) return known as T;
    const value = await compute();
    this.#run.note({ type: 'decision', path: note, value });
    return value;
  }

  turn(word: string, model: string, request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer> {
    return modelTurn(this.#run, notePath(this.attemptPath, word), model, request, signal);
  }

  note(entry: JournalEntry): void {
    this.#run.note(entry);
  }

  pause(word: string, plan: Pause): Promise<void> {
    return pause(this.#run, notePath(this.attemptPath, word), plan, this.signal, (detail, wakeAt) => {
      this.status(detail, wakeAt);
    });
  }

  run(sequence: Sequence, options?: RunOptions): Promise<SequenceEnd> {
    return this.#lists.sequence(sequence, this.#place(options));
  }

  async runAll(sequence: Sequence, concurrency: number | undefined): Promise<JsonObject> {
    const outputs: { [id: string]: JsonValue } = {};
    const options = { outputs, ...(concurrency === undefined ? {} : { concurrency }) };
    await this.#lists.sequence(sequence, this.#place(), options);
    return outputs;
  }

  async enterFinally(): Promise<void> {
    const path = notePath(this.attemptPath, FINALLY_NOTE);
    if (this.#run.ports.journal.decision(path) !== undefined) return;
    // At once: what comes next may be cut off before it writes anything.
    await this.#run.append({ type: 'decision', path, value: this.scope.bound });
  }

  iteration(index: number, names: JsonObject): { readonly scope: Scope; readonly prefix: string } {
    const prefix = iterationPath(this.attemptPath, index);
    return { prefix, scope: this.scope.iteration(scopeOf(prefix), names) };
  }

  given(args: JsonValue): void {
    this.#run.give(this.path, args);
  }

  charge(what: 'tool_calls' | 'tokens', amount: number): void {
    this.#run.charge(what, amount, this.#used);
  }

  emit(event: Parameters<StepContext['emit']>[0]): void {
    this.#run.ports.progress.emit(event);
  }

  status(detail: string, wakeAt?: number): void {
    this.#run.progress.detail(this.#node, this.path, this.attempt, detail, wakeAt);
  }

  #place(options: RunOptions = {}): Place {
    return {
      prefix: options.prefix ?? this.attemptPath,
      scope: options.scope ?? this.scope,
      signal: options.evenWhenStopped === true ? this.#run.signal : (options.signal ?? this.signal),
    };
  }
}

/**
 * Equal on every attempt, in every process and where clean-up makes the call again: SHA-256 of task and step path, hex
 * (D5).
 */
function idempotencyKey(taskId: string, path: string): string {
  return createHash('sha256').update(`${taskId}/${path}`).digest('hex');
}

async function pause(
  run: Run,
  path: string,
  plan: Pause,
  signal: AbortSignal,
  tell: (detail: string, wakeAt: number) => void,
): Promise<void> {
  const { clock, journal } = run.ports;
  const known = journal.timer(path);
  const now = clock.now();
  const wakeAt = known ?? ('ms' in plan ? now + plan.ms : plan.until);
  if ('ms' in plan) {
    if (plan.ms <= 0) return;
    if (known === undefined && plan.ms >= SHORTEST_DURABLE_PAUSE_MS) await run.append({ type: 'timer', path, wakeAt });
    // Measured from when it was fixed, and never longer than planned, even if the wall clock was set back.
    const left = known === undefined ? plan.ms : Math.min(plan.ms, wakeAt - now);
    if (left <= 0) return;
    tell('waiting', wakeAt);
    await clock.sleep(left, signal);
    return;
  }
  if (known === undefined) await run.append({ type: 'timer', path, wakeAt });
  for (let left = wakeAt - clock.now(); left > 0; left = wakeAt - clock.now()) {
    tell('waiting', wakeAt);
    await clock.sleep(Math.min(left, WALL_CLOCK_CHECK_MS), signal);
  }
}
