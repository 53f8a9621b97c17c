import { afterEach, describe, expect, it } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/core/json.ts';
import { silentLogger, type Logger } from '../../../src/core/logger.ts';
import { serveModern } from '../../support/modern-http.ts';
import { protocolDeps } from '../../support/protocol-deps.ts';
import { servePipe } from '../../support/scripted-client.ts';

/** Schemas that validate refuses; a definition that was stored or made before a check existed may still have them. */
const BROKEN: readonly (readonly [string, JsonObject])[] = [
  ['a property that is a text', { input_schema: { type: 'object', properties: { a: 'text' } } }],
  ['properties that are a list', { input_schema: { type: 'object', properties: [] } }],
  ['required that is a text', { input_schema: { type: 'object', required: 'a' } }],
  ['a schema of another type', { input_schema: { type: 'array' } }],
  [
    'a property of the output that is null',
    { input_schema: { type: 'object' }, output_schema: { type: 'object', properties: { a: null } } },
  ],
];

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A published good tool, a broken one, and every line of the log. */
function published(more: JsonObject) {
  const lines: string[] = [];
  const note = (fields: object, message: string): void => void lines.push(`${message} ${JSON.stringify(fields)}`);
  const logger: Logger = { ...silentLogger, warn: note, error: note, child: () => logger };
  const deps = protocolDeps({ logger });
  const run = () => Promise.resolve({ content: [{ type: 'text', text: 'done' }] });
  deps.publish('good', run);
  deps.publish('broken', run, more);
  return { deps, lines };
}

describe('a tool that no client could read', () => {
  it.each(BROKEN)('A1: is left out of the list of 2025-11-25, reported, and the others stay: %s', async (_, more) => {
    const { deps, lines } = published(more);
    const served = await servePipe(deps);
    closers.push(() => served.close());
    const { client } = await served.connect();
    const names = (await client.listTools()).tools.map(({ name }) => name);
    expect(names).toContain('good');
    expect(names).toContain('tasks_get');
    expect(names).not.toContain('broken');
    expect(lines.filter((line) => line.includes('broken'))).not.toEqual([]);
  });

  it.each(BROKEN)('A1: is left out of the list of 2026-07-28, reported, and the others stay: %s', async (_, more) => {
    const { deps, lines } = published(more);
    const http = await serveModern(deps);
    closers.push(() => http.close());
    const { result } = await http.request('tools/list');
    const tools: JsonValue = result?.['tools'] ?? null;
    const names = Array.isArray(tools) ? tools.map((tool: JsonObject) => tool['name']) : [];
    expect(names).toContain('good');
    expect(names).not.toContain('broken');
    expect(lines.filter((line) => line.includes('broken'))).not.toEqual([]);
  });
});
