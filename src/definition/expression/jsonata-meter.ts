/**
 * What one evaluation of JSONata costs, counted in steps of the library: the same count on every machine and after
 * every restart, however busy the processor is.
 */

/**
 * Steps an expression may take, and milliseconds of processor time that stop it earlier where single steps are long.
 */
export interface MeterLimits {
  readonly steps: number;
  readonly cpuMs: number;
}

/** Reading the processor's clock costs more than a step: it is read once in so many. */
const STEPS_PER_READING = 256;

/** Characters a function may work on for one step, and how many of them an entry of a list counts. */
const LENGTHS_PER_STEP = 1_024;
const LENGTHS_PER_ENTRY = 16;

/** Evaluations take turns through one meter, because side by side they would count each other's steps. */
export class Meter {
  readonly #limits: MeterLimits;
  #steps = 0;
  #started = process.cpuUsage();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(limits: MeterLimits) {
    this.#limits = limits;
  }

  /**
   * Runs `evaluate` when those before it are done; between two of them the process answers others. Settles as
   * `evaluate` does.
   */
  take<T>(evaluate: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(async () => {
      this.#steps = 0;
      this.#started = process.cpuUsage();
      try {
        return await evaluate();
      } finally {
        // An evaluation never leaves the processor by itself.
        if (this.#steps >= STEPS_PER_READING) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    this.#turn = mine.catch(() => undefined);
    return mine;
  }

  /** Called at every step. @throws Error when the evaluation that has its turn costs too much. */
  step(): void {
    this.#steps += 1;
    if (this.#steps > this.#limits.steps) throw new Error(`it takes more than ${this.#limits.steps} steps`);
    if (this.#steps % STEPS_PER_READING === 0) this.#readClock();
  }

  /** Called before a function works on `args`: long lists and texts are many steps. @throws Error as `step` does. */
  charge(args: readonly unknown[]): void {
    let size = 0;
    for (const arg of args) {
      if (Array.isArray(arg)) size += arg.length * LENGTHS_PER_ENTRY;
      else if (typeof arg === 'string') size += arg.length;
    }
    if (size < LENGTHS_PER_STEP) return;
    this.#steps += Math.floor(size / LENGTHS_PER_STEP);
    this.step();
    this.#readClock();
  }

  #readClock(): void {
    const { user, system } = process.cpuUsage(this.#started);
    if ((user + system) / 1000 > this.#limits.cpuMs) throw new Error(`it runs longer than ${this.#limits.cpuMs} ms`);
  }
}
