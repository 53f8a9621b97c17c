import { StepFailure } from '../core/failure.ts';
import { linkedController, Stopped } from './abort.ts';

/**
 * Runs `worker(0) … worker(count - 1)`, at most `concurrency` at once, started in order. When one throws, no further one starts,
 * the others' signal aborts, and after all have settled the failure of the lowest index is thrown (E2: independent of timing as
 * far as what is recorded is). A signal that aborts from outside is thrown as it is.
 */
export async function fanOut(
  count: number,
  concurrency: number,
  signal: AbortSignal,
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
  const lane = async (): Promise<void> => {
    while (next < count && !controller.signal.aborted) {
      const index = next;
      next += 1;
      try {
        await worker(index, controller.signal);
      } catch (error) {
        stop(error, index);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.max(1, Math.min(concurrency, count)) }, lane));
  } finally {
    controller.release();
  }
  if (signal.aborted) throw signal.reason;
  if (other !== undefined) throw other.error;
  const first = failures.toSorted((a, b) => a.index - b.index)[0];
  if (first !== undefined) throw first.error;
}
