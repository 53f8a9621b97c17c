import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/core/json.ts';
import type { ToolResult } from '../../src/core/outcome.ts';
import { KnownTasks, type Caller } from '../../src/protocol/caller.ts';
import { resolveCall } from '../../src/protocol/calls.ts';
import { DEFAULT_PROTOCOL_SETTINGS, type ProtocolDeps } from '../../src/protocol/deps.ts';
import { callOwnTool } from '../../src/protocol/task-tools.ts';
import { TASK_TOOLS } from '../../src/protocol/task-tool-descriptors.ts';
import type { ToolRoom } from '../../src/protocol/tool-rooms.ts';
import { exposed, findWorkflow, listTools } from '../../src/protocol/tools.ts';
import { StoreError } from '../../src/store/task-store.ts';
import { definitionOf, protocolDeps } from '../support/protocol-deps.ts';

const me: Caller = { principal: 'ada', identified: true, listsAll: true, known: new KnownTasks() };
const HINTS = { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false };

/** A room with one tool, `look_up`, and what it was called with. */
function room(act: () => Promise<ToolResult>): ToolRoom & { readonly calls: unknown[] } {
  const calls: unknown[] = [];
  return {
    calls,
    tools: [
      {
        name: 'look_up',
        description: 'd',
        inputSchema: { type: 'object' },
        annotations: HINTS,
        taskSupport: 'forbidden',
      },
    ],
    call: async (...args) => {
      calls.push(args);
      return await act();
    },
  };
}

function depsWith(toolRooms: readonly ToolRoom[], more: Partial<ProtocolDeps> = {}): ProtocolDeps {
  const deps = protocolDeps({ toolRooms, ...more });
  for (const name of ['look_up', 'other']) deps.definitions.set(definitionOf(name));
  return deps;
}

const found = async (): Promise<ToolResult> => ({ content: [{ type: 'text', text: 'found' }] });
const names = (deps: ProtocolDeps): readonly string[] => listTools(deps).map(({ name }) => name);
const call = (deps: ProtocolDeps, args: JsonObject = {}, key?: string): Promise<ToolResult> =>
  callOwnTool('look_up', args, me, new AbortController().signal, deps, key);

describe('a room with tools of its own', () => {
  test('has them behind all others, and a workflow of that name is left out while it is there', () => {
    const deps = depsWith([room(found)]);
    expect(names(deps)).toEqual(['other', ...TASK_TOOLS.map(({ name }) => name), 'look_up']);
    expect(exposed(deps).map(({ definition }) => definition.name)).toEqual(['other']);
    expect(findWorkflow('look_up', deps)).toBeUndefined();
    expect(resolveCall({ tool: 'look_up', arguments: {}, wantsTask: false }, deps)).toEqual({
      kind: 'own',
      tool: 'look_up',
    });
    const without = depsWith([]);
    expect(names(without).filter((name) => name === 'look_up')).toHaveLength(1);
    expect(findWorkflow('look_up', without)?.definition.name).toBe('look_up');
  });

  test('has them in compact mode too', () => {
    const settings = { ...DEFAULT_PROTOCOL_SETTINGS, compact: true };
    expect(names(depsWith([room(found)], { settings }))).toContain('look_up');
  });

  test('is named where a tool is misspelt', () => {
    const deps = depsWith([room(found)]);
    expect(() => resolveCall({ tool: 'lookup', arguments: {}, wantsTask: false }, deps)).toThrow(
      "did you mean 'look_up'?",
    );
  });

  test('is given the arguments, the caller and the idempotency key', async () => {
    const one = room(found);
    expect(await call(depsWith([one]), { a: 1 }, 'k')).toEqual({ content: [{ type: 'text', text: 'found' }] });
    expect(one.calls).toEqual([['look_up', { a: 1 }, me, 'k']]);
  });

  test('shows nothing of what it did not expect, and tells that the store fails', async () => {
    const secret = room(() => Promise.reject(new Error('secret')));
    const unexpected = await call(depsWith([secret]));
    expect(unexpected.isError).toBe(true);
    expect(JSON.stringify(unexpected)).toContain('Internal error');
    expect(JSON.stringify(unexpected)).not.toContain('secret');
    const full = room(() => Promise.reject(new StoreError('full', 'disk is full')));
    expect(JSON.stringify(await call(depsWith([full])))).toContain('The task store is full');
  });
});
