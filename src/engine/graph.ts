import type { StepFailure } from '../core/failure.ts';
import { linkedController, Stopped } from './abort.ts';

/** One piece of work in a graph. */
export interface Job {
  readonly id: string;
  /** Ids of the jobs that must have ended before; unknown ones are ignored. */
  readonly after: readonly string[];
  /** Resolves with the failure when it failed. Rejects when everything is to stop. */
  run(signal: AbortSignal): Promise<StepFailure | undefined>;
  /** Called instead of `run` when a job before it failed; `dependency` is the one that did. */
  skip(dependency: string): Promise<void>;
  /** Its failure does not hold back those after it, and does not fail the graph. */
  readonly canFail: boolean;
  /** Its failure stops everything at once. */
  readonly critical: boolean;
}

interface State {
  readonly job: Job;
  readonly index: number;
  readonly next: State[];
  waitsFor: number;
  /** The failed job on account of which this one must not run. */
  because?: string;
}

/**
 * Runs jobs in the order their dependencies allow, at most `concurrency` at once, ready ones in the order of the list.
 * Work and memory grow with jobs + edges. Ends when every job has ended or been skipped; then throws the failure of the
 * first failed job in list order, if any. What a job rejects with stops the others and is thrown after they have
 * settled.
 */
export async function runGraph(jobs: readonly Job[], concurrency: number, signal: AbortSignal): Promise<void> {
  const states = connect(jobs);
  const controller = linkedController(signal);
  const ready = states.filter((state) => state.waitsFor === 0);
  const failures: { readonly index: number; readonly failure: StepFailure }[] = [];
  let stopped: { readonly error: unknown } | undefined;
  let head = 0;
  let running = 0;
  await new Promise<void>((resolve) => {
    const stop = (error: unknown): void => {
      if (!(error instanceof Stopped)) stopped ??= { error };
      controller.abort(new Stopped());
    };
    const ended = (state: State, because: string | undefined): void => {
      for (const next of state.next) {
        if (because !== undefined) next.because ??= because;
        next.waitsFor -= 1;
        if (next.waitsFor === 0) ready.push(next);
      }
    };
    const work = async (state: State): Promise<void> => {
      const { job, because } = state;
      if (because !== undefined) {
        await job.skip(because);
        ended(state, because);
        return;
      }
      const failure = await job.run(controller.signal);
      if (failure !== undefined && job.critical) {
        stop(failure);
        return;
      }
      const counts = failure !== undefined && !job.canFail;
      if (counts) failures.push({ index: state.index, failure });
      ended(state, counts ? job.id : undefined);
    };
    const pump = (): void => {
      while (!controller.signal.aborted && running < concurrency && head < ready.length) {
        const state = ready[head];
        head += 1;
        if (state === undefined) break;
        running += 1;
        work(state)
          .catch(stop)
          .finally(() => {
            running -= 1;
            pump();
          });
      }
      if (running === 0) resolve();
    };
    pump();
  });
  controller.release();
  if (signal.aborted) throw signal.reason;
  if (stopped !== undefined) throw stopped.error;
  const first = failures.toSorted((a, b) => a.index - b.index)[0];
  if (first !== undefined) throw first.failure;
}

function connect(jobs: readonly Job[]): readonly State[] {
  const states = jobs.map((job, index): State => ({ job, index, next: [], waitsFor: 0 }));
  const byId = new Map(states.map((state) => [state.job.id, state]));
  for (const state of states) {
    for (const id of new Set(state.job.after)) {
      const before = byId.get(id);
      if (before === undefined || before === state) continue;
      before.next.push(state);
      state.waitsFor += 1;
    }
  }
  return states;
}
