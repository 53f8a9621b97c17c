import {
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
  type Alias,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { isJsonObject, type JsonValue } from '../../core/json.ts';
import { Build, SourceStop, type SourceDocument, type SourceNode, type SourceProblem } from './document.ts';
import { guardYaml } from './yaml-guard.ts';

/**
 * Reads YAML 1.2 (core schema) with positions. Aliases are copied out; a value is plain JSON afterwards. Tags beyond
 * the core schema, directives that change the version, and keys that are not plain scalars are problems.
 * @throws SourceStop when a bound is passed or nothing can be read.
 */
export function readYaml(text: string): SourceDocument {
  guardYaml(text);
  const document = parseDocument(text, {
    version: '1.2',
    prettyErrors: false,
    // The library's own check is quadratic; `Build.acceptsKey` does it.
    uniqueKeys: false,
    // `silent` would also hide that there is a second document.
    logLevel: 'error',
    merge: false,
    resolveKnownTags: false,
  });
  const reader = new YamlReader(document, text);
  for (const error of document.errors)
    reader.build.problem(syntaxProblem(text, error.pos[0], error.code, error.message));
  for (const warning of document.warnings)
    reader.build.problem(syntaxProblem(text, warning.pos[0], warning.code, warning.message));
  if (document.directives?.yaml.explicit === true && document.directives.yaml.version !== '1.2') {
    reader.build.problem({
      offset: 0,
      code: 'syntax',
      message: 'only YAML 1.2 is read',
      hint: 'remove the %YAML line',
    });
  }
  if (reader.build.problems.length > 0) return { value: null, root: { offset: 0 }, problems: reader.build.problems };
  if (document.contents === null) {
    throw new SourceStop({ offset: 0, code: 'syntax', message: 'the document is empty' });
  }
  const { value, node } = reader.read(document.contents, 0);
  return { value, root: node, problems: reader.build.problems };
}

const SHOWN_LENGTH = 200;
const MERGE_KEY = '<<';

function syntaxProblem(text: string, offset: number, code: string, full: string): SourceProblem {
  const message = full.length > SHOWN_LENGTH ? `${full.slice(0, SHOWN_LENGTH)}…` : full;
  if (code === 'TAG_RESOLVE_FAILED') {
    return { offset, code: 'unsupported_tag', message: `YAML tags are not read: ${message}`, hint: 'remove the tag' };
  }
  return {
    offset,
    code: 'syntax',
    message: `not valid YAML: ${code === 'MULTIPLE_DOCS' ? 'more than one document in the file' : message}`,
    ...templateHint(text, offset),
  };
}

/** YAML takes `{{x}}` without quotes for an object inside an object, and `{% … %}` for a directive or an error. */
function templateHint(text: string, offset: number): { readonly hint?: string } {
  const start = text.lastIndexOf('\n', Math.max(0, offset - 1)) + 1;
  const end = text.indexOf('\n', offset);
  const line = text.slice(start, end === -1 ? undefined : end);
  return /(?:^|[\s:[,-])\{[{%]/u.test(line.replace(/"[^"]*"|'[^']*'/gu, "''")) ? { hint: 'put quotes around it' } : {};
}

type Read = { readonly value: JsonValue; readonly node: SourceNode };

class YamlReader {
  readonly build = new Build();
  private readonly document: Document;
  private readonly text: string;
  /** Aliases being copied out: one inside itself would never end. */
  private readonly open = new Set<Node>();

  constructor(document: Document, text: string) {
    this.document = document;
    this.text = text;
  }

  read(node: Node | null, depth: number): Read {
    const offset = node?.range?.[0] ?? 0;
    this.build.enter(offset, depth);
    if (isAlias(node)) return this.alias(node, offset, depth);
    if (isMap(node)) return this.map(node, offset, depth);
    if (isSeq(node)) {
      const items = node.items.map((item) => this.read(item as Node | null, depth + 1));
      return { value: items.map((item) => item.value), node: { offset, items: items.map((item) => item.node) } };
    }
    return { value: isScalar(node) ? this.scalar(node.value, node.source ?? '', offset) : null, node: { offset } };
  }

  private alias(node: Alias, offset: number, depth: number): Read {
    const target = node.resolve(this.document);
    if (target === undefined || this.open.has(target)) {
      const message =
        target === undefined ? `no anchor '&${node.source}'` : `the alias '*${node.source}' is inside itself`;
      this.build.problem({ offset, code: 'syntax', message });
      return { value: null, node: { offset } };
    }
    this.open.add(target);
    const copy = this.read(target, depth);
    this.open.delete(target);
    return copy;
  }

  private map(map: YAMLMap, offset: number, depth: number): Read {
    const value: Record<string, JsonValue> = {};
    const members = new Map<string, { keyOffset: number; node: SourceNode }>();
    for (const pair of map.items as Pair<Node | null, Node | null>[]) {
      const keyOffset = pair.key?.range?.[0] ?? offset;
      const key = isScalar(pair.key) ? keyText(pair.key.value, pair.key.source) : undefined;
      if (key === undefined) {
        this.build.problem({
          offset: keyOffset,
          code: 'unsupported_value',
          message: 'a key must be a text',
          ...templateHint(this.text, keyOffset),
        });
        continue;
      }
      if (key === MERGE_KEY && isScalar(pair.key) && pair.key.type === 'PLAIN') {
        this.build.problem({
          offset: keyOffset,
          code: 'unsupported_value',
          message: "YAML's merge key '<<' is not read: YAML 1.2 does not have it",
          hint: 'write the keys out, or give the whole value by its alias',
        });
        continue;
      }
      const member = this.read(pair.value, depth + 1);
      if (!this.build.acceptsKey(key, keyOffset, members)) continue;
      value[key] = member.value;
      members.set(key, { keyOffset, node: pair.value === null ? { offset: keyOffset } : member.node });
    }
    return { value, node: { offset, members } };
  }

  private scalar(value: unknown, source: string, offset: number): JsonValue {
    if (typeof value === 'string' || typeof value === 'boolean' || value === null) return value;
    if (typeof value === 'number' && Number.isFinite(value)) {
      this.build.number(value, source, offset);
      return value;
    }
    this.build.problem({ offset, code: 'unsupported_value', message: 'this value has no form in JSON' });
    return null;
  }
}

function keyText(value: unknown, source: string | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value === null || isJsonObject(value) ? undefined : source;
}
