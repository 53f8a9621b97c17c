import { readdirSync, readFileSync } from 'node:fs';
import { DOMParser, type Element } from '@xmldom/xmldom';
import { describe, expect, it } from 'vitest';
import { mermaidOf } from '../../../src/definition/graph/mermaid.ts';
import { svgOf } from '../../../src/definition/graph/svg.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { yamlDefinition } from '../../support/yaml-definition.ts';

/** A Mermaid flowchart: texts of its nodes by key, and its arrows. */
interface Chart {
  readonly keyOf: (text: string) => string | undefined;
  readonly arrows: readonly { readonly from: string; readonly to: string; readonly text: string }[];
}

/** Entities of Mermaid as the characters they stand for. */
function readable(text: string): string {
  return text.replaceAll(/#(\d+);/gu, (_match, code: string) => String.fromCodePoint(Number(code)));
}

function chart(yaml: string): Chart {
  const lines = mermaidOf(yamlDefinition(yaml), stepSyntaxes)
    .split('\n')
    .map((line) => readable(line.trim()));
  const nodes = lines.flatMap((line) => {
    const found = /^(?:subgraph )?(?<key>\w+)[[({>]+"(?<text>.*)"[\])}]+$/u.exec(line)?.groups;
    return found === undefined ? [] : [{ key: found['key'] ?? '', text: found['text'] ?? '' }];
  });
  const arrows = lines.flatMap((line) => {
    const found = /^(?<from>\w+) [-.=]+>(?:\|"(?<text>.*)"\|)? (?<to>\w+)$/u.exec(line)?.groups;
    return found === undefined ? [] : [{ from: found['from'] ?? '', to: found['to'] ?? '', text: found['text'] ?? '' }];
  });
  return { keyOf: (text) => nodes.find((node) => node.text.split('<br/>')[0] === text)?.key, arrows };
}

/** The texts of the arrows from one step to another. */
function between({ keyOf, arrows }: Chart, from: string, to: string): readonly string[] {
  const [a, b] = [keyOf(from), keyOf(to)];
  expect([from, to].filter((_name, index) => [a, b][index] === undefined)).toEqual([]);
  return arrows.filter((arrow) => arrow.from === a && arrow.to === b).map(({ text }) => text);
}

const SET = 'type: set, values: {}';
const loop = (keys: string, steps: string): string =>
  `steps:\n  - { id: poll, type: loop, ${keys}, steps: [${steps}] }\n`;
const LOOK = `{ id: look, ${SET} }`;
const TELL = `{ id: tell, ${SET} }`;

describe('E11: a loop in the graph', () => {
  it('E11: has an arrow from its last step back to its first, with what ends it', () => {
    const drawn = chart(loop(`until: "{{look.status}} == 'ready'", max_iterations: 5`, `${LOOK}, ${TELL}`));
    const [text, ...more] = between(drawn, 'tell', 'look');
    expect(more).toEqual([]);
    expect(text).toContain('until');
    expect(text).toContain("{{look.status}} == 'ready'");
    expect(between(drawn, 'look', 'tell')).toEqual(['']);
  });

  it('E11: of one step leads back to that step', () => {
    const drawn = chart(loop(`until: "{{look.status}} == 'ready'"`, LOOK));
    expect(between(drawn, 'look', 'look')).toEqual([expect.stringContaining('until')]);
  });

  it('E11: without until says how often', () => {
    expect(between(chart(loop('max_iterations: 7', `${LOOK}, ${TELL}`)), 'tell', 'look')).toEqual([
      expect.stringContaining('7'),
    ]);
  });

  it('E11: is drawn in the picture with the same words', async () => {
    const definition = yamlDefinition(loop(`until: "{{look.status}} == 'ready'"`, `${LOOK}, ${TELL}`));
    expect(await svgOf(definition, stepSyntaxes)).toMatch(/<text[^>]*>[^<]*\buntil\b/u);
  });
});

describe('E11: the end in the graph', () => {
  it.each([
    ['a sequence', `steps:\n  - { id: a, ${SET} }\n  - { id: b, ${SET} }\n`, ['b']],
    [
      'a graph',
      `steps:\n  - { id: a, ${SET} }\n  - { id: b, ${SET}, depends_on: [a] }\n  - { id: c, ${SET}, depends_on: [a] }\n`,
      ['b', 'c'],
    ],
    ['a block', `steps:\n  - { id: g, type: group, steps: [{ id: a, ${SET} }] }\n`, ['g']],
    [
      'a step that ends the task',
      `steps:\n  - { id: w, type: switch, cases: [{ when: 'true', steps: [{ id: stop, type: succeed }] }] }\n  - { id: a, ${SET} }\n`,
      ['stop', 'a'],
    ],
  ])('E11: is reached from the last steps of %s', (_what, yaml, last) => {
    const drawn = chart(yaml);
    for (const id of last) expect(between(drawn, id, 'end')).toHaveLength(1);
    expect(drawn.arrows.filter(({ to }) => to === drawn.keyOf('end'))).toHaveLength(last.length);
  });

  it('E11: is drawn in the picture as well', async () => {
    expect(await svgOf(yamlDefinition(`steps:\n  - { id: a, ${SET} }\n`), stepSyntaxes)).toMatch(
      /<text[^>]*>end<\/text>/u,
    );
  });
});

/** Points along a path of cubic curves, as Graphviz writes them. */
function pointsOn(path: string): readonly (readonly [number, number])[] {
  const at = [...path.matchAll(/(-?[\d.]+),(-?[\d.]+)/gu)].map(([, x, y]) => [Number(x), Number(y)] as const);
  const points: (readonly [number, number])[] = [];
  for (let from = 0; from + 3 < at.length; from += 3) {
    const curve = at.slice(from, from + 4);
    for (let t = 0; t <= 1; t += 0.05) {
      const weights = [(1 - t) ** 3, 3 * (1 - t) ** 2 * t, 3 * (1 - t) * t ** 2, t ** 3];
      const sum = (axis: 0 | 1): number =>
        curve.reduce((total, point, index) => total + (weights[index] ?? 0) * point[axis], 0);
      points.push([sum(0), sum(1)]);
    }
  }
  return points;
}

/**
 * Of a letter of ten units in the fonts that stand in for Helvetica where that is not installed, on average, as DejaVu
 * Sans.
 */
const LETTER_WIDTH = 5.8;
const ABOVE = 8;
const BELOW = 2;

/** Words beside an arrow through which a line goes. */
function struckOut(svg: string): readonly string[] {
  const document = new DOMParser().parseFromString(svg, 'image/svg+xml');
  const edges: readonly Element[] = [...document.getElementsByTagName('g')].filter(
    (group) => group.getAttribute('class') === 'edge',
  );
  const lines = edges.flatMap((edge) =>
    [...edge.getElementsByTagName('path')].flatMap((path) => pointsOn(path.getAttribute('d') ?? '')),
  );
  return edges
    .flatMap((edge) => [...edge.getElementsByTagName('text')])
    .filter((text) => {
      const [x, y] = [Number(text.getAttribute('x')), Number(text.getAttribute('y'))];
      const width = (text.textContent ?? '').length * LETTER_WIDTH;
      const left =
        { start: x, middle: x - width / 2, end: x - width }[text.getAttribute('text-anchor') ?? 'start'] ?? x;
      return lines.some(
        ([lineX, lineY]) => lineX > left && lineX < left + width && lineY < y + BELOW && lineY > y - ABOVE,
      );
    })
    .map((text) => text.textContent ?? '');
}

describe('E11: the words of an arrow in the picture', () => {
  const COOKBOOK = new URL('../../../docs/cookbook/', import.meta.url);
  it.each([
    [
      'an error handler',
      `steps:\n  - { id: risky, server: s, action: a, on_error: rescue }\n  - { id: rescue, ${SET} }\n  - { id: done, ${SET} }\n`,
    ],
    [
      'a condition',
      `steps:\n  - { id: a, ${SET} }\n  - { id: b, ${SET}, when: "{{a.status}} == 'completed' and {{a.attempts}} == 1" }\n`,
    ],
    [
      'a condition beside a handler',
      `steps:\n  - { id: risky, server: s, action: a, on_error: rescue }\n  - { id: rescue, ${SET} }\n  - { id: done, ${SET}, when: "{{risky.text}} == 'x'" }\n`,
    ],
    [
      'both sides of a conditional',
      `steps:\n  - { id: a, ${SET} }\n  - { id: yes, ${SET} }\n  - { id: no, ${SET} }\nconditionals: { c: { condition: "{{a.status}} == 'completed'", if_true: [yes], if_false: [no] } }\n`,
    ],
  ])('E11: stand beside the lines: %s', async (_what, yaml) => {
    const svg = await svgOf(yamlDefinition(yaml), stepSyntaxes);
    expect(svg).toContain('class="edge"');
    expect(struckOut(svg)).toEqual([]);
  });

  it('E11: stand beside the lines in every picture of the cookbook', async () => {
    const struck: string[] = [];
    for (const file of readdirSync(COOKBOOK).filter((name) => name.endsWith('.yaml'))) {
      const text = readFileSync(new URL(file, COOKBOOK), 'utf8').replace(/^name: .*$/mu, '');
      const words = struckOut(await svgOf(yamlDefinition(text), stepSyntaxes));
      struck.push(...words.map((word) => `${file}: ${word}`));
    }
    expect(struck).toEqual([]);
  });
});
