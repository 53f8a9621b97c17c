/**
 * The one place for attempts.
 * E1 step code runs only inside the step-runner.
 * E2 a step path is unique in a task and independent of timing.
 * E3 an outcome is durable before anything outside the run follows from it; one that a later step cannot compute again,
 *    before any later step sees it.
 * E4 time, randomness, ids enter through the context.
 * E5 one AbortSignal tree per task; after abort every kind settles.
 */
import { humanDuration } from '../core/duration.ts';
import type { JsonValue } from '../core/json.ts';
import { messageOf, StepFailure, stepFailure, type Failure } from '../core/failure.ts';
import { linkedController, orAbort } from './abort.ts';
import { AttemptContext } from './attempt-context.ts';
import { needsIntent, resolveInterruption } from './interruption.ts';
import { jsonBytes } from './json-bytes.ts';
import type { StepResult, StoredEntry } from './journal.ts';
import type { BoundNode, StepContext, StepOutput } from './kind.ts';
import { numberOf, POSITIVE_SECONDS } from './numbers.ts';
import { attemptPath, childPath, NAMES_NOTE, notePath } from './paths.ts';
import type { Lists, Place } from './place.ts';
import { retryDelayMs, retryNumbers } from './retry.ts';
import type { Run, Tally } from './run.ts';
import { StepCache } from './step-cache.ts';

type Started = Extract<StoredEntry, { type: 'started' }>;

/** One step at one place of a run. */
interface Execution {
  readonly node: BoundNode;
  readonly path: string;
  readonly place: Place;
}

/** One attempt of it, and what that uses. */
interface Attempt extends Execution {
  readonly used: Tally;
  readonly previous?: StepContext['previous'];
}

/**
 * Runs a step to its checkpoint: reads it back if there is one (D3), else `when`, attempts, retries, and the durable
 * `finished` entry. A failed step is a result. Rejects with the reason of the place's signal, with the journal's error,
 * or on a bug. An attempt that a crash cut off is made again under the same number.
 */
export class StepRunner {
  readonly #run: Run;
  readonly #lists: Lists;
  readonly #cache: StepCache;

  constructor(run: Run, lists: Lists) {
    this.#run = run;
    this.#lists = lists;
    this.#cache = new StepCache(run);
  }

  async run(node: BoundNode, place: Place, segment: string = node.id): Promise<StepResult> {
    const path = childPath(place.prefix, segment);
    const done = this.#run.ports.journal.finished(path);
    if (done !== undefined) return done.result;
    place.signal.throwIfAborted();
    this.#run.checkStepLimit();
    const execution: Execution = { node, path, place };
    if (node.kind.exclusive !== true) return await this.#execute(execution);
    return await this.#run.exclusively(() => this.#execute(execution));
  }

  async #execute(execution: Execution): Promise<StepResult> {
    const { node, path, place } = execution;
    place.signal.throwIfAborted();
    const startedAt = this.#run.ports.clock.now();
    const skipped = await this.#skippedByWhen(execution);
    if (skipped !== undefined) return await this.#run.finish(node, path, startedAt, skipped);
    if (node.step.cache_seconds === undefined) return await this.#attempts(execution, startedAt);
    return await this.#cached(execution, startedAt);
  }

  /**
   * A result that is still good takes the place of the first attempt; one that had begun before a crash is made again
   * all the same.
   */
  async #cached(execution: Execution, startedAt: number): Promise<StepResult> {
    const { node, path, place } = execution;
    await this.#run.flush();
    const key = await this.#cache.keyOf(node, place.scope, path);
    if (key === undefined) return await this.#attempts(execution, startedAt);
    const fresh = this.#run.ports.journal.lastAttempt(path) === undefined;
    const kept = fresh ? await this.#cache.find(node, key) : undefined;
    if (kept !== undefined) {
      const used: Tally = {};
      return await this.#run.finish(node, path, startedAt, this.#charged(node, kept, used), { used });
    }
    const result = await this.#attempts(execution, startedAt);
    if (result.status === 'completed') await this.#cache.keep(node, key, result);
    return result;
  }

  #charged(node: BoundNode, kept: StepResult, used: Tally): StepResult {
    try {
      this.#run.charge('bytes', jsonBytes(kept.output) + jsonBytes(kept.view ?? null), used);
      return kept;
    } catch (error) {
      return failedResult(node, failureOf(error), 0);
    }
  }

  /** Commits a step that will not run because of something before it. */
  async skip(node: BoundNode, place: Place, because: string): Promise<StepResult> {
    const path = childPath(place.prefix, node.id);
    const done = this.#run.ports.journal.finished(path);
    if (done !== undefined) return done.result;
    this.#run.checkStepLimit();
    const error: Failure = { code: 'dependency_failed', message: because };
    const result: StepResult = { status: 'skipped', output: null, attempts: 0, error };
    return await this.#run.finish(node, path, this.#run.ports.clock.now(), result);
  }

  /** `when` is decided once: a step that began before a crash does not ask again whether it should have. */
  async #skippedByWhen({ node, path, place }: Execution): Promise<StepResult | undefined> {
    const { when } = node.step;
    if (when === undefined) return undefined;
    const journal = this.#run.ports.journal;
    const note = notePath(path, 'when');
    if (journal.decision(note) !== undefined || journal.lastAttempt(path) !== undefined) return undefined;
    try {
      if (!(await this.#run.test(when, place.scope, path))) return { status: 'skipped', output: null, attempts: 0 };
    } catch (error) {
      return failedResult(node, failureOf(error), 0);
    }
    this.#run.note({ type: 'decision', path: note, value: true });
    return undefined;
  }

  async #attempts(execution: Execution, startedAt: number): Promise<StepResult> {
    const { node, path, place } = execution;
    const last = this.#run.ports.journal.lastAttempt(path);
    let attempt = last?.attempt ?? 1;
    let cut: Started | undefined;
    let previous: StepContext['previous'];
    if (last !== undefined) this.#run.progress.goesOn(node, this.#run.ports.clock.now());
    if (last?.type === 'attempt_failed') {
      previous = { failure: last.failure, ...(last.view === undefined ? {} : { view: last.view }) };
      await this.#waitToRetry(execution, attempt, last.retryAt ?? last.at, last.at, last.failure);
      attempt += 1;
    } else if (last?.type === 'started' && this.#run.ports.journal.handle(path)?.attempt !== attempt) {
      cut = last;
    }
    for (let used = this.#run.tallyOf(path); ; attempt += 1, used = {}) {
      place.signal.throwIfAborted();
      const end = await this.#oneAttempt({ ...execution, used, previous }, attempt, cut);
      cut = undefined;
      if (end.failure === undefined) {
        const result: StepResult = {
          status: 'completed',
          output: end.output,
          ...(end.view === undefined ? {} : { view: end.view }),
          attempts: attempt,
        };
        this.#noteNames(execution);
        return await this.#run.finish(node, path, startedAt, result, { assign: end.assign ?? {}, used });
      }
      const failure: Failure = { ...end.failure, step: end.failure.step ?? node.id };
      const delay = await this.#retryDelay(execution, failure, attempt);
      if (delay === undefined) {
        return await this.#run.finish(node, path, startedAt, failedResult(node, failure, attempt, end), { used });
      }
      const now = this.#run.ports.clock.now();
      const retryAt = now + delay;
      const view = node.kind.repairs === true ? end.view : undefined;
      const left = view === undefined ? {} : { view };
      const what = {
        path,
        step: node.id,
        attempt,
        failure,
        retryAt,
        ...left,
        ...this.#run.usedIn(used),
        ...this.#run.givenTo(path),
      };
      await this.#run.append({ type: 'attempt_failed', ...what });
      previous = { failure, ...left };
      await this.#waitToRetry(execution, attempt, retryAt, now, failure);
    }
  }

  /** The numbers of the policy may be templates; one that gives none that fits is a failure that no retry helps. */
  async #retryDelay({ node, path, place }: Execution, failure: Failure, attempt: number): Promise<number | undefined> {
    const policy = node.step.retry;
    if (policy === undefined) return undefined;
    try {
      const numbers = await retryNumbers(policy, (text) => this.#run.render(text, place.scope, path));
      return retryDelayMs(numbers, failure, attempt, this.#run.ports.random);
    } catch (error) {
      failureOf(error);
      this.#run.warn(path, `step '${node.id}' is not tried again: ${messageOf(error)}`);
      return undefined;
    }
  }

  /** A step that can be undone keeps the names of its iteration, so that undoing it sees the same `item`. */
  #noteNames({ node, path, place }: Execution): void {
    const names = place.scope.bound;
    if (!this.#run.bound.compensations.has(node.id) || Object.keys(names).length === 0) return;
    this.#run.note({ type: 'decision', path: notePath(path, NAMES_NOTE), value: names });
  }

  /**
   * Waits until `retryAt`, which was fixed at `fixedAt`: never longer than planned, even if the wall clock was set
   * back.
   */
  async #waitToRetry(
    { node, path, place }: Execution,
    failed: number,
    retryAt: number,
    fixedAt: number,
    failure: Failure,
  ): Promise<void> {
    const left = Math.min(retryAt - this.#run.ports.clock.now(), retryAt - fixedAt);
    if (left <= 0) return;
    const why = `attempt ${failed} failed (${failure.code}), waiting ${humanDuration(left)} before attempt ${failed + 1}`;
    this.#run.progress.detail(node, path, 1, why, retryAt);
    await this.#run.ports.clock.sleep(left, place.signal);
  }

  async #oneAttempt(execution: Attempt, attempt: number, cut: Started | undefined): Promise<StepOutput> {
    const { node, path, place } = execution;
    const { ports } = this.#run;
    if (cut !== undefined) {
      await this.#run.flush();
      this.#run.progress.detail(node, path, attempt, 'interrupted');
      const resolution = await orAbort(place.signal, resolveInterruption(node, cut, ports, place.signal));
      if (resolution.next === 'fail') return { output: null, failure: resolution.failure };
      if (resolution.next === 'skip') return { output: null, view: { interrupted: true } };
    }
    this.#run.progress.attempt(node, path, attempt, ports.clock.now());
    const reattach = ports.journal.handle(path)?.attempt === attempt;
    if (!reattach && (await needsIntent(node, ports.downstream, place.signal))) {
      await this.#run.append({ type: 'started', path, step: node.id, attempt });
    } else if (node.kind.effectFree !== true) {
      await this.#run.flush();
    }
    const output = await this.#timed(execution, attempt);
    const bytes = jsonBytes(output.output, this.#run.limits.outputBytes) + jsonBytes(output.view ?? null);
    if (bytes > this.#run.limits.outputBytes) {
      return fail('limit_exceeded', `the output is larger than ${this.#run.limits.outputBytes} bytes`);
    }
    try {
      this.#run.charge('bytes', bytes, execution.used);
    } catch (error) {
      return { output: null, failure: failureOf(error) };
    }
    return output;
  }

  /**
   * Executes under `timeout_seconds`. A leaf is given up as soon as its signal aborts; a block settles what it started
   * first (E5).
   */
  async #timed(execution: Attempt, attempt: number): Promise<StepOutput> {
    const { node, path, place } = execution;
    const leaf = node.kind.blocks(node.step).length === 0;
    let deadline: ReturnType<StepRunner['startDeadline']> | undefined;
    try {
      const timeout = node.kind.ownTimeout === true ? undefined : node.step.timeout_seconds;
      if (timeout !== undefined) {
        const render = (text: string): Promise<JsonValue> => this.#run.render(text, place.scope, path);
        const seconds = await numberOf(timeout, 'timeout_seconds', POSITIVE_SECONDS, render);
        deadline = this.startDeadline(node, path, attempt, place.signal, leaf, seconds);
      }
      const signal = deadline?.signal ?? place.signal;
      const context = new AttemptContext(this.#run, this.#lists, execution, attempt, signal);
      const work = node.bound.execute(context);
      return await (leaf ? orAbort(signal, work) : work);
    } catch (error) {
      place.signal.throwIfAborted();
      if (deadline?.signal.aborted === true) return { output: null, failure: deadline.late.failure };
      if (error instanceof StepFailure) return { output: null, failure: error.failure };
      throw error;
    } finally {
      deadline?.end();
    }
  }

  private startDeadline(
    node: BoundNode,
    path: string,
    attempt: number,
    parent: AbortSignal,
    leaf: boolean,
    seconds: number,
  ): { readonly signal: AbortSignal; readonly late: StepFailure; end(): void } {
    const controller = linkedController(parent);
    const timer = linkedController(parent);
    const late = stepFailure('timeout', `no result after ${humanDuration(seconds * 1000)}`, { step: node.id });
    const ms = leaf ? seconds * 1000 : this.#blockTimeLeft(attemptPath(path, attempt), seconds * 1000);
    this.#run.ports.clock.sleep(ms, timer.signal).then(
      () => {
        controller.abort(late);
      },
      () => undefined,
    );
    return {
      signal: controller.signal,
      late,
      end: () => {
        timer.abort(late);
        timer.release();
        controller.release();
      },
    };
  }

  /** A block's deadline is fixed when its attempt begins, so that a restart does not give it more time. */
  #blockTimeLeft(attempt: string, ms: number): number {
    const note = notePath(attempt, 'timeout');
    const now = this.#run.ports.clock.now();
    const known = this.#run.ports.journal.timer(note);
    if (known !== undefined) return Math.max(0, Math.min(ms, known - now));
    this.#run.note({ type: 'timer', path: note, wakeAt: now + ms });
    return ms;
  }
}

function fail(code: 'limit_exceeded', message: string): StepOutput {
  return { output: null, failure: { code, message } };
}

function failureOf(error: unknown): Failure {
  if (error instanceof StepFailure) return error.failure;
  throw error;
}

function failedResult(node: BoundNode, failure: Failure, attempts: number, end?: StepOutput): StepResult {
  return {
    status: 'failed',
    output: null,
    ...(end?.view === undefined ? {} : { view: end.view }),
    error: { ...failure, step: failure.step ?? node.id },
    attempts,
  };
}
