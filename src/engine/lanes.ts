/**
 * How much one task runs at once, all its fan-outs together (D16). A fan-out always has one lane of its own, so that
 * nested ones cannot block each other; every further lane is taken from here.
 */
export class Lanes {
  #free: number;

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a lane if there is one. */
  take(): boolean {
    if (this.#free <= 0) return false;
    this.#free -= 1;
    return true;
  }

  give(): void {
    this.#free += 1;
  }
}
