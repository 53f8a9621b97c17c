import type { Graph, Subgraph } from '@viz-js/viz';
import { messageOf } from '../../core/failure.ts';
import type { Definition } from '../model.ts';
import type { StepSyntaxTable } from '../step-syntax.ts';
import { drawingOf, labelText } from './drawing.ts';
import type { Arrow, Drawing, Frame, Item, Node, NodeMark, NodeState } from './drawing.ts';

/** The picture cannot be laid out: it is too large for the layouter. */
export class DrawingError extends Error {
  override readonly name = 'DrawingError';
}

type Attributes = Readonly<Record<string, string>>;

const FONT = 'Helvetica';
/**
 * Words on arrows are measured with a wider font than they are shown in: where Helvetica is not installed another one
 * stands in for it, and lines would go through its letters.
 */
const MEASURED = 'Courier';

/** Up to this many arrows they are drawn as fine curves. */
const FINE_ARROWS = 600;
/** With more arrows than this laying out takes minutes, and nobody can follow the lines. */
const MOST_ARROWS = 2500;
/** Layout in a bounded number of passes, with straight lines. */
const COARSE: Attributes = { splines: 'line', nslimit: '1', mclimit: '0.2' };

const COLOURS: Readonly<Record<NodeState, Attributes>> = {
  completed: { fillcolor: '#d7f5dd', color: '#2e7d32', fontcolor: '#1b3d1f' },
  failed: { fillcolor: '#fbdcdc', color: '#b3261e', fontcolor: '#4a0f0b' },
  skipped: { fillcolor: '#eeeeee', color: '#9e9e9e', fontcolor: '#616161', style: 'filled,rounded,dashed' },
  working: { fillcolor: '#dbe9ff', color: '#1a5fb4', fontcolor: '#0d2b52' },
  waiting: { fillcolor: '#fff3cd', color: '#a87900', fontcolor: '#4d3800' },
};

const SHAPES: Readonly<Record<Node['shape'], Attributes>> = {
  start: { style: 'filled,rounded', fillcolor: '#37474f', color: '#37474f', fontcolor: '#ffffff' },
  end: { style: 'filled,rounded', fillcolor: '#eceff1', color: '#37474f', fontcolor: '#37474f' },
  step: {},
  conditional: { shape: 'hexagon', style: 'filled', fillcolor: '#fffbea', color: '#8d6e00', margin: '0.02,0.02' },
  branch: { style: 'filled', fillcolor: '#eceff1', color: '#90a4ae', fontsize: '11' },
};

/**
 * A definition as an SVG picture, laid out by Graphviz (WebAssembly in this process: no browser, no program, no
 * network), with `marks` coloured by the state of a task. One `<svg>` element, to be embedded as it is: no script, no
 * link, no reference to anything outside. Texts are escaped. The same definition gives the same bytes.
 * @throws DrawingError when there is too much to lay out
 */
export async function svgOf(
  definition: Definition,
  syntaxes: StepSyntaxTable,
  marks?: ReadonlyMap<string, NodeMark>,
): Promise<string> {
  const drawing = drawingOf(definition, syntaxes, marks);
  if (drawing.arrows.length > MOST_ARROWS) {
    throw new DrawingError(`${drawing.arrows.length} arrows are too many for a picture (${MOST_ARROWS} at most)`);
  }
  const graph = graphOf(drawing, definition.title ?? definition.name);
  // A megabyte that only this needs.
  const { instance } = await import('@viz-js/viz');
  try {
    const svg = (await instance()).renderString(graph, { format: 'svg' });
    // What stands before is an XML declaration and a document type that names an address.
    return `${svg
      .slice(svg.indexOf('<svg'))
      .replaceAll(/<!--.*?-->\n?/gsu, '')
      .replaceAll(new RegExp(`font-family="${MEASURED}[^"]*"`, 'gu'), `font-family="${FONT},sans-Serif"`)
      .trimEnd()}\n`;
  } catch (error) {
    throw new DrawingError(`the picture is too large to be laid out (${messageOf(error)})`, { cause: error });
  }
}

function graphOf({ items, arrows }: Drawing, title: string): Graph {
  const places = placesOf(items, arrows);
  return {
    name: plain(title),
    directed: true,
    graphAttributes: {
      compound: true,
      rankdir: 'TB',
      newrank: true,
      nodesep: '0.35',
      ranksep: '0.45',
      bgcolor: '#ffffff',
      pad: '0.2',
      ...(arrows.length > FINE_ARROWS ? COARSE : {}),
    },
    nodeAttributes: {
      shape: 'box',
      style: 'filled,rounded',
      fillcolor: '#ffffff',
      color: '#546e7a',
      fontcolor: '#263238',
      fontname: FONT,
      fontsize: '12',
      margin: '0.18,0.08',
    },
    edgeAttributes: { color: '#607d8b', fontcolor: '#455a64', fontname: MEASURED, fontsize: '10', arrowsize: '0.7' },
    ...contentOf(items),
    edges: arrows.flatMap((arrow) => edgesOf(arrow, places)),
  };
}

function contentOf(items: readonly Item[]): Required<Pick<Subgraph, 'nodes' | 'subgraphs'>> {
  const frames = items.filter((item) => item.shape === 'frame');
  const nodes = items.filter((item) => item.shape !== 'frame');
  return {
    nodes: nodes.map((node) => ({
      name: node.key,
      attributes: {
        id: node.key,
        label: label(node.text, 32),
        ...SHAPES[node.shape],
        ...(node.state === undefined ? {} : COLOURS[node.state]),
      },
    })),
    subgraphs: frames.map((frame) => {
      const content = contentOf(frame.items);
      return {
        name: `cluster_${frame.key}`,
        graphAttributes: {
          id: frame.key,
          label: label(frame.text, 60, '\\l'),
          labeljust: 'l',
          fontname: FONT,
          fontsize: '12',
          margin: '12',
          style: 'filled,rounded',
          // Nearly nothing, so that frames in frames become darker.
          fillcolor: '#0b1f3a0a',
          color: '#90a4ae',
          fontcolor: '#37474f',
          ...(frame.state === undefined ? {} : COLOURS[frame.state]),
        },
        ...content,
        // A frame without anything in it has no place of its own.
        nodes: frame.items.length > 0 ? content.nodes : [{ name: `${frame.key}_`, attributes: { style: 'invis' } }],
      };
    }),
  };
}

/** Where arrows can end: Graphviz knows arrows between nodes only, cut off at the frame around them. */
interface Place {
  /** Nodes inside at which something begins, or the node itself. */
  readonly heads: readonly string[];
  readonly ends: readonly string[];
  /** The name of the frame, and everything in it. */
  readonly frame?: { readonly name: string; readonly keys: ReadonlySet<string> };
}

function placesOf(items: readonly Item[], arrows: readonly Arrow[]): ReadonlyMap<string, Place> {
  const places = new Map<string, Place>();
  const visit = (item: Item): readonly string[] => {
    if (item.shape !== 'frame') {
      places.set(item.key, { heads: [item.key], ends: [item.key] });
      return [item.key];
    }
    const keys = new Set([item.key, ...item.items.flatMap(visit)]);
    places.set(item.key, { ...openEnds(item, arrows, places), frame: { name: `cluster_${item.key}`, keys } });
    return [...keys];
  };
  items.forEach(visit);
  return places;
}

function openEnds(
  frame: Frame,
  arrows: readonly Arrow[],
  places: ReadonlyMap<string, Place>,
): Pick<Place, 'heads' | 'ends'> {
  if (frame.items.length === 0) return { heads: [`${frame.key}_`], ends: [`${frame.key}_`] };
  const inside = new Set(frame.items.map(({ key }) => key));
  const within = arrows.filter(({ from, to }) => inside.has(from) && inside.has(to));
  const reached = new Set(within.map(({ to }) => to));
  const left = new Set(within.filter(({ dotted }) => !dotted).map(({ from }) => from));
  // In a circle nothing begins or ends.
  const pick = (but: ReadonlySet<string>): readonly Item[] => {
    const open = frame.items.filter(({ key }) => !but.has(key));
    return open.length > 0 ? open : frame.items;
  };
  return {
    heads: pick(reached).flatMap(({ key }) => places.get(key)?.heads ?? []),
    ends: pick(left).flatMap(({ key }) => places.get(key)?.ends ?? []),
  };
}

type Edges = NonNullable<Graph['edges']>;

/** One arrow, and around frames invisible ones, so that what comes next stands below all that is in them. */
function edgesOf({ from, to, text, dotted }: Arrow, places: ReadonlyMap<string, Place>): Edges {
  const source = places.get(from);
  const target = places.get(to);
  const tail = source?.ends.at(-1);
  const head = target?.heads[0];
  if (source === undefined || target === undefined || tail === undefined || head === undefined) return [];
  // An arrow into the frame it comes from ends at what is in it.
  const lhead = target.frame?.keys.has(from) === true ? undefined : target.frame?.name;
  const ltail = source.frame?.keys.has(to) === true ? undefined : source.frame?.name;
  const drawn = {
    tail,
    head,
    attributes: {
      ...(lhead === undefined ? {} : { lhead }),
      ...(ltail === undefined ? {} : { ltail }),
      ...(text === undefined ? {} : { label: label(text, 28) }),
      ...(dotted ? { style: 'dashed' } : {}),
    },
  };
  if (dotted) return [drawn];
  const hidden = { style: 'invis' };
  return [
    drawn,
    ...source.ends.slice(0, -1).map((other) => ({ tail: other, head, attributes: hidden })),
    ...target.heads.slice(1).map((other) => ({ tail, head: other, attributes: hidden })),
  ];
}

/**
 * A Graphviz text that shows exactly this, long lines broken at spaces. `end`: Graphviz's word for the end of a line,
 * `\\l` for one that stands left.
 */
function label(text: string, width: number, end = '\\n'): string {
  return labelText(text)
    .split('\n')
    .flatMap((line) => wrapped(plain(line), width))
    .map((line) => `${line.replaceAll('\\', '\\\\').replaceAll('&', '&amp;')}${end}`)
    .join('');
}

function wrapped(line: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of line.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + word.length < width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** Nothing that may not stand in XML. */
function plain(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, ' ');
}
