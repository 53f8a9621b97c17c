import { stepFailure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { isoTime } from '../core/clock.ts';
import type { OnMissing } from '../definition/expression/contract.ts';
import { evaluateConditionValue } from '../definition/expression/condition.ts';
import { renderValue } from '../definition/expression/template.ts';
import type { BoundWorkflow } from './bind.ts';
import { EntryBuffer } from './entry-buffer.ts';
import { jsonBytes } from './json-bytes.ts';
import type { JournalEntry, StepResult, StoredEntry, Usage } from './journal.ts';
import type { BoundNode } from './kind.ts';
import { Lanes } from './lanes.ts';
import type { EngineLimits } from './limits.ts';
import { lastSegment, notePath, stepIdIn } from './paths.ts';
import type { ModelBound, RunPorts, RunTask } from './ports.ts';
import { ProgressTracker } from './progress.ts';
import { Results, type Finished } from './results.ts';
import { Scope } from './scope.ts';
import { parseTarget, Variables, type VariableTarget } from './variables.ts';
import { Excerpt } from '../core/excerpt.ts';

/** What an entry keeps of the arguments of a call. */
const GIVEN_CHARACTERS = 4000;

/** Counts what one attempt uses. */
export type Tally = { -readonly [what in keyof Usage]?: number };

/** What goes into a checkpoint beside the result. */
interface FinishMore {
  readonly assign?: { readonly [target: string]: JsonValue };
  readonly used?: Tally;
}

interface Write {
  readonly target: VariableTarget;
  readonly value: JsonValue;
}

/**
 * The state of one run, all of it a function of the journal (E3): results, variables and usage change with an entry, in
 * the same way whether it was just given to the journal or read back after a restart. A checkpoint that only says what
 * was computed may become durable a little later, with those that follow: `flush` comes before everything that has an
 * effect outside the run.
 */
export class Run {
  readonly bound: BoundWorkflow;
  readonly task: RunTask;
  readonly ports: RunPorts;
  readonly limits: EngineLimits;
  readonly lanes: Lanes;
  /** The task's own signal. */
  readonly signal: AbortSignal;
  readonly variables: Variables;
  readonly results = new Results(({ step }) => this.bound.byId.get(step)?.kind.lastStays === true);
  readonly progress: ProgressTracker;
  readonly scope: Scope;
  readonly warnings: string[] = [];
  /** Resolves when the last of those that were let in has left. */
  #exclusive: Promise<void> | undefined;
  readonly #entries: EntryBuffer;
  #finished = 0;
  /** By path, of attempts under way. */
  readonly #given = new Map<string, JsonValue>();
  #usage = { tool_calls: 0, tokens: 0, bytes: 0, usd: 0 };
  /** What calls of models that are under way can take at most. */
  readonly #aside = { tokens: 0, usd: 0 };
  /** Calls by step path whose intent is in the journal and whose result is not, because a crash cut them off. */
  readonly #cutCalls = new Map<string, number>();

  constructor(bound: BoundWorkflow, task: RunTask, ports: RunPorts, limits: EngineLimits, signal: AbortSignal) {
    this.bound = bound;
    this.task = task;
    this.ports = ports;
    this.limits = limits;
    this.lanes = new Lanes(limits.lanes);
    this.signal = signal;
    this.variables = new Variables(bound.definition, task);
    this.#entries = new EntryBuffer(ports.journal, ports.clock);
    this.progress = new ProgressTracker(bound, ports.progress);
    this.scope = new Scope({
      variables: this.variables,
      results: this.results,
      steps: bound.byId,
      fixed: {
        task: { id: task.taskId, created_at: isoTime(task.createdAt) },
        workflow: { name: bound.definition.name },
        schedule: { time: task.scheduleTime ?? null },
      },
    });
    for (const entry of ports.journal.entries()) this.#load(entry);
    for (const calls of this.#cutCalls.values()) this.#usage.tool_calls += calls;
  }

  /** What the task has used so far, restarts included. */
  get usage(): Usage {
    return this.#usage;
  }

  /** Keeps an entry until the next append, with which it becomes durable in one commit and before it in order. */
  note(entry: JournalEntry): void {
    this.#entries.note(entry);
  }

  /** Appends entries and everything that waited before them in one commit. */
  append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    return this.#entries.append(...entries);
  }

  /** Whether checkpoints wait that the journal does not have yet. */
  get deferred(): boolean {
    return this.#entries.holdsCheckpoints;
  }

  /**
   * Resolves when everything is durable that waited, or was on its way: before anything has an effect outside the run
   * (E3).
   */
  flush(): Promise<void> {
    return this.#entries.flush();
  }

  /**
   * Gives a checkpoint to the journal, and lets the run see it when it is durable, or at once where nothing but
   * computation is lost with it (E3). That of the last step is committed together with the outcome.
   */
  async finish(
    node: BoundNode,
    path: string,
    startedAt: number,
    result: StepResult,
    { assign = {}, used = {} }: FinishMore = {},
  ): Promise<StepResult> {
    const stored =
      Object.keys(assign).length === 0 ? result : { ...result, view: { ...result.view, assigned: assign } };
    const saved = this.variables.savedBy(writesOf(node, stored));
    const checkpoint: JournalEntry = {
      type: 'finished',
      path,
      step: node.id,
      kind: node.kind.type,
      startedAt,
      result: stored,
      ...(saved === undefined ? {} : { saved }),
      ...this.usedIn(used),
      ...this.givenTo(path),
    };
    const isLast = node === this.bound.last && path === node.id && result.status === 'completed';
    const late = isLast || this.#onlyComputed(node, result);
    const entries = (late ? this.#entries.defer(checkpoint) : undefined) ?? (await this.append(checkpoint));
    const entry = entries.at(-1);
    if (entry?.type !== 'finished') throw new Error('the journal gave back another entry than was appended');
    this.#take(entry, node);
    this.progress.ended(node, result.status, entry.at);
    if (!isLast && this.#entries.isDue) await this.flush();
    return entry.result;
  }

  /**
   * Runs `work` while no other work given to this method runs: a step that reads variables and writes them sees what
   * the one before wrote, and its checkpoint comes next in the journal. Settles as `work` does; never waits for one
   * that waits for a person or a server.
   */
  async exclusively<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#exclusive;
    let done: () => void = () => undefined;
    this.#exclusive = new Promise((resolve) => {
      done = resolve;
    });
    try {
      await before;
      return await work();
    } finally {
      done();
    }
  }

  /** Checked before each step: more checkpoints than allowed end the task. */
  checkStepLimit(): void {
    if (this.#finished < this.limits.stepsPerTask) return;
    throw stepFailure(
      'limit_exceeded',
      `the task ran ${this.#finished} steps; ${this.limits.stepsPerTask} are allowed`,
    );
  }

  /**
   * The tally of the first attempt of this run: calls that crashes cut off belong to it, as no entry of theirs will
   * tell of them.
   */
  tallyOf(path: string): Tally {
    const calls = this.#cutCalls.get(path) ?? 0;
    this.#cutCalls.delete(path);
    return calls === 0 ? {} : { tool_calls: calls };
  }

  /** The tally of an attempt as its entry keeps it; without a budget, calls and tokens alone. */
  usedIn(used: Tally): { readonly used?: Tally } {
    if (this.bound.definition.budget !== undefined) return { used };
    const { tool_calls: calls, tokens } = used;
    if (calls === undefined && tokens === undefined) return {};
    return { used: { ...(calls !== undefined && { tool_calls: calls }), ...(tokens !== undefined && { tokens }) } };
  }

  /** What the attempt under way at a path calls somebody with. */
  give(path: string, given: JsonValue): void {
    this.#given.set(path, new Excerpt(GIVEN_CHARACTERS).of(given, GIVEN_CHARACTERS));
  }

  /** The same for the entry that ends the attempt. */
  givenTo(path: string): { readonly given?: JsonValue } {
    const given = this.#given.get(path);
    this.#given.delete(path);
    return given === undefined ? {} : { given };
  }

  /**
   * Counts against `budget`, and in the tally of the attempt. Throws `budget_exceeded` and counts nothing when it would
   * be too much.
   */
  charge(what: keyof Usage, amount: number, tally: Tally): void {
    const limit = this.bound.definition.budget?.[what];
    const next = this.#usage[what] + amount;
    if (limit !== undefined && next > limit) {
      throw stepFailure('budget_exceeded', `${what} would be ${next}; the budget is ${limit}`);
    }
    this.#usage[what] = next;
    tally[what] = (tally[what] ?? 0) + amount;
  }

  /**
   * Holds what a turn of a model can take at most, until the function that it gives is called. Throws `budget_exceeded`
   * where that is too much.
   */
  setAside({ tokens, usd }: ModelBound): () => void {
    const budget = this.bound.definition.budget ?? {};
    const aside = this.#aside;
    if (budget.usd !== undefined && usd === undefined) {
      throw stepFailure('budget_exceeded', 'the model has no price, so a budget in US dollars cannot be kept');
    }
    for (const [what, most] of [
      ['tokens', tokens],
      ['usd', usd ?? 0],
    ] as const) {
      const limit = budget[what];
      const next = this.#usage[what] + aside[what] + most;
      if (limit === undefined || next <= limit) continue;
      const spent = `${shown(this.#usage[what] + aside[what])} are used or set aside`;
      const text = `the turn may take ${shown(most)} ${what} and ${spent}; the budget is ${limit}`;
      throw stepFailure('budget_exceeded', `${text} (a lower max_tokens takes less)`);
    }
    aside.tokens += tokens;
    aside.usd += usd ?? 0;
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      aside.tokens -= tokens;
      aside.usd -= usd ?? 0;
    };
  }

  /** Counts what was paid for, whatever the budget says, and makes it durable together with what it bought. */
  async spend(path: string, value: JsonValue, used: Partial<Usage>): Promise<void> {
    this.#count(used);
    await this.append({ type: 'decision', path, value, used });
  }

  #count(used: Partial<Usage>): void {
    // Its members are those of `Usage`.
    for (const [what, amount] of Object.entries(used)) this.#usage[what as keyof Usage] += amount;
  }

  /**
   * Renders the templates of a value. What resolves to nothing is a warning or, in a strict definition, a failure (rule
   * 4).
   */
  async render(value: JsonValue, scope: Scope, path: string): Promise<JsonValue> {
    return await renderValue(value, scope, this.#onMissing(path));
  }

  async test(condition: string, scope: Scope, path: string): Promise<boolean> {
    return await evaluateConditionValue(condition, scope, this.#onMissing(path));
  }

  /** Keeps a warning for the client, durably with the next entry. The same text is kept once. */
  warn(path: string, text: string): void {
    if (this.#remember(text))
      this.note({ type: 'emitted', path: notePath(path, 'warning'), level: 'warning', message: text });
  }

  /** A step that can be undone is none: whether it has succeeded decides what a cancel does. */
  #onlyComputed(node: BoundNode, { status }: StepResult): boolean {
    const effectFree = status === 'skipped' || (status === 'completed' && node.kind.effectFree === true);
    return effectFree && !this.bound.compensations.has(node.id);
  }

  #onMissing(path: string): OnMissing {
    return (missing) => {
      const what = missing.startsWith('{%') ? missing : `{{${missing}}}`;
      if (this.bound.definition.strict) {
        throw stepFailure('template_error', `'${what}' resolves to nothing`);
      }
      this.warn(path, `step '${stepIdIn(lastSegment(path))}': '${what}' resolves to nothing`);
    };
  }

  #remember(text: string): boolean {
    if (this.warnings.length >= this.limits.warnings || this.warnings.includes(text)) return false;
    this.warnings.push(text);
    return true;
  }

  #load(entry: StoredEntry): void {
    if (entry.type === 'emitted' && entry.level === 'warning' && entry.path.endsWith('!warning')) {
      this.#remember(entry.message);
    }
    this.#countCut(entry);
    if (entry.type === 'decision' && entry.used !== undefined) this.#count(entry.used);
    if (entry.type !== 'finished' && entry.type !== 'attempt_failed') return;
    const node = this.bound.byId.get(entry.step);
    if (node === undefined) return;
    this.#count(entry.used ?? this.#guessed(entry, node));
    if (entry.type !== 'finished') return;
    this.#take(entry, node);
    this.progress.replayed(node, entry.result.status, entry.at);
  }

  #countCut(entry: StoredEntry): void {
    if (this.bound.definition.budget === undefined) return;
    switch (entry.type) {
      case 'started':
        if (this.bound.byId.get(entry.step)?.kind.callsTools !== true) return;
        this.#cutCalls.set(entry.path, (this.#cutCalls.get(entry.path) ?? 0) + 1);
        return;
      case 'handle':
        // Whoever follows the task counts its call.
        this.#cutCalls.set(entry.path, Math.max(0, (this.#cutCalls.get(entry.path) ?? 0) - 1));
        return;
      case 'finished':
      case 'attempt_failed':
        this.#cutCalls.delete(entry.path);
        return;
      default:
    }
  }

  /** What an entry of an older release tells of its use. */
  #guessed(entry: Finished | Extract<StoredEntry, { type: 'attempt_failed' }>, node: BoundNode): Partial<Usage> {
    if (this.bound.definition.budget === undefined) return {};
    const called = node.kind.callsTools === true ? 1 : 0;
    if (entry.type === 'attempt_failed') return { tool_calls: called };
    const { attempts, view, output } = entry.result;
    // What a result of an earlier task cost was that task's.
    const tokens = view?.['cached'] === true ? 0 : view?.['tokens'];
    return {
      tool_calls: attempts > 0 ? called : 0,
      tokens: typeof tokens === 'number' ? tokens : 0,
      bytes: jsonBytes(output),
    };
  }

  #take(entry: Finished, node: BoundNode): void {
    this.#finished += 1;
    this.results.record(entry);
    for (const { target, value } of writesOf(node, entry.result)) this.variables.write(target, value, entry.seq);
  }
}

/** What a checkpoint writes to variables: a function of the step and its result alone. */
function writesOf(node: BoundNode, result: StepResult): readonly Write[] {
  if (result.status !== 'completed') return [];
  const writes: Write[] = [];
  const assigned = result.view?.['assigned'] as JsonObject | undefined;
  for (const [target, value] of Object.entries(assigned ?? {})) writes.push({ target: parseTarget(target), value });
  const target = node.step.save_output_to;
  if (target !== undefined) writes.push({ target: parseTarget(target), value: result.output });
  return writes;
}

/** An amount for people: sums of dollars have digits that mean nothing. */
function shown(amount: number): string {
  return String(Number(amount.toFixed(6)));
}
