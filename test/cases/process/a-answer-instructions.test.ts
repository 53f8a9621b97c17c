import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject, type JsonValue } from '../../../src/core/json.ts';
import { createWorkspace, startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { newCaseFolder } from '../../support/case-folder.ts';
import { rawHttp } from '../../support/wire-clients.ts';
import { RpcError, type WireClient } from '../../support/wire-client.ts';

const llm = { id: 'turn', type: 'llm', prompt: 'Say hi.' };
const form = {
  id: 'form',
  type: 'elicit',
  message: 'Well?',
  schema: {
    type: 'object',
    properties: {
      name: { type: 'string', minLength: 2 },
      sure: { type: 'boolean' },
      count: { type: 'integer', minimum: 3 },
      size: { type: 'string', enum: ['small', 'large'] },
      note: { type: 'string' },
    },
    required: ['name', 'sure', 'count', 'size'],
  },
};

/** A question of each kind. */
const STEPS: Readonly<Record<string, readonly JsonObject[]>> = {
  model: [llm],
  model_with_schema: [
    { ...llm, schema: { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] } },
  ],
  form: [form],
  yes_or_no: [{ id: 'ask', type: 'elicit', message: 'Well?' }],
  link: [{ id: 'ask', type: 'elicit', message: 'Visit', url: 'https://example.com/' }],
  roots: [{ id: 'folders', type: 'roots' }],
  two_at_once: [{ id: 'both', type: 'parallel', tasks: [llm, form] }],
};

let workspace: Workspace;
let server: BuiltServer;
let client: WireClient;

beforeAll(async () => {
  const files = Object.entries(STEPS).map(([name, steps]) => [`${name}.json`, JSON.stringify({ name, steps })]);
  const folder = await newCaseFolder(Object.fromEntries(files));
  workspace = await createWorkspace(`${folder.path}/definitions`);
  await folder.remove();
  server = await startBuiltServer(workspace);
  // A client that can ask nobody: no forms, no roots, and a model that it declares and does not lend. Without that word
  // nobody is asked (no_model).
  client = await rawHttp(server, { sampling: {} });
  client.answer('sampling/createMessage', () => {
    throw new RpcError(-32601, 'Method not found');
  });
});
afterAll(async () => {
  await client.close();
  await server.stop();
  await workspace.remove();
});

/** The text of a tool result. */
function textOf({ content }: JsonObject): string {
  const blocks: readonly JsonValue[] = Array.isArray(content) ? content : [];
  return blocks
    .map((block) => (isJsonObject(block) && typeof block['text'] === 'string' ? block['text'] : ''))
    .join('\n');
}

/** Every `tasks_update {…}` in a text, as the arguments that it shows. Fails for one that is no JSON. */
function examplesIn(text: string): readonly JsonObject[] {
  return text
    .split(/tasks_update\s+(?=\{)/u)
    .slice(1)
    .map((rest) => {
      let [depth, quoted] = [0, false];
      for (let at = 0; at < rest.length; at += 1) {
        const character = rest.charAt(at);
        if (quoted && character === '\\') at += 1;
        else if (character === '"') quoted = !quoted;
        else if (!quoted && character === '{') depth += 1;
        else if (!quoted && character === '}' && (depth -= 1) === 0)
          return JSON.parse(rest.slice(0, at + 1)) as JsonObject;
      }
      throw new Error(`an example without an end: ${rest}`);
    });
}

/** Texts that a model reads about the task of a call that asks something, each in a task of its own. */
const TEXTS: Readonly<Record<string, (name: string) => Promise<{ text: string; taskId: string }>>> = {
  'the answer to the call': async (name) => {
    const result = await client.request('tools/call', { name, arguments: {} });
    const { structuredContent } = result;
    const task = isJsonObject(structuredContent) ? structuredContent['task'] : undefined;
    return { text: textOf(result), taskId: idOf(task) };
  },
  tasks_get: (name) => lookedAt('tasks_get', name),
  tasks_result: (name) => lookedAt('tasks_result', name),
};

function idOf(task: JsonValue | undefined): string {
  const taskId = isJsonObject(task) ? task['taskId'] : undefined;
  if (typeof taskId !== 'string') throw new Error(`no task: ${JSON.stringify(task)}`);
  return taskId;
}

async function lookedAt(tool: string, name: string): Promise<{ text: string; taskId: string }> {
  const { task } = await client.request('tools/call', { name, arguments: {}, task: {} });
  const taskId = idOf(task);
  const result = await client.request('tools/call', { name: tool, arguments: { taskId, wait_seconds: 30 } });
  return { text: textOf(result), taskId };
}

const CASES = Object.keys(TEXTS).flatMap((from) => Object.keys(STEPS).map((kind) => [from, kind] as const));

describe('what a model is told about a question', () => {
  it.each(CASES)('A9: shows an answer that is accepted as it stands: %s, %s', async (from, kind) => {
    const { text, taskId } = (await TEXTS[from]?.(kind)) ?? { text: '', taskId: '' };
    const examples = examplesIn(text);
    expect(examples, text).not.toEqual([]);
    const accepted: JsonValue[] = [];
    for (const example of examples) {
      expect(example['taskId']).toBe(taskId);
      const result = await client.request('tools/call', { name: 'tasks_update', arguments: example });
      expect(result['isError'], textOf(result)).not.toBe(true);
      const { structuredContent } = result;
      const keys = isJsonObject(structuredContent) ? structuredContent['accepted'] : [];
      if (Array.isArray(keys)) accepted.push(...keys);
    }
    // Every question that the text names; another one may have come since.
    expect(new Set(accepted)).toEqual(new Set(text.match(/\bin-\d+\b/gu)));
  });

  it('A9: the tool that takes the answers names the form of each kind', async () => {
    const { tools } = await client.request('tools/list');
    const tool = Array.isArray(tools) ? tools.find((each: JsonObject) => each['name'] === 'tasks_update') : undefined;
    const text = JSON.stringify(tool);
    for (const word of ['accept', 'assistant', 'roots']) expect(text).toContain(word);
  });
});
