import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import { KnownTasks, type Caller } from '../../src/protocol/caller.ts';
import { complete } from '../../src/protocol/completions.ts';
import { ResourceNotFound } from '../../src/protocol/errors.ts';
import { assertShallow } from '../../src/protocol/params.ts';
import { listPrompts, openPrompt } from '../../src/protocol/prompts.ts';
import { parseUri, URI } from '../../src/protocol/resource-uris.ts';
import { listResources, readResource } from '../../src/protocol/resources.ts';
import { limitResult } from '../../src/protocol/result-limit.ts';
import { protocolDeps } from '../support/protocol-deps.ts';

const local: Caller = { principal: 'local', identified: true, listsAll: true, known: new KnownTasks() };

function setUp(): ReturnType<typeof protocolDeps> {
  const deps = protocolDeps();
  deps.publish('report', async () => ({ content: [{ type: 'text', text: 'ok' }] }), {
    description: 'Writes a report.',
    input_schema: {
      type: 'object',
      properties: {
        format: { enum: ['html', 'pdf', 'htmlx'], description: 'Of the file.' },
        draft: { type: 'boolean' },
      },
      required: ['format'],
    },
  });
  return deps;
}

async function contentOf(uri: string, deps: ReturnType<typeof protocolDeps>, caller = local): Promise<JsonObject> {
  const { contents } = await readResource(uri, caller, deps);
  return JSON.parse(String((contents as { text: string }[])[0]?.text)) as JsonObject;
}

describe('resources', () => {
  test('a URI names what it was made for, with any characters in it', () => {
    for (const id of ['a', 'a/b', 'ü %41 ?#', '..']) {
      expect(parseUri(URI.task(id))).toEqual({ kind: 'task', taskId: id });
      expect(parseUri(URI.journal(id))).toEqual({ kind: 'journal', taskId: id });
      expect(parseUri(URI.definition(id))).toEqual({ kind: 'definition', name: id });
    }
  });

  test.each([
    '',
    'file:///etc/passwd',
    'workflow://tasks/',
    'workflow://tasks/a/b',
    'workflow://tasks/%zz',
    'workflow://x',
  ])('%j names nothing', async (uri) => {
    await expect(readResource(uri, local, setUp())).rejects.toBeInstanceOf(ResourceNotFound);
  });

  test('a task shows its state, step table and how it ended', async () => {
    const deps = setUp();
    const { taskId } = await deps.tasks.create({ workflow: 'report', arguments: {}, principal: 'local' });
    await deps.tasks.waitForChange(taskId, 'local', 1, new AbortController().signal);
    expect(await contentOf(URI.task(taskId), deps)).toMatchObject({
      taskId,
      status: 'completed',
      percent: 100,
      steps: [{ path: 's', status: 'completed', attempts: 1 }],
      result: { content: [{ type: 'text', text: 'ok' }] },
    });
    expect(await contentOf(URI.journal(taskId), deps)).toMatchObject({ entries: [{ seq: 1, type: 'started' }] });
  });

  test('a task of somebody else is not found, like one that never was', async () => {
    const deps = setUp();
    const { taskId } = await deps.tasks.create({ workflow: 'report', arguments: {}, principal: 'ada' });
    for (const uri of [URI.task(taskId), URI.journal(taskId), URI.taskResult(taskId), URI.task('never')]) {
      await expect(readResource(uri, local, deps)).rejects.toBeInstanceOf(ResourceNotFound);
    }
  });

  test('pages hold the definitions once and every task', async () => {
    const deps = setUp();
    for (let index = 0; index < 60; index += 1) {
      await deps.tasks.create({ workflow: 'report', arguments: {}, principal: 'local' });
    }
    const first = await listResources(undefined, local, deps);
    const second = await listResources(first.nextCursor, local, deps);
    expect(second.nextCursor).toBeUndefined();
    const uris = [...first.resources, ...second.resources].map((resource) => resource['uri']);
    expect(uris).toHaveLength(62);
    expect(new Set(uris).size).toBe(62);
    await expect(listResources('forged', local, deps)).rejects.toMatchObject({ code: -32602 });
  });
});

describe('prompts', () => {
  test('every workflow is one, with its inputs as arguments', () => {
    expect(listPrompts(setUp())).toEqual([
      {
        name: 'report',
        description: "When and how to run the workflow 'report'.",
        arguments: [
          { name: 'format', description: 'Of the file.', required: true },
          { name: 'draft', required: false },
        ],
      },
    ]);
  });

  test('it tells the tool, the purpose, the input and what to do with a task id', async () => {
    const { messages } = await (await openPrompt('report', { format: 'pdf' }, setUp())).messages();
    const text = JSON.stringify(messages);
    for (const part of ["'report'", 'Writes a report.', 'pdf', 'tasks_get', 'exactly once'])
      expect(text).toContain(part);
  });

  test('an unknown name and a missing argument are invalid params', async () => {
    await expect(openPrompt('nothing', {}, setUp())).rejects.toMatchObject({ code: -32602 });
    await expect(openPrompt('report', {}, setUp())).rejects.toThrow('params/arguments/format');
  });
});

describe('completions', () => {
  const values = async (ref: JsonObject, name: string, value: string): Promise<unknown> => {
    const { completion } = await complete(ref, { name, value }, local, setUp());
    return (completion as { values: unknown }).values;
  };

  test('the enum of an input, the two booleans, names of workflows', async () => {
    const prompt = { type: 'ref/prompt', name: 'report' };
    expect(await values(prompt, 'format', 'HT')).toEqual(['html', 'htmlx']);
    expect(await values(prompt, 'draft', '')).toEqual(['true', 'false']);
    expect(await values(prompt, 'nothing', '')).toEqual([]);
    expect(await values({ type: 'ref/resource', uri: 'workflow://definitions/{name}' }, 'name', 're')).toEqual([
      'report',
    ]);
  });

  test('task ids of the caller, a hundred at most', async () => {
    const deps = setUp();
    for (let index = 0; index < 120; index += 1) {
      await deps.tasks.create({ workflow: 'report', arguments: {}, principal: 'local' });
    }
    await deps.tasks.create({ workflow: 'report', arguments: {}, principal: 'ada' });
    const ref = { type: 'ref/resource', uri: 'workflow://tasks/{taskId}' };
    const { completion } = await complete(ref, { name: 'taskId', value: '' }, local, deps);
    expect(completion).toMatchObject({ total: 120, hasMore: true });
    expect((completion as { values: unknown[] }).values).toHaveLength(100);
  });
});

describe('large results', () => {
  const large = { content: [{ type: 'text', text: 'y'.repeat(10_000) }], structuredContent: { rows: 1 } };

  test('within the limit a result is untouched', () => {
    expect(limitResult(large, 't', { limitBytes: 20_000, structured: 'drop' })).toBe(large);
  });

  test('beyond it there is the beginning, the names of its members, and a link to the whole', () => {
    const limited = limitResult(large, 't', { limitBytes: 5_000, structured: 'drop' });
    const text = JSON.stringify(limited);
    expect(Buffer.byteLength(text)).toBeLessThan(5_000);
    expect(text).toContain('rows');
    expect(limited.content[1]).toMatchObject({ type: 'resource_link', uri: 'workflow://tasks/t/result' });
    expect(limited.structuredContent).toBeUndefined();
  });

  test('where an output schema has promised something, the task stands for it; the sign of failure stays', () => {
    const structured = { task: { taskId: 't', status: 'completed' } };
    expect(limitResult(large, 't', { limitBytes: 5_000, structured }).structuredContent).toEqual(structured);
    const failed = limitResult({ ...large, isError: true }, 't', { limitBytes: 5_000, structured });
    expect(failed).toMatchObject({ isError: true });
    expect(failed.structuredContent).toBeUndefined();
  });
});

test('arguments nested deeper than 64 levels are refused, however deep, without recursion', () => {
  const nested = (depth: number): JsonObject =>
    JSON.parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`) as JsonObject;
  expect(() => assertShallow(nested(60), 'params')).not.toThrow();
  expect(() => assertShallow(nested(5_000), 'params')).toThrow('nested deeper than 64 levels');
});
