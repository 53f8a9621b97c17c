/**
 * How putting a question to a client ended. `withdrawn`: the request that carried it ended first, so nobody has
 * answered.
 */
export type Verdict = 'answered' | 'unanswerable' | 'withdrawn';

/**
 * The questions that one connection is being asked now. Several requests may wait for one task; the person sees its
 * question once, and when the request that carried it is withdrawn, the next one asks.
 */
export class SharedQuestions {
  readonly #asking = new Map<string, Promise<Verdict>>();

  /**
   * Puts the question, or waits for the one who does. Rejects as `put` does; resolves `withdrawn` when `signal` aborts.
   */
  async ask(id: string, signal: AbortSignal, put: () => Promise<Verdict>): Promise<Verdict> {
    for (let other = this.#asking.get(id); other !== undefined; other = this.#asking.get(id)) {
      const verdict = await orWithdrawn(other, signal);
      if (signal.aborted) return 'withdrawn';
      if (verdict !== 'withdrawn') return verdict;
    }
    const own = put();
    this.#asking.set(id, own);
    try {
      return await own;
    } finally {
      this.#asking.delete(id);
    }
  }
}

function orWithdrawn(verdict: Promise<Verdict>, signal: AbortSignal): Promise<Verdict> {
  return new Promise((resolve) => {
    const onAbort = (): void => resolve('withdrawn');
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    verdict
      .catch((): Verdict => 'unanswerable')
      .then((value) => {
        signal.removeEventListener('abort', onAbort);
        resolve(value);
      })
      .catch(() => undefined);
  });
}
