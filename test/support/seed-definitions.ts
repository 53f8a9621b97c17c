import type { SeedText } from './seed-texts.ts';

/**
 * A seed document as it stands, a fragment inside the least that makes a definition of it. The piece's own text is
 * untouched.
 */
export function seedDefinition(piece: SeedText, name = 'wrapped'): string {
  if (piece.kind === 'document') return piece.text;
  const wrap = WRAPPINGS[piece.name];
  if (wrap === undefined) throw new Error(`no wrapping for the fragment ${piece.name}`);
  return wrap(piece.text, `"name": "${name}"`);
}

const EXECUTE = '"server": "code-mcp", "action": "execute", "arguments": {"code": "print(\'done\')"}';
const FALLBACK = '{"id": "fallback_step", "server": "vision-agent-mcp", "action": "screenshot"}';
const ALERT =
  '{"id": "send_alert", "server": "vision-agent-mcp", "type": "prompt", "action": "execute", "prompt_name": "send_alert"}';

const WRAPPINGS: { readonly [piece: string]: (text: string, name: string) => string } = {
  // A step: into `steps`, with the input it reads and the fallback it names.
  retry: (text, name) =>
    `{${name}, "variables": {"input": {"url": "https://example.com"}}, "steps": [${text}, ${FALLBACK}]}`,
  // Two steps with a comma between them: into `steps`.
  fallback: (text, name) => `{${name}, "steps": [${text}]}`,
  // Members of a definition: beside `name` and `steps`.
  'error-callback': (text, name) => withMembers(text, name, ALERT),
  cron: (text, name) => withMembers(text, name),
  interval: (text, name) => withMembers(text, name),
  once: (text, name) => withMembers(text, name),
};

function withMembers(text: string, name: string, ...steps: readonly string[]): string {
  const all = [`{"id": "work", ${EXECUTE}}`, ...steps];
  return `{${name}, "steps": [${all.join(', ')}], ${text.slice(text.indexOf('{') + 1)}`;
}
