import { Worker } from 'node:worker_threads';
import { JsonScan } from '../../core/json-scan.ts';
import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { ExpressionAnswer, ExpressionJob } from './jsonata-job.ts';

export interface PoolLimits {
  /** How long one expression may take, in milliseconds. */
  readonly deadlineMs: number;
  /** The most memory that a worker is given, in megabytes; what it is given follows from what the expression reads. */
  readonly memoryMb: number;
}

/** Evaluates expressions outside the main thread. */
export interface ExpressionPool {
  /**
   * The value, `undefined` for nothing. Rejects with an Error whose message is fit to be shown, also when a limit is
   * passed.
   */
  evaluate(source: string, input: JsonObject): Promise<JsonValue | undefined>;
}

interface Waiting {
  readonly source: string;
  readonly input: string;
  /** Megabytes that its worker may take. */
  readonly memoryMb: number;
  readonly resolve: (value: JsonValue | undefined) => void;
  readonly reject: (error: Error) => void;
}

const MAX_WORKERS = 2;
/**
 * Megabytes for any expression, for each megabyte of text that it reads, and for each thousand values: the library
 * takes kilobytes for a row that it sorts.
 */
const MEMORY = { base: 64, byMegabyte: 8, byThousandValues: 16 } as const;
/** A worker that has nothing to do for so long is let go. */
const IDLE_MS = 30_000;

/**
 * Worker threads, each for one expression at a time, with a deadline and a bound on memory that end the worker and fail
 * the expression. They are started when they are needed and do not keep the process alive.
 */
export class JsonataPool implements ExpressionPool {
  readonly #limits: PoolLimits;
  readonly #queue: Waiting[] = [];
  readonly #idle: Lane[] = [];
  readonly #lanes = new Set<Lane>();

  constructor(limits: PoolLimits) {
    this.#limits = limits;
  }

  evaluate(source: string, input: JsonObject): Promise<JsonValue | undefined> {
    return new Promise((resolve, reject) => {
      // Text is copied between threads faster than a tree of values.
      const text = JSON.stringify(input);
      this.#queue.push({ source, input: text, memoryMb: this.#memoryFor(text), resolve, reject });
      this.#next();
    });
  }

  /** Ends every worker; expressions under way fail. */
  async close(): Promise<void> {
    await Promise.all([...this.#lanes].map((lane) => lane.end(new Error('the server is stopping'))));
  }

  #memoryFor(text: string): number {
    const counter = new JsonScan({ values: Number.MAX_SAFE_INTEGER, depth: Number.MAX_SAFE_INTEGER });
    counter.add(Buffer.from(text));
    const wanted =
      MEMORY.base + (text.length / 1_048_576) * MEMORY.byMegabyte + (counter.count / 1000) * MEMORY.byThousandValues;
    return Math.min(this.#limits.memoryMb, Math.ceil(wanted));
  }

  #next(): void {
    for (let [job] = this.#queue; job !== undefined; [job] = this.#queue) {
      const lane = this.#take(job.memoryMb);
      if (lane === undefined) return;
      this.#queue.shift();
      lane.run(job);
    }
  }

  /** An idle worker that is large enough, or a new one; an idle one that is too small makes room for it. */
  #take(memoryMb: number): Lane | undefined {
    const at = this.#idle.findIndex((lane) => lane.memoryMb >= memoryMb);
    if (at !== -1) return this.#idle.splice(at, 1)[0];
    if (this.#lanes.size < MAX_WORKERS) return this.#start(memoryMb);
    void this.#idle.pop()?.end(new Error('it makes room for a larger one'));
    return undefined;
  }

  #start(memoryMb: number): Lane {
    const lane: Lane = new Lane(
      { ...this.#limits, memoryMb },
      () => {
        // A large one is let go: what it holds is the machine's.
        if (memoryMb > 2 * MEMORY.base) void lane.end(new Error('it was for one expression'));
        else this.#idle.push(lane);
        this.#next();
      },
      () => {
        this.#lanes.delete(lane);
        const at = this.#idle.indexOf(lane);
        if (at !== -1) this.#idle.splice(at, 1);
        this.#next();
      },
    );
    this.#lanes.add(lane);
    return lane;
  }
}

/** One worker and what it is doing. */
class Lane {
  readonly memoryMb: number;
  readonly #worker: Worker;
  readonly #limits: PoolLimits;
  readonly #onFree: () => void;
  #job: Waiting | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(limits: PoolLimits, onFree: () => void, onEnd: () => void) {
    this.#limits = limits;
    this.#onFree = onFree;
    const { memoryMb } = limits;
    this.memoryMb = memoryMb;
    this.#worker = new Worker(new URL('jsonata-worker.js', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: memoryMb, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 },
      env: {},
    });
    this.#worker.unref();
    this.#worker.on('message', (answer: ExpressionAnswer) => this.#answered(answer));
    this.#worker.on('error', (error: NodeJS.ErrnoException) =>
      this.#fail(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? new Error(`it needs more than ${memoryMb} MB of memory (max_expression_mb); work on a part, or in a tool`)
          : error,
      ),
    );
    this.#worker.on('exit', () => {
      this.#fail(new Error('its worker has ended'));
      onEnd();
    });
  }

  run(job: Waiting): void {
    clearTimeout(this.#timer);
    this.#job = job;
    const { deadlineMs } = this.#limits;
    const late = `it took longer than ${deadlineMs} ms (max_expression_ms); work on a part, or in a tool`;
    this.#timer = setTimeout(() => void this.end(new Error(late)), deadlineMs);
    this.#timer.unref();
    // While it works, its answer is waited for.
    this.#worker.ref();
    const message: ExpressionJob = { source: job.source, input: job.input };
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has no origin
    this.#worker.postMessage(message);
  }

  async end(why: Error): Promise<void> {
    this.#fail(why);
    await this.#worker.terminate();
  }

  #answered(answer: ExpressionAnswer): void {
    const job = this.#job;
    this.#rest();
    if ('problem' in answer) job?.reject(new Error(answer.problem));
    // The worker made the text with JSON.stringify.
    else job?.resolve(answer.json === undefined ? undefined : (JSON.parse(answer.json) as JsonValue));
    this.#onFree();
  }

  #fail(error: Error): void {
    const job = this.#job;
    this.#rest();
    job?.reject(error);
  }

  #rest(): void {
    this.#job = undefined;
    clearTimeout(this.#timer);
    this.#worker.unref();
    this.#timer = setTimeout(() => void this.end(new Error('idle')), IDLE_MS);
    this.#timer.unref();
  }
}
