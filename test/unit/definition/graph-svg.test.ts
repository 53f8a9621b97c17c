import { readdirSync, readFileSync } from 'node:fs';
import { DOMParser, type Document, type Element } from '@xmldom/xmldom';
import { expect, test } from 'vitest';
import type { NodeMark } from '../../../src/definition/graph/drawing.ts';
import { DrawingError, svgOf } from '../../../src/definition/graph/svg.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

function parsed(text: string, file = 't.yaml') {
  const { loaded } = parseDefinition(text, file, stepSyntaxes);
  if (loaded === undefined) throw new Error(`${file} is not valid`);
  return loaded.definition;
}

/** The picture as XML; throws when it is not well-formed. */
async function picture(yaml: string, marks?: ReadonlyMap<string, NodeMark>): Promise<Document> {
  return xml(await svgOf(parsed(`name: t\n${yaml}`), stepSyntaxes, marks));
}

function xml(svg: string): Document {
  const onError = (level: string, message: string): void => {
    throw new Error(`${level}: ${message}`);
  };
  return new DOMParser({ onError }).parseFromString(svg, 'image/svg+xml');
}

function elements(document: Document, name: string): readonly Element[] {
  return [...document.getElementsByTagName(name)];
}

/** The lines of text inside of the thing with this id. */
function texts(document: Document, id: string): readonly string[] {
  const found = document.getElementById(id);
  return found === null ? [] : [...found.getElementsByTagName('text')].map((line) => line.textContent ?? '');
}

const FOLDERS = ['definitions/', 'docs/cookbook/'];
const files = FOLDERS.flatMap((folder) => {
  const at = new URL(`../../../${folder}`, import.meta.url);
  return readdirSync(at)
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => ({ file, text: readFileSync(new URL(file, at), 'utf8') }));
});

test.each(files)(
  '$file becomes one well-formed svg element that shows every step and needs nothing else',
  async ({ file, text }) => {
    const definition = parsed(text, file);
    const svg = await svgOf(definition, stepSyntaxes);
    const document = xml(svg);
    expect(document.documentElement?.tagName).toBe('svg');
    const shown = new Set(elements(document, 'text').map((line) => line.textContent ?? ''));
    const ids = [...text.matchAll(/^ *(?:- )?(?:\{ )?id: (?<id>[\w-]+)/gmu)].map((match) => match.groups?.['id'] ?? '');
    expect(ids.length).toBeGreaterThan(0);
    expect(ids.filter((id) => !shown.has(id))).toEqual([]);
    for (const forbidden of ['script', 'a', 'image', 'foreignObject', 'style', 'use']) {
      expect(elements(document, forbidden)).toEqual([]);
    }
    expect(svg).not.toMatch(/href=|url\(|<!DOCTYPE|<\?xml/u);
  },
);

test('the same definition gives the same bytes', async () => {
  const definition = parsed(files[0]?.text ?? '');
  expect(await svgOf(definition, stepSyntaxes)).toBe(await svgOf(definition, stepSyntaxes));
});

test('blocks are frames around their steps, and an arrow leads to the frame', async () => {
  const document = await picture(`
steps:
  - id: outer
    type: foreach
    items: [1]
    steps:
      - id: inner
        type: switch
        cases: [{ when: 'true', steps: [{ id: a, type: set, values: {} }] }]
        default: []
  - { id: last, type: set, values: {} }
`);
  const classes = elements(document, 'g').map((g) => g.getAttribute('class'));
  expect(classes.filter((name) => name === 'cluster')).toHaveLength(2);
  // start, two branches, a, last and the end
  expect(classes.filter((name) => name === 'node')).toHaveLength(6);
  // start to outer, branch to a, outer to last, last to the end; the invisible ones leave nothing behind
  expect(classes.filter((name) => name === 'edge')).toHaveLength(4);
  expect(texts(document, 'n1')).toEqual(['outer', 'foreach']);
  expect(texts(document, 'n2')).toEqual(['inner', 'switch']);
});

test('a frame with nothing in it, a circle of handlers and arrows into the own frame can be drawn', async () => {
  const document = await picture(`
steps:
  - id: t
    type: try
    on_error: h
    steps: [{ id: a, server: s, action: x, on_error: b }, { id: b, server: s, action: x, on_error: c }, { id: c, server: s, action: y }]
    catch: [{ match: timeout, steps: [] }]
  - { id: h, type: set, values: {} }
catch: [{ steps: [{ id: z, type: set, values: {} }] }]
`);
  expect(elements(document, 'text').map((line) => line.textContent)).toContain('catch timeout');
});

test('a task colours its steps and counts their runs', async () => {
  const document = await picture(
    'steps: [{ id: a, type: set, values: {} }, { id: l, type: loop, max_iterations: 2, steps: [{ id: b, type: set, values: {} }] }]',
    new Map<string, NodeMark>([
      ['a', { state: 'completed', runs: 3 }],
      ['l', { state: 'failed', runs: 1 }],
    ]),
  );
  expect(texts(document, 'n1')).toEqual(['a', 'set ×3']);
  const fill = (id: string): string | null | undefined =>
    document.getElementById(id)?.getElementsByTagName('path')[0]?.getAttribute('fill');
  expect(fill('n1')).toBe('#d7f5dd');
  expect(fill('n2')).toBe('#fbdcdc');
  expect(fill('n3')).toBe('#ffffff');
});

test('every text is shown as it is, whatever it means to Graphviz or XML', async () => {
  const hostile = [
    'a"]; b [label=x',
    '\\N \\G \\l end',
    '&lt;script&gt; &amp; &#65;',
    '<b>x</b> <![CDATA[ ]]> -->',
    '<<i>html</i>>',
    '\u0007\uFFFE é 漢 😀',
  ];
  for (const text of hostile) {
    const document = await picture(`steps: [{ id: s, server: ${JSON.stringify(text)}, action: x }]`);
    const shown = texts(document, 'n1').slice(1).join(' ');
    expect(shown.replaceAll(/\s+/gu, ' ')).toBe(
      `${text} · x`.replaceAll(/[\p{Cc}\uFFFE]/gu, ' ').replaceAll(/\s+/gu, ' '),
    );
    expect(elements(document, 'script')).toEqual([]);
  }
});

test('long texts are cut and broken, so that one condition does not widen the whole picture', async () => {
  const document = await picture(`title: ${'word '.repeat(60)}\nsteps: [{ id: s, type: set, values: {} }]`);
  const lines = texts(document, 'start');
  expect(lines.length).toBeGreaterThan(2);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(32);
  expect(lines.at(-1)).toMatch(/…$/u);
});

test('what would take minutes to lay out is refused', async () => {
  const steps = Array.from({ length: 120 }, (_, index) => {
    const before = Array.from({ length: Math.min(index, 40) }, (_unused, back) => `s${index - 1 - back}`);
    return `  - { id: s${index}, type: set, values: {}, depends_on: [${before.join(', ')}] }`;
  });
  await expect(picture(`steps:\n${steps.join('\n')}`)).rejects.toThrow(DrawingError);
});
