/** Lets at most `limit` in at once; the others wait in the order they came. */
export class Turnstile {
  private inside = 0;
  private readonly waiting = new Set<() => void>();
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  get load(): { readonly inside: number; readonly waiting: number } {
    return { inside: this.inside, waiting: this.waiting.size };
  }

  /**
   * Resolves with the way out, to be taken exactly once. Rejects with the signal's reason; the place in the queue is
   * then free.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.inside >= this.limit) await this.turn(signal);
    else this.inside += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.leave();
    };
  }

  private turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.delete(admit);
        reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason)));
      };
      const admit = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.waiting.add(admit);
    });
  }

  /** The place goes straight to the next in line, so nobody can slip in between. */
  private leave(): void {
    const next = this.waiting.values().next();
    if (next.done === true) {
      this.inside -= 1;
      return;
    }
    this.waiting.delete(next.value);
    next.value();
  }
}
