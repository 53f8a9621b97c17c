import type { JsonObject, JsonValue } from '../core/json.ts';
import type { BoundNode, Pause, RunOptions, StepContext } from './kind.ts';
import { attemptPath, FINALLY_NOTE, iterationPath, notePath } from './paths.ts';
import type { Lists, Place } from './place.ts';
import type { Run } from './run.ts';
import { textOf } from './step-view.ts';

/** A pause shorter than this is not worth a commit: after a crash it is simply made again. */
const SHORTEST_DURABLE_PAUSE_MS = 1000;
/** While waiting for a wall-clock time the clock is looked at this often, since it may be set. */
const WALL_CLOCK_CHECK_MS = 60_000;

/** What one attempt can use, cut to the step it belongs to. */
export function attemptContext(
  run: Run,
  lists: Lists,
  { node, path, place }: { readonly node: BoundNode; readonly path: string; readonly place: Place },
  attempt: number,
  idempotencyKey: (taskId: string, path: string) => string,
  signal: AbortSignal,
): StepContext {
  const { clock, downstream, input, children, journal, progress } = run.ports;
  const own = attemptPath(path, attempt);
  const handle = journal.handle(path);
  const placeOf = (options: RunOptions = {}): Place => ({
    prefix: options.prefix ?? own,
    scope: options.scope ?? place.scope,
    signal: options.evenWhenStopped === true ? run.signal : (options.signal ?? signal),
  });
  return {
    path,
    attemptPath: own,
    attempt,
    get idempotencyKey() {
      return idempotencyKey(run.task.taskId, path);
    },
    signal,
    scope: place.scope,
    clock,
    downstream,
    input,
    children,
    limits: run.limits,
    depth: run.task.depth,
    handle: handle?.attempt === attempt ? handle.handle : undefined,
    saveHandle: async (value) => {
      await run.append({ type: 'handle', path, attempt, handle: value });
    },
    // The schema of the kind let only JSON in; zod types it as unknown where a template may stand for anything.
    render: (value, scope = place.scope) => run.render(value as JsonValue, scope, path),
    renderText: async (value) => textOf(await run.render(value as JsonValue, place.scope, path)),
    test: (condition, scope = place.scope) => run.test(condition, scope, path),
    decide: async <T extends JsonValue>(word: string, compute: () => Promise<T>): Promise<T> => {
      const note = notePath(own, word);
      const known = journal.decision(note);
      // What was noted under this word is what this very call computed before.
      if (known !== undefined) return known as T;
      const value = await compute();
      run.note({ type: 'decision', path: note, value });
      return value;
    },
    note: (entry) => {
      run.note(entry);
    },
    pause: (word, plan) =>
      pause(run, notePath(own, word), plan, signal, (detail, wakeAt) => {
        run.progress.detail(node, path, attempt, detail, wakeAt);
      }),
    run: (sequence, options) => lists.sequence(sequence, placeOf(options)),
    runAll: async (sequence, concurrency) => {
      const outputs: { [id: string]: JsonValue } = {};
      await lists.sequence(sequence, placeOf(), { outputs, ...(concurrency === undefined ? {} : { concurrency }) });
      return outputs;
    },
    enterFinally: () => {
      if (journal.decision(notePath(own, FINALLY_NOTE)) === undefined) {
        run.note({ type: 'decision', path: notePath(own, FINALLY_NOTE), value: place.scope.bound });
      }
    },
    iteration: (index, names: JsonObject) => {
      const prefix = iterationPath(own, index);
      return { prefix, scope: place.scope.iteration(prefix, names) };
    },
    charge: (what, amount) => {
      run.charge(what, amount);
    },
    emit: (event) => {
      progress.emit(event);
    },
    status: (detail, wakeAt) => {
      run.progress.detail(node, path, attempt, detail, wakeAt);
    },
  };
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
