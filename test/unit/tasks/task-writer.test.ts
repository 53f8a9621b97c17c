import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { MemoryTaskStore } from '../../../src/store/memory-task-store.ts';
import { JournalState } from '../../../src/tasks/journal-state.ts';
import { keys } from '../../../src/tasks/keys.ts';
import { DEFAULT_LIMITS } from '../../../src/tasks/limits.ts';
import { recordValue } from '../../../src/tasks/record.ts';
import { loadEntries, RunJournal } from '../../../src/tasks/run-journal.ts';
import { StoreHealth } from '../../../src/tasks/store-health.ts';
import { TaskWriter, type DatedEntry } from '../../../src/tasks/task-writer.ts';
import { gate } from '../../support/gate.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { OPEN_RECORD } from '../../support/open-record.ts';

async function made(): Promise<{
  readonly store: MemoryTaskStore;
  readonly clock: ManualClock;
  readonly writer: TaskWriter;
  readonly foreign: readonly unknown[];
}> {
  const clock = new ManualClock({ now: 1000 });
  const store = new MemoryTaskStore();
  const { marks } = await store
    .commit({ guards: [], puts: [{ key: keys.task('t'), value: recordValue(OPEN_RECORD) }], deletes: [] })
    .then((result) => (result.ok ? result : { marks: [] }));
  const foreign: unknown[] = [];
  const writer = new TaskWriter(
    { record: OPEN_RECORD, mark: marks[0] ?? '' },
    {
      store,
      clock,
      health: new StoreHealth({ store, clock, logger: silentLogger }),
      onCommitted: () => undefined,
      onForeign: (record) => Promise.resolve(void foreign.push(record)),
    },
  );
  return { store, clock, writer, foreign };
}

describe('the writer of a task', () => {
  it('takes no change of its own for that of another process when it looks again twice at once (T1)', async () => {
    const { store, writer, foreign } = await made();
    const slow = gate();
    const get = store.get.bind(store);
    let reads = 0;
    store.get = async (key) => {
      reads += 1;
      const late = reads === 2;
      const found = await get(key);
      if (late) await slow.passed;
      return found;
    };
    const note = writer.change({ patient: true, apply: (record) => ({ record: { ...record, message: 'one' } }) });
    const looks = [writer.refresh(), writer.refresh()];
    await note;
    await slow.turn();
    const change = writer.change({ patient: true, apply: (record) => ({ record: { ...record, message: 'two' } }) });
    await slow.turn();
    slow.pass(1);
    await Promise.all([...looks, change]);
    expect(foreign).toEqual([]);
    expect(writer.record.message).toBe('two');
  });
});

describe('the journal of a task', () => {
  it('is in the order of its times, also where an entry waited while others were written (D10)', async () => {
    const { store, clock, writer } = await made();
    const emitted = (message: string, at?: number): object => ({
      type: 'emitted',
      path: '',
      message,
      level: 'info',
      ...(at === undefined ? {} : { at }),
    });
    const write = (...entries: readonly object[]): Promise<unknown> =>
      writer.change({ patient: true, apply: (record) => ({ record, entries: entries as readonly DatedEntry[] }) });
    const waited = clock.now();
    await clock.advance(10);
    await write(emitted('answered'));
    await Promise.all([write(emitted('waited', waited)), write(emitted('now'), emitted('waited too', waited + 12))]);
    await clock.advance(20);
    await write(emitted('a step ended', clock.now() - 5), emitted('and the next'));
    const { entries } = await loadEntries(store, 't');
    const times = entries.map(({ at }) => at - waited);
    expect(times).toEqual([10, 10, 10, 10, 25, 30]);
  });

  it('is numbered from 1 without gaps, and no entry takes the place of another, also behind a commit of several (D10)', async () => {
    const { store, writer } = await made();
    const append = (...paths: readonly string[]): Promise<unknown> =>
      writer.change({
        patient: true,
        apply: (record) => ({
          record,
          entries: paths.map((path) => ({ type: 'decision', path, value: true })),
        }),
      });
    await append('a', 'b');
    await Promise.all([append('c', 'd'), append('e')]);
    await append('f');
    const { entries } = await loadEntries(store, 't');
    expect(entries.map((entry) => ('path' in entry ? `${entry.seq} ${entry.path}` : ''))).toEqual([
      '1 a',
      '2 b',
      '3 c',
      '4 d',
      '5 e',
      '6 f',
    ]);
    expect(writer.record.seq).toBe(6);
  });
});

describe('a checkpoint that is written late', () => {
  it('has ended when the step did: the next begins before it is written', async () => {
    const { store, clock, writer } = await made();
    const state = new JournalState();
    const journal = new RunJournal(
      state,
      async (entries) =>
        (await writer.change({ patient: true, apply: (record) => ({ record, entries }) })).entries.map((entry) => {
          state.add(entry);
          return entry;
        }),
      DEFAULT_LIMITS,
      () => clock.now(),
    );
    const given = journal.defer({
      type: 'finished',
      path: 'a',
      step: 'a',
      kind: 'set',
      startedAt: 999,
      result: { status: 'completed', output: 1, attempts: 1 },
    });
    await clock.advance(7);
    await journal.append({ type: 'started', path: 'b', step: 'b', attempt: 1 });
    const { entries } = await loadEntries(store, 't');
    expect(entries.map(({ seq, at }) => ({ seq, at }))).toEqual([
      { seq: 1, at: 1000 },
      { seq: 2, at: 1007 },
    ]);
    expect(entries[0]).toEqual(given?.[0]);
  });
});
