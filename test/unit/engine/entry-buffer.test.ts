import { describe, expect, it } from 'vitest';
import { StepFailure } from '../../../src/core/failure.ts';
import { EntryBuffer } from '../../../src/engine/entry-buffer.ts';
import type { JournalEntry, StoredEntry } from '../../../src/engine/journal.ts';
import { gate } from '../../support/gate.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryJournal } from '../../support/memory-journal.ts';

const noted = (path: string): JournalEntry => ({ type: 'decision', path, value: true });
const finished = (path: string): JournalEntry => ({
  type: 'finished',
  path,
  step: path,
  kind: 'set',
  startedAt: 0,
  result: { status: 'completed', output: null, attempts: 1 },
});

/** Refuses entries of the path `large`; those of `slow` become durable when told; with `broken` nothing does. */
class ScriptedJournal extends MemoryJournal {
  readonly slow = gate();
  broken: Error | undefined;
  #last: Promise<unknown> = Promise.resolve();

  refusal(...entries: readonly JournalEntry[]): StepFailure | undefined {
    const isLarge = entries.some((entry) => 'path' in entry && entry.path === 'large');
    return isLarge ? new StepFailure({ code: 'limit_exceeded', message: 'too large' }) : undefined;
  }

  override append(...entries: readonly JournalEntry[]): Promise<readonly StoredEntry[]> {
    const isSlow = entries.some((entry) => 'path' in entry && entry.path === 'slow');
    const appended = this.#last.then(async () => {
      if (isSlow) await this.slow.passed;
      if (this.broken !== undefined) throw this.broken;
      return super.append(...entries);
    });
    this.#last = appended.catch(() => undefined);
    return appended;
  }

  get paths(): readonly string[] {
    return this.entries().flatMap((entry) => ('path' in entry ? [entry.path] : []));
  }
}

function made(): { readonly journal: ScriptedJournal; readonly buffer: EntryBuffer } {
  const journal = new ScriptedJournal();
  return { journal, buffer: new EntryBuffer(journal, new ManualClock()) };
}

describe('what waits for the journal', () => {
  it('waits on when an entry beside it was refused as too large: choices too, which a restart must not make anew', async () => {
    const { journal, buffer } = made();
    buffer.note(noted('choice'));
    await expect(buffer.append(finished('large'))).rejects.toThrow('too large');
    await buffer.flush();
    expect(journal.paths).toEqual(['choice']);
  });

  it('concerns nobody whose own entries are not too large', async () => {
    const { journal, buffer } = made();
    buffer.note(noted('choice'));
    const refused = buffer.append(finished('large'));
    const flushed = buffer.flush();
    await expect(refused).rejects.toThrow('too large');
    await flushed;
    expect(journal.paths).toEqual(['choice']);
  });

  it('is durable before anything outside also when a refusal comes between (E3)', async () => {
    const { journal, buffer } = made();
    buffer.note(noted('first'));
    const under = buffer.append(noted('slow'));
    buffer.note(noted('second'));
    await expect(buffer.append(finished('large'))).rejects.toThrow('too large');
    const flushed = buffer.flush().then(() => journal.paths);
    journal.slow.pass(1);
    expect(await flushed).toEqual(['first', 'slow', 'second']);
    await under;
  });

  it('ends the run when it could not be written in the background: nothing follows from what is nowhere', async () => {
    const { journal, buffer } = made();
    journal.broken = new Error('no such record');
    buffer.defer(finished('computed'));
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    journal.broken = undefined;
    await expect(buffer.flush()).rejects.toThrow('no such record');
    await expect(buffer.append(noted('next'))).rejects.toThrow('no such record');
    expect(buffer.defer(finished('more'))).toBeUndefined();
    expect(journal.paths).toEqual([]);
  });

  it('is said to wait while it is on its way: who reads the journal then would miss it', async () => {
    const { journal, buffer } = made();
    buffer.defer(finished('computed'));
    const under = buffer.append(noted('slow'));
    expect(buffer.holdsCheckpoints).toBe(true);
    journal.slow.pass(1);
    await under;
    expect(buffer.holdsCheckpoints).toBe(false);
  });
});
