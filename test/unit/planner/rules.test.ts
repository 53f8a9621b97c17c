import { describe, expect, it } from 'vitest';
import type { RequestEntry } from '../../../src/planner/plan.ts';
import { requestNumber, taskNumber } from '../../../src/planner/plan.ts';
import * as rules from '../../../src/planner/rules.ts';
import { detailsText, nextText, progressTable, requestsTable } from '../../../src/planner/texts.ts';

/** Ids from a number on. */
function idsFrom(first: number): () => string {
  let next = first - 1;
  return () => `task-${(next += 1)}`;
}

const draft = { originalRequest: 'r', tasks: ['a', 'b'].map((title) => ({ title, description: `do ${title}` })) };
const fresh = (): RequestEntry => rules.requestOf('req-1', draft, idsFrom(1));
const done = (...ids: readonly string[]): RequestEntry =>
  ids.reduce((entry, id) => rules.markDone(entry, id, undefined), fresh());
const approved = (...ids: readonly string[]): RequestEntry =>
  ids.reduce((entry, id) => rules.approveTask(rules.markDone(entry, id, undefined), id), fresh());

describe('a task goes Pending → Done → Approved, and never back (P1)', () => {
  it('is Pending, Done and Approved in that order', () => {
    const states = [fresh(), done('task-1'), approved('task-1')].map((entry) =>
      rules.stateOf(rules.taskIn(entry, 'task-1')),
    );
    expect(states).toEqual(['Pending', 'Done', 'Approved']);
  });

  it('is not approved before it is done (P3)', () => {
    expect(() => rules.approveTask(fresh(), 'task-1')).toThrow('Task is not done yet');
  });
});

describe('a task that is done or approved stays as it is (P2)', () => {
  it.each([
    ['done', () => done('task-1')],
    ['approved', () => approved('task-1')],
  ])('%s: neither changed nor deleted', (_state, entry) => {
    expect(() => rules.updateTask(entry(), 'task-1', { title: 'x' })).toThrow(
      'Cannot update completed or approved tasks',
    );
    expect(() => rules.deleteTask(entry(), 'task-1')).toThrow('Cannot delete completed or approved tasks');
    expect(() => rules.markDone(entry(), 'task-1', 'other details')).toThrow(
      'Cannot update completed or approved tasks',
    );
  });

  it('pending: both', () => {
    expect(rules.taskIn(rules.updateTask(fresh(), 'task-2', { title: 'x' }), 'task-2')).toMatchObject({
      title: 'x',
      description: 'do b',
    });
    expect(rules.taskIn(rules.updateTask(fresh(), 'task-2', { description: '' }), 'task-2').description).toBe('');
    expect(rules.deleteTask(fresh(), 'task-2').tasks.map(({ id }) => id)).toEqual(['task-1']);
  });
});

describe('a request is completed while all of its tasks are approved (P4)', () => {
  it('not before', () => {
    for (const entry of [fresh(), done('task-1', 'task-2'), approved('task-1')]) {
      expect(() => rules.approveRequest(entry)).toThrow('Not all tasks are approved yet');
    }
  });

  it('new tasks open it again, behind those it has', () => {
    const completed = rules.approveRequest(approved('task-1', 'task-2'));
    expect(completed.completed).toBe(true);
    const again = rules.withTasks(completed, [{ title: 'c', description: '' }], idsFrom(3));
    expect(again.completed).toBe(false);
    expect(again.tasks.map(({ id }) => id)).toEqual(['task-1', 'task-2', 'task-3']);
    expect(rules.nextOf(again)).toMatchObject({ kind: 'task', task: { id: 'task-3' } });
  });
});

describe('what is asked for a second time changes nothing (P5)', () => {
  it('the same value comes back', () => {
    const marked = rules.markDone(fresh(), 'task-1', 'as told');
    expect(rules.markDone(marked, 'task-1', 'as told')).toBe(marked);
    expect(rules.markDone(marked, 'task-1', undefined)).toBe(marked);
    const both = approved('task-1', 'task-2');
    expect(rules.approveTask(both, 'task-1')).toBe(both);
    const completed = rules.approveRequest(both);
    expect(rules.approveRequest(completed)).toBe(completed);
    const entry = fresh();
    expect(rules.updateTask(entry, 'task-1', { title: 'a' })).toBe(entry);
  });
});

describe('the next task', () => {
  it('is the first that is not done, in order', () => {
    expect(rules.nextOf(done('task-1'))).toMatchObject({ kind: 'task', task: { id: 'task-2' } });
    expect(rules.nextOf(done('task-2'))).toMatchObject({ kind: 'task', task: { id: 'task-1' } });
    expect(rules.nextOf(done('task-1', 'task-2'))).toEqual({ kind: 'unapproved' });
    expect(rules.nextOf(approved('task-1', 'task-2'))).toEqual({ kind: 'approved' });
  });
});

describe('texts', () => {
  it('the progress table has a row for each task, with a sign for each state', () => {
    const entry = rules.markDone(approved('task-1'), 'task-2', undefined);
    const more = rules.withTasks(entry, [{ title: 'c', description: 'do c' }], idsFrom(3));
    expect(progressTable(more)).toBe(
      'Task Progress:\n| Status | Task | Description |\n|--------|------|-------------|\n' +
        '| ✅ | a | do a |\n| ⏳ | b | do b |\n| ❌ | c | do c |\n',
    );
  });

  it('nothing in a title breaks the table', () => {
    const entry = rules.updateTask(fresh(), 'task-1', { title: 'a | b\r\n| c', description: 'x\u2028y' });
    expect(progressTable(entry).split('\n')).toHaveLength(6);
    expect(progressTable(entry)).toContain('| ❌ | a \\| b \\| c | x y |\n');
  });

  it('the inventory counts approved tasks', () => {
    const row = { requestId: 'req-1', ...rules.rowOf(rules.markDone(approved('task-1'), 'task-2', undefined)) };
    expect(requestsTable([row])).toBe(
      'Requests:\n| ID | Original Request | Tasks Done | Total Tasks |\n' +
        '|-----|-----------------|------------|-------------|\n| req-1 | r | 1 | 2 |\n',
    );
  });

  it('the inventory cuts a long request at a whole character', () => {
    const long = { ...fresh(), originalRequest: '😀'.repeat(300) };
    expect(rules.rowOf(long).originalRequest).toBe(`${'😀'.repeat(200)}…`);
    expect(rules.rowOf({ ...long, originalRequest: 'x'.repeat(200) }).originalRequest).toBe('x'.repeat(200));
  });

  it('details say the status and what came of the task', () => {
    const task = rules.taskIn(rules.markDone(fresh(), 'task-1', 'it is done'), 'task-1');
    expect(detailsText(task)).toBe(
      'Task Details:\nID: task-1\nTitle: a\nDescription: do a\nStatus: Done\nCompletion Details: it is done',
    );
  });

  it('after the completion nothing is awaited any more', () => {
    const both = approved('task-1', 'task-2');
    expect(nextText(both)).toContain('All tasks are done! Awaiting request completion approval.\n');
    expect(nextText(rules.approveRequest(both))).toContain('All tasks are done! The request is completed.\n');
  });
});

describe('ids', () => {
  it.each(['req-0', 'req-01', 'req--1', 'req-1x', 'req-', '1', 'task-1', 'req-1e3', `req-${'9'.repeat(20)}`])(
    '%s is no request',
    (text) => expect(requestNumber(text)).toBeUndefined(),
  );

  it('are numbers from 1', () => {
    expect([requestNumber('req-1'), taskNumber('task-120')]).toEqual([1, 120]);
  });
});
