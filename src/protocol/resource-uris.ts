/** The resources the server offers, as URIs. `taskResult` holds the result of a task in full, however large. */
export const URI = {
  schema: 'workflow://schema',
  schedules: 'workflow://schedules',
  definition: (name: string): string => `workflow://definitions/${encodeURIComponent(name)}`,
  task: (taskId: string): string => `workflow://tasks/${encodeURIComponent(taskId)}`,
  journal: (taskId: string): string => `workflow://tasks/${encodeURIComponent(taskId)}/journal`,
  taskResult: (taskId: string): string => `workflow://tasks/${encodeURIComponent(taskId)}/result`,
} as const;

/** What a URI names. */
export type ResourceRef =
  | { readonly kind: 'schema' }
  | { readonly kind: 'schedules' }
  | { readonly kind: 'definition'; readonly name: string }
  | { readonly kind: 'task' | 'journal' | 'result'; readonly taskId: string };

const DEFINITION = /^workflow:\/\/definitions\/([^/?#]+)$/u;
const TASK = /^workflow:\/\/tasks\/([^/?#]+)(?:\/(journal|result))?$/u;

/** Reads a URI of ours; `undefined` for any other text. */
export function parseUri(uri: string): ResourceRef | undefined {
  if (uri === URI.schema) return { kind: 'schema' };
  if (uri === URI.schedules) return { kind: 'schedules' };
  const definition = decoded(DEFINITION.exec(uri)?.[1]);
  if (definition !== undefined) return { kind: 'definition', name: definition };
  const match = TASK.exec(uri);
  const taskId = decoded(match?.[1]);
  if (taskId === undefined) return undefined;
  const part = match?.[2];
  return { kind: part === 'journal' || part === 'result' ? part : 'task', taskId };
}

function decoded(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
