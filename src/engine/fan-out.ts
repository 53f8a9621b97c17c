import { StepFailure } from '../core/failure.ts';
import { linkedController, Stopped } from './abort.ts';
import type { Lanes } from './lanes.ts';

/** Lanes that start in one turn of the event loop. */
const SLICE = 64;

/**
 * Runs `worker(0) … worker(count - 1)`, at most `concurrency` at once and fewer while the task has no lanes left,
 * started in order. When one throws, no further one starts, the others' signal aborts, and after all have settled the
 * failure of the lowest index is thrown (E2: independent of timing as far as what is recorded is). A signal that aborts
 * from outside is thrown as it is.
 */
export async function fanOut(
  count: number,
  concurrency: number,
  { signal, lanes }: { readonly signal: AbortSignal; readonly lanes: Lanes },
  worker: (index: number, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const controller = linkedController(signal);
  const failures: { readonly index: number; readonly error: unknown }[] = [];
  let other: { readonly error: unknown } | undefined;
  let next = 0;
  const stop = (error: unknown, index: number): void => {
    if (error instanceof StepFailure) failures.push({ index, error });
    else if (!(error instanceof Stopped)) other ??= { error };
    controller.abort(new Stopped());
  };
  const most = Math.min(concurrency, count);
  const extra: Promise<void>[] = [];
  let running = 0;
  let widening = false;
  const more = (): boolean => next < count && !controller.signal.aborted;
  const wanted = (): boolean => running < most && more();
  // Asked again with every item, as lanes come free while this one works.
  const widen = (): void => {
    if (widening) return;
    widening = true;
    for (let started = 0; wanted() && lanes.take(); started += 1) {
      extra.push(lane().finally(() => lanes.give()));
      if (started + 1 < SLICE) continue;
      // Ten thousand at once would keep everybody else waiting.
      setImmediate(() => {
        widening = false;
        widen();
      });
      return;
    }
    widening = false;
  };
  const lane = async (): Promise<void> => {
    running += 1;
    while (more()) {
      const index = next;
      next += 1;
      try {
        const work = worker(index, controller.signal);
        widen();
        await work;
      } catch (error) {
        stop(error, index);
      }
    }
    running -= 1;
  };
  try {
    await lane();
    // The first lane ends when no item is left to start, and from then on no lane is added.
    await Promise.all(extra);
  } finally {
    controller.release();
  }
  if (signal.aborted) throw signal.reason;
  if (other !== undefined) throw other.error;
  const first = failures.toSorted((a, b) => a.index - b.index)[0];
  if (first !== undefined) throw first.error;
}
