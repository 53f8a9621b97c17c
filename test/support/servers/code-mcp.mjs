// Stands in for `code-mcp` of seed 001: `execute` and two more tools over stdio. It runs no Python: `print('text')` and
// `print(json.dumps({…}))` with a literal print it, any other code is acknowledged. See stand-in.mjs for ledger and
// script.
import { serve, textResult } from './stand-in.mjs';

const code = { type: 'object', properties: { code: { type: 'string' } }, required: ['code'] };
const tools = [
  { name: 'execute', description: 'Runs code and answers with what it printed', inputSchema: code },
  { name: 'lint', description: 'Checks code', inputSchema: code, annotations: { readOnlyHint: true } },
  { name: 'format', description: 'Formats code', inputSchema: code, annotations: { readOnlyHint: true } },
];

function printed(/** @type {string} */ source) {
  const dumped = /print\(json\.dumps\((\{.*\}|\[.*\])\)\)/s.exec(source)?.[1];
  if (dumped !== undefined) {
    try {
      const literal = dumped
        .replaceAll("'", '"')
        .replace(/\bTrue\b/g, 'true')
        .replace(/\bFalse\b/g, 'false')
        .replace(/\bNone\b/g, 'null');
      return JSON.stringify(JSON.parse(literal));
    } catch {
      // Not a literal: acknowledged below.
    }
  }
  return /print\((['"])(.*?)\1\)/s.exec(source)?.[2] ?? `executed ${source.length} characters`;
}

function call(/** @type {string} */ name, /** @type {any} */ args) {
  if (typeof args.code !== 'string') return textResult('code must be a string', { isError: true });
  switch (name) {
    case 'execute':
      return textResult(printed(args.code));
    case 'format':
      return textResult(args.code.trim());
    default:
      return textResult('no problems');
  }
}

await serve({ name: 'code-mcp', tools, call });
