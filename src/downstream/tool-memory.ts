import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { KnownServer, KnownServers, ToolShape } from '../definition/known-tools.ts';

/** The file in the data folder that keeps what servers said of their tools. */
export const TOOL_MEMORY_FILE = 'tool-schemas.json';

const VERSION = 1;
/** A larger schema is kept as one that says nothing. */
const LONGEST_SCHEMA = 262_144;

/** What servers said of their tools when they were last asked. */
export type RememberedServers = ReadonlyMap<string, KnownServer & { readonly askedAt: string }>;

/**
 * Reads what is remembered; nothing where there is no file. What is in it is checked by form: it is advice for people,
 * and nothing that runs depends on it. Rejects when the file cannot be read or is not one of ours.
 */
export async function readToolMemory(file: string): Promise<RememberedServers> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return new Map();
    throw error;
  }
  const content: unknown = JSON.parse(text);
  if (!isJsonObject(content) || content['version'] !== VERSION || !isJsonObject(content['servers'])) {
    throw new Error('it was not written by this version');
  }
  return new Map(
    Object.entries(content['servers']).flatMap(([name, entry]) => {
      if (!isJsonObject(entry) || typeof entry['askedAt'] !== 'string' || !isJsonObject(entry['tools'])) return [];
      const tools = Object.entries(entry['tools']).flatMap(([tool, shape]) => readShape(tool, shape));
      return [[name, { askedAt: entry['askedAt'], tools: new Map(tools) }]];
    }),
  );
}

function readShape(name: string, value: JsonValue): [string, ToolShape][] {
  if (!isJsonObject(value) || !isJsonObject(value['inputSchema'])) return [];
  const { inputSchema, outputSchema } = value;
  return [[name, { inputSchema, ...(isJsonObject(outputSchema) ? { outputSchema } : {}) }]];
}

/**
 * Replaces the file as a whole, so that who reads it meanwhile sees the old one or the new one. Makes the folder where
 * it is missing.
 */
export async function writeToolMemory(file: string, servers: KnownServers, now: string): Promise<void> {
  const entries = [...servers].map(([name, { askedAt, tools }]) => [
    name,
    { askedAt: askedAt ?? now, tools: Object.fromEntries([...tools].map(([tool, shape]) => [tool, bounded(shape)])) },
  ]);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify({ version: VERSION, servers: Object.fromEntries(entries) })}\n`, {
    mode: 0o600,
  });
  await rename(temporary, file);
}

function bounded({ inputSchema, outputSchema }: ToolShape): ToolShape {
  const fits = (schema: JsonValue): boolean => JSON.stringify(schema).length <= LONGEST_SCHEMA;
  return {
    inputSchema: fits(inputSchema) ? inputSchema : {},
    ...(outputSchema !== undefined && fits(outputSchema) ? { outputSchema } : {}),
  };
}
