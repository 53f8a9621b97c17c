import { expect, test } from 'vitest';
import type { NodeMark } from '../../../src/definition/graph/drawing.ts';
import { mermaidOf } from '../../../src/definition/graph/mermaid.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

function draw(yaml: string, marks?: ReadonlyMap<string, NodeMark>): readonly string[] {
  const { loaded } = parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes);
  if (loaded === undefined) throw new Error('not valid');
  return mermaidOf(loaded.definition, stepSyntaxes, marks)
    .trimEnd()
    .split('\n')
    .map((line) => line.trim());
}

test('steps follow each other; what is a target stands aside with a dotted arrow', () => {
  expect(
    draw(`
steps:
  - { id: a, server: s, action: x, on_error: h }
  - { id: h, type: set, values: {} }
  - { id: b, type: set, when: '{{a.output}} exists', values: {} }
`),
  ).toEqual([
    'flowchart TD',
    'start(["t"])',
    'n1["a<br/>s · x"]',
    'n2["h<br/>set"]',
    'n3["b<br/>set"]',
    'done(["end"])',
    'n1 -->|"when #123;#123;a.output#125;#125; exists"| n3',
    'start --> n1',
    'n1 -.->|"on error"| n2',
    'n3 --> done',
  ]);
});

test('a graph has the arrows of depends_on and begins at every step without one', () => {
  const lines = draw(`
steps:
  - { id: a, type: set, values: {} }
  - { id: b, type: set, values: {} }
  - { id: c, type: set, values: {}, depends_on: [a, b] }
`);
  expect(lines.filter((line) => line.includes('-->'))).toEqual([
    'n1 --> n3',
    'n2 --> n3',
    'start --> n1',
    'start --> n2',
    'n3 --> done',
  ]);
});

test('blocks are frames, cases say when they are taken, a conditional comes from the steps that it reads', () => {
  const lines = draw(`
steps:
  - id: w
    type: switch
    cases: [{ when: 'true', steps: [{ id: a, type: set, values: {} }] }]
    default: [{ id: b, type: set, values: {} }]
  - { id: y, type: set, values: {} }
conditionals: { ok: { condition: '{{w.case}} == 0', if_true: [y] } }
`);
  expect(lines).toContain('subgraph n1["w<br/>switch"]');
  expect(lines).toContain('n2{{"when true"}}');
  expect(lines).toContain('n4{{"else"}}');
  expect(lines).toContain('n2 --> n3');
  expect(lines).toContain('n4 --> n5');
  expect(lines).toContain('n1 --> n7');
  expect(lines).toContain('n7 -->|"true"| n6');
  expect(lines).not.toContain('n1 --> n6');
});

test('a task colours its steps and counts their runs', () => {
  const marks = new Map<string, NodeMark>([
    ['a', { state: 'completed', runs: 3 }],
    ['b', { state: 'failed', runs: 1 }],
  ]);
  const lines = draw('steps: [{ id: a, type: set, values: {} }, { id: b, type: set, values: {} }]', marks);
  expect(lines).toContain('n1["a<br/>set ×3"]');
  expect(lines).toContain('class n1 completed');
  expect(lines).toContain('class n2 failed');
});

test('no text of a definition becomes Mermaid or HTML, whatever stands in it', () => {
  const lines = draw(`
title: "a\\"]; click n1 'javascript:alert(1)'; <script>%%{init}%%"
steps: [{ id: end, server: 's|"x', action: "y\`\\nsubgraph" }]
`);
  expect(lines[1]).toBe(
    'start(["a#34;#93;; click n1 #39;javascript:alert(1)#39;; #60;script#62;#37;#37;#123;init#125;#37;#37;"])',
  );
  expect(lines[2]).toBe('n1["end<br/>s#124;#34;x · y#96;<br/>subgraph"]');
});
