/** Members in which an expression goes on in the context it was given; everything else has a context of its own. */
const SAME_CONTEXT = [
  'lhs',
  'rhs',
  'condition',
  'then',
  'else',
  'arguments',
  'expressions',
  'expression',
  'body',
] as const;

/**
 * The paths of a JSONata tree that begin at its input: `input.a` in `$sum(input.a)`, not `b` in `input.a[b = 1]`.
 * Total: what it does not know it passes over.
 */
export function rootPaths(ast: unknown): readonly (readonly (string | number)[])[] {
  const found: (readonly string[])[] = [];
  const queue: unknown[] = [ast];
  for (let node = queue.pop(); node !== undefined || queue.length > 0; node = queue.pop()) {
    if (Array.isArray(node)) queue.push(...(node as readonly unknown[]));
    if (!isNode(node)) continue;
    if (node['type'] === 'path') {
      const steps: readonly unknown[] = Array.isArray(node['steps']) ? node['steps'] : [];
      const names = leadingNames(steps);
      if (names.length > 0) found.push(names);
      else queue.push(steps[0]);
      continue;
    }
    for (const member of SAME_CONTEXT) queue.push(node[member]);
  }
  return found;
}

/** Names from the front, as long as nothing is filtered or computed on the way. */
function leadingNames(steps: readonly unknown[]): readonly string[] {
  const names: string[] = [];
  for (const step of steps) {
    if (!isNode(step) || step['type'] !== 'name' || typeof step['value'] !== 'string') break;
    names.push(step['value']);
    if (step['predicate'] !== undefined || step['stages'] !== undefined) break;
  }
  return names;
}

function isNode(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Every object of a JSONata tree, once. */
export function* treeParts(ast: unknown): Generator<object> {
  const queue: unknown[] = [ast];
  const seen = new Set<unknown>();
  while (queue.length > 0) {
    const node = queue.pop();
    if (typeof node !== 'object' || node === null || seen.has(node)) continue;
    seen.add(node);
    yield node;
    queue.push(...Object.values(node));
  }
}
