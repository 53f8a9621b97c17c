import { expect, test } from 'vitest';
import { specCheck, specErrorName, type WireRevision } from '../support/spec-schemas.ts';
import { checkWire } from '../support/wire-schemas.ts';

const task = {
  taskId: 't',
  status: 'working',
  createdAt: '2026-07-28T10:00:00.000Z',
  lastUpdatedAt: '2026-07-28T10:00:00.000Z',
};
const answer = (result: object): object => ({ jsonrpc: '2.0', id: 1, result });

const RIGHT: readonly (readonly [WireRevision, object, string | undefined])[] = [
  ['2025-11-25', answer({ task: { ...task, ttl: null } }), 'tools/call'],
  ['2025-11-25', answer({ content: [{ type: 'text', text: 'x' }] }), 'tools/call'],
  ['2026-07-28', answer({ ...task, resultType: 'task', ttlMs: 1 }), 'tools/call'],
  ['2026-07-28', answer({ resultType: 'complete', content: [] }), 'tools/call'],
  ['2025-11-25', { jsonrpc: '2.0', id: 1, error: { code: -32602, message: 'no' } }, 'tools/call'],
];

const WRONG: readonly (readonly [WireRevision, object, string | undefined])[] = [
  ['2025-11-25', answer({ task: { ...task, status: 'busy', ttl: null } }), 'tools/call'],
  ['2025-11-25', answer({ content: [{ type: 'text' }] }), 'tools/call'],
  ['2025-11-25', answer({ tools: [{ name: 'x' }] }), 'tools/list'],
  ['2025-11-25', answer({}), 'tasks/nope'],
  ['2025-11-25', answer({}), undefined],
  ['2025-11-25', { jsonrpc: '2.0', method: 'notifications/progress', params: { progress: 1 } }, undefined],
  ['2025-11-25', { jsonrpc: '2.0', method: 'notifications/nope' }, undefined],
  ['2025-11-25', { jsonrpc: '2.0', id: 1, error: { code: 'no', message: 'no' } }, 'tools/call'],
  ['2026-07-28', answer({ ...task, resultType: 'task' }), 'tools/call'],
  ['2026-07-28', { jsonrpc: '2.0', id: 1, method: 'elicitation/create', params: {} }, undefined],
  ['2026-07-28', { jsonrpc: '2.0', id: 1, error: { code: -32021, message: 'without its data' } }, 'tools/call'],
  ['2026-07-28', { jsonrpc: '2.0', id: null, error: { code: -32600, message: 'no' } }, 'tools/call'],
  ['2026-07-28', answer({ resultType: 'complete', tools: [{ name: 7 }] }), 'tools/list'],
];

test.each(RIGHT)('%s: %j is let through', (revision, message, answered) => {
  expect(() => checkWire(revision, message, answered)).not.toThrow();
});

test.each(WRONG)('%s: %j is refused', (revision, message, answered) => {
  expect(() => checkWire(revision, message, answered)).toThrow();
});

// Without these, the checks above could pass by the schemas of the packages alone.
test.each([
  ['2025-11-25', 'CallToolResult', { content: [{ type: 'image', data: 'AA==', mimeType: 7 }] }],
  ['2026-07-28', 'ListToolsResult', { tools: [] }],
] as const)("%s: the specification's own schema refuses a wrong %s", (revision, name, value) => {
  expect(specCheck(revision, name)?.(value)).toBeDefined();
});

test('the specification names the errors that have a form of their own', () => {
  expect(specErrorName('2026-07-28', -32021)).toBe('MissingRequiredClientCapabilityError');
  expect(specErrorName('2026-07-28', -32602)).toBeUndefined();
});
