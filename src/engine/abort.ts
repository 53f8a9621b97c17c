/**
 * One tree of abort signals per task (E5): the task's own signal at the root, a child for each attempt with a timeout
 * and each group of branches. Aborting a child stops what runs under it and nothing else.
 */
import { setMaxListeners } from 'node:events';
import type { JsonValue } from '../core/json.ts';

/** The reason with which a block stops branches that are no longer wanted. It never leaves the block. */
export class Stopped extends Error {
  override readonly name = 'Stopped';
}

/** A controller that follows its parent until it is released. */
export interface LinkedController {
  readonly signal: AbortSignal;
  abort(reason: Error): void;
  /** Lets go of the parent. Call it when the work under the signal has settled. */
  release(): void;
}

/** Aborts with the parent's reason when the parent does, at once if it already has. */
export function linkedController(parent: AbortSignal): LinkedController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  const follow = (): void => {
    controller.abort(parent.reason);
  };
  if (parent.aborted) follow();
  else parent.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    abort: (reason) => {
      controller.abort(reason);
    },
    release: () => {
      parent.removeEventListener('abort', follow);
    },
  };
}

/**
 * `work`, or the signal's reason as soon as it aborts. The work goes on unseen then: only for calls that were given the
 * signal too.
 */
export function orAbort<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    work.then(
      (value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      },
      (error: unknown) => {
        signal.removeEventListener('abort', onAbort);
        reject(error instanceof Error ? error : new Error(String(error)));
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
  });
}

/**
 * `succeed`: the task ends here with this output. It passes every block (their `finally` runs) and is caught at the top
 * only.
 */
export class EndOfTask extends Error {
  override readonly name = 'EndOfTask';
  readonly output: JsonValue;
  constructor(output: JsonValue) {
    super('the task ends here');
    this.output = output;
  }
}
