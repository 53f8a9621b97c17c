import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryBuffer } from '../../src/engine/entry-buffer.ts';
import type { JournalEntry, StoredEntry } from '../../src/engine/journal.ts';
import { JournalState } from '../../src/tasks/journal-state.ts';
import { DEFAULT_LIMITS } from '../../src/tasks/limits.ts';
import { RunJournal } from '../../src/tasks/run-journal.ts';
import { dose } from '../support/dose.ts';
import { ManualClock } from '../support/manual-clock.ts';

/** What a run does with its journal, what comes from outside, and time for the disk. */
const STEP = fc.constantFrom('note', 'compute', 'effect', 'too large', 'flush', 'outside', 'turn', 'turn');

const LARGE = 'x'.repeat(2_000);
const checkpoint = (path: string, output: string = path): JournalEntry => ({
  type: 'finished',
  path,
  step: path,
  kind: 'set',
  startedAt: 0,
  result: { status: 'completed', output, attempts: 1 },
});

/** A task's journal on a slow disk: writes are made one after another, each some turns after it was asked for. */
class SlowTask {
  readonly state = new JournalState();
  readonly clock = new ManualClock();
  readonly journal = new RunJournal(
    this.state,
    (entries) => this.write(entries),
    { ...DEFAULT_LIMITS, entryBytes: 1_000 },
    () => this.clock.now(),
  );
  readonly buffer = new EntryBuffer(this.journal, this.clock);
  #last: Promise<unknown> = Promise.resolve();

  write(entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const written = this.#last.then(async () => {
      await new Promise(setImmediate);
      const first = this.state.lastSeq + 1;
      const stored = entries.map((entry, index) => ({ seq: first + index, at: 0, ...entry }));
      for (const entry of stored) this.state.add(entry);
      return stored;
    });
    this.#last = written;
    return written;
  }

  /** Paths and keys, in the order of their numbers. */
  get durable(): readonly string[] {
    return [...this.state.entries()].map((entry) => ('path' in entry ? entry.path : 'key' in entry ? entry.key : ''));
  }
}

describe('what a run gives to its journal', () => {
  it('is durable once a later flush resolves, once, and checkpoints keep the order in which the run saw them (E3, D10)', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 40 }), async (steps) => {
        const task = new SlowTask();
        const given: string[] = [];
        /** Of these whoever comes later may know. */
        const known: string[] = [];
        const missing: string[] = [];
        const refused: unknown[] = [];
        const seen: { readonly path: string; readonly seq: number }[] = [];
        const under: Promise<unknown>[] = [];
        const see = (stored: readonly StoredEntry[]): void => {
          const last = stored.at(-1);
          if (last?.type === 'finished') seen.push(last);
        };
        for (const [index, step] of steps.entries()) {
          const path = `${step} ${index}`;
          if (step === 'note') {
            task.buffer.note({ type: 'decision', path, value: true });
            given.push(path);
            known.push(path);
          } else if (step === 'compute') {
            const taken = task.buffer.defer(checkpoint(path));
            if (taken === undefined) under.push(task.buffer.append(checkpoint(path)).then(see));
            else {
              see(taken);
              known.push(path);
            }
            given.push(path);
          } else if (step === 'effect') {
            under.push(task.buffer.append(checkpoint(path)).then(see));
            given.push(path);
          } else if (step === 'too large') {
            under.push(task.buffer.append(checkpoint(path, LARGE)).catch((error: unknown) => refused.push(error)));
          } else if (step === 'flush') {
            const before = [...known];
            under.push(
              task.buffer.flush().then(() => {
                const durable = new Set(task.durable);
                missing.push(...before.filter((each) => !durable.has(each)));
              }),
            );
          } else if (step === 'outside') {
            under.push(task.write([{ type: 'input_answered', key: path, response: null }]));
          } else {
            await new Promise(setImmediate);
          }
        }
        await Promise.all(under);
        await task.buffer.flush();
        expect(missing).toEqual([]);
        expect(refused).toHaveLength(steps.filter((step) => step === 'too large').length);
        const checkpoints = task.durable.filter((path) => /^(?:compute|effect)/u.test(path));
        expect(task.durable.filter((path) => !path.startsWith('outside')).toSorted()).toEqual(given.toSorted());
        expect(seen.toSorted((a, b) => a.seq - b.seq).map(({ path }) => path)).toEqual(checkpoints);
        expect(new Set(seen.map(({ seq }) => seq)).size).toBe(seen.length);
      }),
      { numRuns: dose(300, 20_000) },
    );
  });
});
