import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OpenState, TaskRecord } from '../../src/tasks/record.ts';
import { viewOf } from '../../src/tasks/record.ts';
import { nextInputKey, transition, TransitionBug } from '../../src/tasks/transition.ts';
import type { TaskEventIn } from '../../src/tasks/transition.ts';
import { OPEN_RECORD } from '../support/open-record.ts';

const request = { method: 'elicitation/create', params: {} };

const fresh: TaskRecord = { ...OPEN_RECORD, createdAt: 1000, updatedAt: 1000, expiresAt: 100_000 };

/** An event that fits the record wherever its details depend on it. */
function eventFor(record: TaskRecord, kind: number, n: number): TaskEventIn {
  const open: OpenState | undefined = record.state.kind === 'open' ? record.state : undefined;
  switch (kind) {
    case 0:
      return { type: 'claimed', runner: `r${n}`, crashed: n % 2 === 0 };
    case 1:
      return { type: 'appended', count: n };
    case 2:
      return {
        type: 'progressed',
        progress: { message: `m${n}`, percent: n * 7, phases: [], ...(n % 3 === 0 && { wakeAt: n }) },
      };
    case 3:
      return { type: 'input_requested', input: { key: nextInputKey(record), path: `p${n}`, request, requestedAt: n } };
    case 4:
      return { type: 'input_closed', keys: open?.inputs.slice(0, n).map(({ key }) => key) ?? [] };
    case 5:
      return { type: 'settled', status: 'completed', warnings: [`w${n}`] };
    case 6:
      return { type: 'settled', status: 'failed', failure: { code: 'tool_error', message: 'x' }, warnings: [] };
    case 7:
      return { type: 'cancelled', reason: 'r' };
    default:
      return { type: 'resumed', runner: null, expiresAt: n };
  }
}

describe('a task’s transitions', () => {
  it('T3 T5 D9: terminal never changes but by resume of a failed one, unlisted ones throw, nothing goes back', () => {
    let terminal = 0;
    let resumed = 0;
    const step = fc.record({ kind: fc.nat(8), n: fc.nat(20), now: fc.nat(5000) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        let record = fresh;
        const keys = new Set<string>();
        for (const { kind, n, now } of steps) {
          const event = eventFor(record, kind, n);
          const before = JSON.stringify(record);
          const allowed =
            record.state.kind === 'open'
              ? event.type !== 'resumed'
              : event.type === 'resumed' && record.state.status === 'failed';
          if (!allowed) {
            expect(() => transition(record, event, now)).toThrow(TransitionBug);
            expect(JSON.stringify(record)).toBe(before);
            continue;
          }
          const next = transition(record, event, now);
          expect(JSON.stringify(record)).toBe(before);
          expect(next.rev).toBe(record.rev + 1);
          expect(next.updatedAt).toBeGreaterThanOrEqual(record.updatedAt);
          expect(next.percent).toBeGreaterThanOrEqual(record.percent);
          expect(next.epoch).toBe(record.epoch + (event.type === 'claimed' || event.type === 'resumed' ? 1 : 0));
          if (event.type === 'input_requested') {
            expect(keys.has(event.input.key)).toBe(false);
            keys.add(event.input.key);
          }
          const view = viewOf(next);
          const { state } = next;
          expect(view.endedAt !== undefined).toBe(state.kind === 'ended');
          expect(view.status === 'input_required').toBe(state.kind === 'open' && state.inputs.length > 0);
          if (state.kind === 'ended') terminal += 1;
          if (event.type === 'resumed') resumed += 1;
          record = next;
        }
      }),
      { numRuns: 500 },
    );
    expect(terminal).toBeGreaterThan(100);
    expect(resumed).toBeGreaterThan(10);
  });

  it('refuses an input key that is not the next one', () => {
    const input = { key: 'in-7', path: 'p', request, requestedAt: 1 };
    expect(() => transition(fresh, { type: 'input_requested', input }, 1)).toThrow(TransitionBug);
  });
});
