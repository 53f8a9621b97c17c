import { describe, expect, it } from 'vitest';
import type { Definition } from '../../../src/definition/model.ts';
import type { StepStatus, StoredEntry } from '../../../src/engine/journal.ts';
import { stepKinds } from '../../../src/steps/index.ts';
import { JournalState } from '../../../src/tasks/journal-state.ts';
import { resumePlan } from '../../../src/tasks/resume-plan.ts';
import { definitionOf } from '../../support/engine-world.ts';

function journalOf(...lines: readonly string[]): readonly StoredEntry[] {
  return lines.map((line, index) => {
    const [path = '', status = ''] = line.split(' ');
    const step = /[^/]*$/.exec(path)?.[0].replace(/[[@#].*/, '') ?? '';
    return {
      type: 'finished',
      path,
      step,
      kind: 'tool',
      startedAt: 0,
      at: 0,
      seq: index + 1,
      result: { status: status as StepStatus, output: null, attempts: 1 },
    };
  });
}

function droppedOf(definition: Definition, journal: readonly StoredEntry[], failed: string, from?: string): unknown {
  const plan = resumePlan(journal, definition, stepKinds, failed, from);
  return plan.ok ? plan.dropped : plan.reason;
}

const tool = (id: string, more: object = {}): { id: string; action: string } => ({ id, action: id, ...more });

describe('what runs again when a failed task is resumed', () => {
  it('includes the blocks around the failed step also when it failed in a later attempt of a block', () => {
    const definition = definitionOf([
      tool('a'),
      { id: 'p', type: 'group', steps: [tool('x'), { id: 'q', type: 'group', steps: [tool('y')] }] },
    ]);
    const journal = journalOf('a completed', 'p#2/x completed', 'p#2/q#3/y failed', 'p#2/q failed', 'p failed');
    expect(droppedOf(definition, journal, 'y')).toEqual(['p#2/q#3/y', 'p#2/q', 'p']);
    expect(droppedOf(definition, journal, 'y', 'p')).toEqual(['p#2/x', 'p#2/q#3/y', 'p#2/q', 'p']);
  });

  it('does not mistake a step for what is inside another whose name it begins with', () => {
    const definition = definitionOf([tool('p'), tool('p2')]);
    expect(droppedOf(definition, journalOf('p completed', 'p2 failed'), 'p2')).toEqual(['p2']);
  });

  it('includes handlers inside blocks: on_error, retry.on_fail, the targets of an elicit step, catch and finally', () => {
    const definition = definitionOf([
      {
        id: 'g',
        type: 'group',
        steps: [
          tool('one', { on_error: 'h1' }),
          tool('two', { retry: { max_attempts: 2, on_fail: 'h2' } }),
          { id: 'ask', type: 'elicit', message: 'ok?', on_decline: 'h3' },
          { id: 't', type: 'try', steps: [tool('body')], catch: [{ steps: [tool('h4')] }], finally: [tool('h5')] },
          ...['h1', 'h2', 'h3'].map((id) => tool(id)),
        ],
      },
    ]);
    const handlers = ['g/h1', 'g/h2', 'g/h3', 'g/t/h4', 'g/t/h5'];
    const journal = journalOf('g/one failed', ...handlers.map((path) => `${path} completed`), 'g/two completed');
    expect(droppedOf(definition, [...journal, ...after(journal, 'g failed')], 'one')).toEqual([
      'g/one',
      ...handlers,
      'g',
    ]);
  });

  it('does not take fail_fast and collect of a parallel step for steps of that name', () => {
    const definition = definitionOf([
      { id: 'p', type: 'parallel', on_error: 'collect', tasks: [tool('a'), tool('b')] },
      tool('collect'),
      tool('last'),
    ]);
    const journal = journalOf('p/a failed', 'p completed', 'collect completed', 'last failed');
    expect(droppedOf(definition, journal, 'a')).toEqual(['p/a', 'p', 'last']);
  });
});

function after(journal: readonly StoredEntry[], line: string): readonly StoredEntry[] {
  return journalOf(line).map((entry) => ({ ...entry, seq: journal.length + 1 }));
}

describe('what a resume warns of', () => {
  it.each(['interrupted', 'timeout', 'transport'])(
    'is also a step that failed as %s, as it may have taken effect',
    (code) => {
      const definition = definitionOf([tool('pay'), tool('safe', { idempotent: true }), tool('other')]);
      const journal = journalOf('pay failed', 'safe failed', 'other failed').map((entry, index) =>
        entry.type === 'finished'
          ? { ...entry, result: { ...entry.result, error: { code: index === 2 ? 'tool_error' : code, message: 'no' } } }
          : entry,
      );
      expect(resumePlan(journal, definition, stepKinds, 'pay')).toMatchObject({
        warnings: [`step 'pay' failed as ${code} and runs again: what it does outside may happen a second time`],
      });
    },
  );
});

describe('a journal after a resume', () => {
  it('has forgotten the deadlines of later attempts of what runs again, and questions nobody answered', () => {
    const at = 0;
    const request = { method: 'elicitation/create', params: {} };
    const state = new JournalState([
      { type: 'timer', path: 'p#2!timeout', wakeAt: 5, seq: 1, at },
      { type: 'timer', path: 'q!timeout', wakeAt: 6, seq: 2, at },
      { type: 'input_requested', path: 'beside', key: 'in-1', request, seq: 3, at },
      { type: 'input_requested', path: 'answered', key: 'in-2', request, seq: 4, at },
      { type: 'input_answered', key: 'in-2', response: 1, seq: 5, at },
      { type: 'resumed', dropped: ['p'], seq: 6, at },
    ]);
    expect(state.timer('p#2!timeout')).toBeUndefined();
    expect(state.timer('q!timeout')).toBe(6);
    expect(state.input('beside')).toBeUndefined();
    expect(state.input('answered')).toMatchObject({ answer: { response: 1 } });
  });
});
