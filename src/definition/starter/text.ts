import { Document, isCollection, isMap, isNode, type Node } from 'yaml';
import { starterDocument, type StarterChoice } from './kinds.ts';

/** Paths whose values read best on one line. */
const ON_ONE_LINE =
  /^(?:steps\/\d+(?:\/steps\/\d+)?\/(?:retry|schema)|tests\/\d+\/(?:input|mocks|expect)|.*\/required|input_schema\/properties\/[^/]+)$/u;

/**
 * A starter as the text of a YAML file, for a person to go on with: the line with which editors find the schema, and
 * comments that say what to change.
 * `notes.call`: said above the arguments of the call.
 */
export function starterText(choice: StarterChoice, schemaFile: string, notes: { readonly call?: string } = {}): string {
  const document = new Document(starterDocument(choice));
  const comment = (path: readonly (string | number)[], text: string): void => {
    const node = document.getIn(path, true);
    if (isNode(node)) node.commentBefore = text;
  };
  layOut(document.contents, '');
  const call = choice.kind === 'fan-out' || choice.kind === 'poll' ? ['steps', 0, 'steps', 0] : callPath(choice);
  if (notes.call !== undefined) comment([...call, 'arguments'], ` ${notes.call}`);
  if (choice.kind === 'poll')
    commentKey(document.getIn(['steps', 0], true), 'until', ' What the result says when it is right.');
  const text = document.toString({ lineWidth: 120, singleQuote: true, flowCollectionPadding: true });
  return `# yaml-language-server: $schema=${schemaFile}\n${text}`;
}

/** A comment above a key whose value stands on the same line. */
function commentKey(node: unknown, key: string, text: string): void {
  if (!isMap(node)) return;
  const found = node.items.find((pair) => isNode(pair.key) && String(pair.key) === key)?.key;
  if (isNode(found)) found.commentBefore = text;
}

function callPath({ kind }: StarterChoice): readonly (string | number)[] {
  return ['steps', kind === 'approval' ? 1 : 0];
}

function layOut(node: Node | null, path: string): void {
  if (!isCollection(node)) return;
  if (ON_ONE_LINE.test(path)) {
    node.flow = true;
    return;
  }
  for (const [index, item] of node.items.entries()) {
    if (isNode(item)) layOut(item, path === '' ? String(index) : `${path}/${index}`);
    else if (typeof item === 'object' && item !== null && 'key' in item && 'value' in item) {
      const key = String(item.key);
      if (isNode(item.value)) layOut(item.value, path === '' ? key : `${path}/${key}`);
    }
  }
}
