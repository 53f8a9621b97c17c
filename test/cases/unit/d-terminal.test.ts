import { describe, expect, it } from 'vitest';
import { explain } from '../../../src/cli/tasks-get.ts';
import { listText } from '../../../src/cli/tasks-list.ts';
import { plainLine, plainText } from '../../../src/cli/terminal.ts';
import type { JsonObject } from '../../../src/core/json.ts';
import type { PendingInput, TaskView } from '../../../src/tasks/task.ts';
import { FakeTerminal } from '../../support/fake-terminal.ts';

const ESC = '\u001B';

describe('D5: sequences for a terminal in texts of servers', () => {
  it.each([
    ['a colour', `${ESC}[31mred${ESC}[0m`, 'red'],
    ['a colour of many', `a ${ESC}[1;38;5;196mb${ESC}[m c`, 'a b c'],
    ['moves and clearing', `${ESC}[2J${ESC}[1;1Hhome${ESC}[1A${ESC}[K`, 'home'],
    ['a mode', `${ESC}[?25lhidden${ESC}[?25h`, 'hidden'],
    ['a link that ends with a bell', `${ESC}]8;;https://example.com\u0007text${ESC}]8;;\u0007`, 'text'],
    [
      'a link that ends with a string terminator',
      `${ESC}]8;;https://example.com${ESC}\\text${ESC}]8;;${ESC}\\`,
      'text',
    ],
    ['a title of the window', `${ESC}]0;owned\u0007after`, 'after'],
    ['a device control string', `before${ESC}P1$r0m${ESC}\\after`, 'beforeafter'],
    ['an application command', `before${ESC}_Gf=100;AAAA${ESC}\\after`, 'beforeafter'],
    ['a set of characters', `${ESC}(Bplain`, 'plain'],
    ['a reset', `${ESC}cplain`, 'plain'],
    ['the short form of eight bits', '\u009B31mred\u009B0m', 'red'],
    ['a title in the short form', '\u009D0;owned\u009Cafter', 'after'],
    ['one that is cut off', `text${ESC}[31`, 'text'],
    ['one after the other', `${ESC}[1m${ESC}[31m${ESC}[4mx${ESC}[0m`, 'x'],
  ])('D5: %s: are removed whole', (_what, text, shown) => {
    expect(plainLine(text)).toBe(shown);
    expect(plainText(`${text}\n\tnext`)).toBe(`${shown}\n\tnext`);
  });

  it.each([
    ['brackets without an escape', 'see [31m and ]0; there', 'see [31m and ]0; there'],
    ['any other control character', 'a\u0000b\u0085c', 'a b c'],
  ])('D5: %s: stay as before', (_what, text, shown) => {
    expect(plainLine(text)).toBe(shown);
  });
});

const NOW = Date.UTC(2026, 0, 1, 12);

function view(taskId: string, more: Partial<TaskView> = {}): TaskView {
  return {
    taskId,
    workflow: 'w',
    digest: 'd'.repeat(64),
    principal: 'local',
    status: 'completed',
    statusMessage: 'completed',
    createdAt: NOW - 10_000,
    lastUpdatedAt: NOW,
    ttl: null,
    pollInterval: 1000,
    rev: 1,
    percent: 100,
    phases: [],
    inputs: [],
    warnings: [],
    ...more,
  };
}

describe('D3: tasks list', () => {
  const lines = (...views: readonly TaskView[]): readonly string[] => listText(views, NOW, undefined).split('\n');
  const child = (taskId: string, parent: string): TaskView => view(taskId, { parent: { taskId: parent, path: 'sub' } });

  it('D3: shows children under their parent, indented, and theirs under them', () => {
    // Newest first, as they come.
    const shown = lines(
      view('newest'),
      child('grandchild', 'child-2'),
      child('child-2', 'parent'),
      view('between'),
      child('child-1', 'parent'),
      view('parent'),
    );
    const [, ...tasks] = shown.filter((line) => line !== '').map((line) => /[\w-]{5,}/u.exec(line)?.[0] ?? '');
    expect(tasks.slice(0, 2)).toEqual(['newest', 'between']);
    expect(tasks.slice(2)).toEqual(['parent', 'child-2', 'grandchild', 'child-1']);
    const indent = (id: string): number =>
      shown.find((line) => line.includes(` ${id} `) || line.startsWith(`${id} `))?.indexOf(id) ?? -1;
    expect(indent('parent')).toBe(0);
    expect(indent('child-1')).toBeGreaterThan(0);
    expect(indent('child-2')).toBe(indent('child-1'));
    expect(indent('grandchild')).toBeGreaterThan(indent('child-2'));
  });

  it('D3: shows a child whose parent is not on the page where it stands', () => {
    const [, first, second] = lines(child('child-1', 'elsewhere'), view('newest'));
    expect(first).toContain('child-1');
    expect(second).toContain('newest');
  });
});

describe('D3: an open question', () => {
  const SCHEMA: JsonObject = {
    type: 'object',
    properties: {
      colour: { type: 'string', enum: ['red', 'green'], title: 'Which colour' },
      size: {
        type: 'string',
        oneOf: [
          { const: 's', title: 'Small' },
          { const: 'l', title: 'Large' },
        ],
      },
      many: { type: 'integer', description: 'How many to take' },
    },
    required: ['colour'],
  };
  const explained = (more: Partial<PendingInput>): string => {
    const input: PendingInput = {
      key: 'ask-1',
      path: 'ask',
      request: { method: 'elicitation/create', params: { message: 'Which one?', requestedSchema: SCHEMA } },
      requestedAt: NOW - 5000,
      ...more,
    };
    const asking = view('task-1', { status: 'input_required', statusMessage: 'waits', percent: 0, inputs: [input] });
    return explain(
      { view: asking, outcome: undefined, steps: [], cleanUp: undefined, isRun: true },
      [],
      NOW,
      new FakeTerminal(false),
    );
  };

  it('D3: is shown with its fields and choices', () => {
    const text = explained({});
    for (const word of ['Which one?', 'colour', 'red', 'green', 's', 'Small', 'l', 'Large', 'many']) {
      expect(text).toMatch(new RegExp(String.raw`(?<!\w)${word.replace('?', String.raw`\?`)}(?!\w)`, 'u'));
    }
  });

  it.each([
    ['half an hour', 30 * 60_000, /\b(?:30|29)(?:\.\d)? min/u],
    ['nine seconds', 9000, /\b9(?:\.0)? s\b/u],
  ])('D3: that ends in %s says when', (_what, ms, left) => {
    expect(explained({ expiresAt: NOW + ms })).toMatch(left);
  });

  it('D3: that has expired is said to be so, and nobody is told how to answer it', () => {
    const text = explained({ expiresAt: NOW - 1 });
    expect(text).toMatch(/\bexpired\b/u);
    expect(text).not.toContain('tasks respond');
  });

  it('D3: without an end says nothing of one', () => {
    expect(explained({})).not.toMatch(/expire/u);
  });
});
