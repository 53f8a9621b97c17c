import type { Definition } from '../model.ts';
import type { StepSyntaxTable } from '../step-syntax.ts';
import { drawingOf, labelText } from './drawing.ts';
import type { Arrow, Item, NodeMark, NodeState } from './drawing.ts';

const COLOURS: Readonly<Record<NodeState, string>> = {
  completed: 'fill:#d7f5dd,stroke:#2e7d32,color:#1b3d1f',
  failed: 'fill:#fbdcdc,stroke:#b3261e,color:#4a0f0b',
  skipped: 'fill:#eeeeee,stroke:#9e9e9e,color:#616161,stroke-dasharray:4 3',
  working: 'fill:#dbe9ff,stroke:#1a5fb4,color:#0d2b52',
  waiting: 'fill:#fff3cd,stroke:#a87900,color:#4d3800',
};

/**
 * A definition as a Mermaid flowchart, with `marks` coloured by the state of a task. Texts are escaped: nothing a
 * definition says becomes Mermaid or HTML. The same definition gives the same text.
 */
export function mermaidOf(
  definition: Definition,
  syntaxes: StepSyntaxTable,
  marks?: ReadonlyMap<string, NodeMark>,
): string {
  const { items, arrows } = drawingOf(definition, syntaxes, marks);
  // Arrows are drawn last: inside a frame they would pull their ends into it.
  const lines = ['flowchart TD', ...items.flatMap((item) => itemLines(item, 1)), ...arrows.map(arrowLine)];
  return [...lines, ...classLines(items)].map((line) => `${line}\n`).join('');
}

function itemLines(item: Item, depth: number): readonly string[] {
  const indent = '  '.repeat(depth);
  const label = quoted(item.text);
  switch (item.shape) {
    case 'start':
    case 'end':
      return [`${indent}${item.key}([${label}])`];
    case 'step':
      return [`${indent}${item.key}[${label}]`];
    case 'conditional':
      return [`${indent}${item.key}{${label}}`];
    case 'branch':
      return [`${indent}${item.key}{{${label}}}`];
    case 'frame': {
      const inside = item.items.flatMap((inner) => itemLines(inner, depth + 1));
      return [`${indent}subgraph ${item.key}[${label}]`, ...inside, `${indent}end`];
    }
  }
}

function arrowLine({ from, to, text, dotted }: Arrow): string {
  return `  ${from} ${dotted ? '-.->' : '-->'}${text === undefined ? '' : `|${quoted(text)}|`} ${to}`;
}

function classLines(items: readonly Item[]): readonly string[] {
  const byState = new Map<NodeState, string[]>();
  const visit = (item: Item): void => {
    if (item.shape === 'frame') item.items.forEach(visit);
    if ((item.shape !== 'frame' && item.shape !== 'step') || item.state === undefined) return;
    const known = byState.get(item.state);
    if (known === undefined) byState.set(item.state, [item.key]);
    else known.push(item.key);
  };
  items.forEach(visit);
  return [...byState].flatMap(([state, keys]) => [
    `  classDef ${state} ${COLOURS[state]}`,
    `  class ${keys.join(',')} ${state}`,
  ]);
}

/** A Mermaid text: in quotes, with everything that means something to Mermaid or HTML as an entity. */
function quoted(text: string): string {
  const escaped = labelText(text).replaceAll(
    /[^\p{L}\p{N}\p{Zs}\n.,:;·×…_=!()/+*-]/gu,
    (char) => `#${String(char.codePointAt(0))};`,
  );
  return `"${escaped.replaceAll('\n', '<br/>')}"`;
}
