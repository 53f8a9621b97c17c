import { expect } from 'vitest';
import { slowness } from '../../support/machine-speed.ts';
import type { RawMessage } from '../../support/raw-server.ts';
import type { End, HostileInput } from './f-cost-corpus.ts';
import { startSubject, type Cost, type Subject, type SubjectSetup } from './f-cost-subject.ts';

/**
 * One thing that costs whoever is careless much. Rejects where it costs more than it may, or ends otherwise than it
 * should.
 */
export interface CostRow {
  /** After the entry: what it is. */
  readonly title: string;
  readonly run: () => Promise<void>;
}

/** Milliseconds of processor time on the machine that `slowness` knows, and mebibytes beyond the size of the input. */
const HOLD_MS = 250;
const GROWN_MB = 100;
const MB = 1024 * 1024;

/** What is a little too much is tried again in another process: a collection, or compiling, may have fallen into it. */
const TRIES = 3;
const A_LITTLE = 2;

/** As many at once as there are processors to give each a quiet one. */
const LANES = 2;
let free = LANES;
const queue: (() => void)[] = [];

/** Runs `work` when its turn comes. */
export async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => queue.push(resolve));
  try {
    return await work();
  } finally {
    const next = queue.shift();
    if (next === undefined) free += 1;
    else next();
  }
}

/**
 * Gives the input to a server of its own: the answer is clean, another request is answered after it, and neither took
 * too long nor too much. `after` looks at what is left behind.
 */
export async function tried(input: HostileInput, after?: () => Promise<void>): Promise<void> {
  const text = input.text();
  await triedCheaply(input.title, input.setup(), input.size ?? text.length, async (subject) => {
    const answer = await input.run(subject, text);
    expect(await subject.request('ping', '{}')).toHaveProperty('result');
    expectClean(answer, input);
    await after?.();
  });
}

/**
 * What `work` does to a server of its own costs it no more than something of so many bytes may. `F_COST_TABLE` in the
 * environment shows what it was.
 */
export async function triedCheaply(
  title: string,
  setup: SubjectSetup,
  size: number,
  work: (subject: Subject) => Promise<void>,
): Promise<void> {
  const costs: Cost[] = [];
  for (let tries = 0; tries < TRIES; tries += 1) {
    const subject = await startSubject(setup);
    try {
      const { cost } = await subject.measure(() => work(subject));
      costs.push(cost);
      if (process.env['F_COST_TABLE'] !== undefined) console.log(`${title}: ${JSON.stringify(cost)}`);
      const over = excess(cost, size, 1);
      if (over <= 1) return;
      if (over > A_LITTLE) break;
    } finally {
      await subject.end();
    }
  }
  expectCheap(costs, size);
}

/** Bytes, text, value and what is stored of it are each about as large as the input. */
const allowedMb = (size: number): number => GROWN_MB + (4 * size) / MB;

/** How many times over what is allowed. */
function excess({ hold, grown }: Cost, size: number, slow: number): number {
  return Math.max(hold / (HOLD_MS * slow), grown / allowedMb(size));
}

/** The best of them is within what is allowed on this machine as it is now. */
export function expectCheap(costs: readonly Cost[], size: number): void {
  if (costs.some((cost) => excess(cost, size, 1) <= 1)) return;
  const slow = slowness();
  const [best] = [...costs].sort((left, right) => excess(left, size, slow) - excess(right, size, slow));
  if (best === undefined) throw new Error('nothing was tried');
  const { hold, grown } = best;
  expect(
    { hold: hold <= HOLD_MS * slow, grown: grown <= allowedMb(size) },
    `the event loop was held for ${Math.round(hold)} ms of ${Math.round(HOLD_MS * slow)}, and memory grew by ${Math.round(grown)} MiB of ${Math.round(allowedMb(size))}`,
  ).toEqual({ hold: true, grown: true });
}

const OWN_FAULT = -32603;

/** A result, or an error that says what is wrong: not that something went wrong inside, and no stack of calls. */
export function expectClean(answer: RawMessage, { ends, says }: Pick<HostileInput, 'ends' | 'says'>): void {
  const text = JSON.stringify(answer.error ?? answer.result ?? null);
  expect(text).not.toMatch(/\\n {4}at /u);
  expect(answer.error?.code).not.toBe(OWN_FAULT);
  expect(text).not.toMatch(/internal[_ ]error/iu);
  expect(answer.error === undefined || answer.error.message !== '').toBe(true);
  const end: End = answer.error === undefined ? (answer.result?.isError === true ? 'failed' : 'done') : 'refused';
  if (ends === 'wrong') expect(end, text.slice(0, 500)).not.toBe('done');
  else if (ends !== 'any') expect(end, text.slice(0, 500)).toBe(ends);
  if (says !== undefined) expect(text).toMatch(says);
}
