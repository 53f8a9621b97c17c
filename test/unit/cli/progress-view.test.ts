import { describe, expect, test } from 'vitest';
import { bar, frame, FrameWriter } from '../../../src/cli/progress-view.ts';
import type { FrameInput } from '../../../src/cli/progress-view.ts';
import type { StepRow } from '../../../src/tasks/task.ts';
import { taskView } from '../../support/task-view.ts';

const view = taskView();
const steps: readonly StepRow[] = [
  { path: 'fetch', status: 'completed', attempts: 1, startedAt: view.createdAt, endedAt: view.createdAt + 1200 },
  { path: 'shot', status: 'working', attempts: 2, startedAt: view.createdAt + 1200 },
];

function draw(changes: Partial<FrameInput> = {}): readonly string[] {
  return frame({ view, steps, now: view.createdAt + 4200, tick: 0, columns: 60, rows: 24, colour: false, ...changes });
}

describe('frame', () => {
  test('shows message, elapsed time, bar, steps, attempts', () => {
    expect(draw()).toEqual([
      '⠋ report  step 1 of 2: collect                        4.2 s',
      '  ████████████░░░░░░░░░░░░ 50 %',
      '  ✔ fetch                                             1.2 s',
      '  ⠋ shot  attempt 2                                   3.0 s',
    ]);
  });

  test('is a function of its input: the same input gives the same lines', () => {
    expect(draw()).toEqual(draw());
  });

  test('a message with a known total has a bar of its own', () => {
    const lines = draw({ message: { text: 'pages', progress: 3, total: 12 } });
    expect(lines[2]).toBe('  ██████░░░░░░░░░░░░░░░░░░ 3 of 12  pages');
  });

  test('an ended task shows how long it took, not how long ago it began', () => {
    const ended = taskView({
      status: 'completed',
      statusMessage: 'done',
      endedAt: view.createdAt + 2000,
      percent: 100,
    });
    expect(draw({ view: ended, now: view.createdAt + 99_000 })[0]).toMatch(/^✔ report {2}done +2\.0 s$/);
  });

  test('a step that was cut off took until the task ended, however long ago that was', () => {
    const ended = taskView({ status: 'cancelled', statusMessage: 'cancelled', endedAt: view.createdAt + 2000 });
    const cut: StepRow = { path: 'q', status: 'failed', attempts: 1, startedAt: view.createdAt + 500 };
    expect(draw({ view: ended, steps: [cut], now: view.createdAt + 99_000 })[2]).toMatch(/q +1\.5 s$/);
  });

  test('no line is wider than the terminal, however long the texts are', () => {
    const long = [
      { path: 'p'.repeat(200), status: 'failed' as const, attempts: 3, error: { code: 'c', message: 'm'.repeat(200) } },
    ];
    for (const columns of [20, 37, 80]) {
      for (const line of draw({ steps: long, columns })) expect(line.length).toBeLessThan(columns);
    }
  });

  test('a terminal with few rows shows the last steps and says how many it hides', () => {
    const many = Array.from({ length: 50 }, (_, index): StepRow => ({
      path: `s${index}`,
      status: 'completed',
      attempts: 1,
    }));
    const lines = draw({ steps: many, rows: 12 });
    expect(lines.length).toBeLessThan(12);
    expect(lines).toContain('  … 43 earlier steps');
    expect(lines.at(-1)).toContain('s49');
  });

  test('escape sequences of a server never reach the terminal', () => {
    const hostile = taskView({ statusMessage: 'a\u001b[2Jb\nc\u009bd' });
    const text = draw({ view: hostile, message: { text: '\u001b]0;title\u0007' } }).join('');
    expect(text).not.toMatch(/\p{Cc}/u);
  });

  test('colour is added only where it is wanted', () => {
    expect(draw({ colour: true })[0]).toContain('\u001b[1m');
    expect(draw().join('')).not.toContain('\u001b');
  });
});

test('a bar stays inside its width for any part, and leaves room for the figure on a narrow terminal', () => {
  for (const part of [-1, 0, 0.5, 1, 7]) expect(bar(part, 80)).toHaveLength(24);
  expect(bar(1, 20)).toHaveLength(11);
  expect(bar(1, 4)).toBe('█');
});

test('no picture is wider or higher than the terminal, so that the next one can replace it', () => {
  const many: StepRow[] = Array.from({ length: 9 }, (_, index) => ({
    path: `step_${index}`,
    status: 'completed',
    attempts: 1,
    startedAt: 0,
    endedAt: 1234,
  }));
  const wide = taskView({ workflow: '日本語の仕事', statusMessage: '日本語の仕事🎉 goes on', percent: 100 });
  const message = { text: '日本語の仕事日本語の仕事日本語の仕事', progress: 1, total: 2 };
  for (const columns of [4, 10, 19, 20, 30, 80]) {
    for (const rows of [3, 8, 24]) {
      const lines = draw({ view: wide, steps: many, message, columns, rows });
      expect(lines.length).toBeLessThan(rows);
      for (const line of lines) expect(widthOf(line)).toBeLessThan(columns);
    }
  }
  expect(draw({ view: wide, steps: many, columns: 30 })[1]).toBe('  █████████████████████ 100 %');
});

/** Columns of a line of ASCII, lines, Japanese and one emoji. */
function widthOf(line: string): number {
  return Array.from(line).reduce((sum, letter) => sum + (/[\u3000-\u9fff🎉]/u.test(letter) ? 2 : 1), 0);
}

test('a frame replaces the one before it; after done the next starts below', () => {
  const written: string[] = [];
  const out = { write: (text: string) => void written.push(text), isTerminal: true, columns: 80, rows: 24 };
  const writer = new FrameWriter({ out, canRedraw: true });
  writer.draw(['a', 'b']);
  writer.draw(['c']);
  writer.done();
  writer.draw(['d']);
  expect(written).toEqual(['\u001b[0Ja\nb\n', '\u001b[2A\u001b[0Jc\n', '\u001b[0Jd\n']);
});

test('where nothing can be redrawn, frames stand below one another without escape sequences', () => {
  const written: string[] = [];
  const out = { write: (text: string) => void written.push(text), isTerminal: true, columns: 80, rows: 24 };
  const writer = new FrameWriter({ out, canRedraw: false });
  writer.draw(['a', 'b']);
  writer.draw(['c']);
  writer.clear();
  expect(written).toEqual(['a\nb\n', 'c\n']);
});
