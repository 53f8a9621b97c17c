import { describe, expect, test } from 'vitest';
import { silentLogger, type Logger } from '../../src/core/logger.ts';
import { ResourceNotFound, RPC, toWireError, WireError } from '../../src/protocol/errors.ts';
import { StoreError } from '../../src/store/task-store.ts';
import { TaskError, type TaskErrorCode } from '../../src/tasks/task.ts';

const CONTEXT = { logger: silentLogger, ids: () => 'id-1' };
const DIALECT = { resourceNotFound: -32002 };

test('numbers of our own lie outside the range that JSON-RPC and MCP have reserved', () => {
  const own = [RPC.taskCancelled, RPC.limitExceeded, RPC.conflict, RPC.unavailable];
  expect(own.filter((number) => number >= -32_768 && number <= -32_000)).toEqual([]);
});

describe('task errors on the wire', () => {
  const pins: { readonly [code in TaskErrorCode]: number } = {
    not_found: -32602,
    unknown_workflow: -32602,
    invalid_arguments: -32602,
    already_terminal: -32602,
    idempotency_conflict: -32602,
    limit_exceeded: -31011,
    conflict: -31012,
    invalid_input_response: -32602,
    invalid_cursor: -32602,
    store_unavailable: -31013,
    not_resumable: -32602,
  };
  test.each(Object.entries(pins))('%s is %i', (code, number) => {
    const wire = toWireError(new TaskError(code as TaskErrorCode, 'why'), DIALECT, CONTEXT);
    expect(wire.code).toBe(number);
  });

  test('the code goes along as data, with details where there are any', () => {
    const wire = toWireError(new TaskError('limit_exceeded', 'too many', { limit: 3 }), DIALECT, CONTEXT);
    expect(wire).toMatchObject({ message: 'too many', data: { code: 'limit_exceeded', details: { limit: 3 } } });
  });

  test('not found has one text and no data, whoever says it and why', () => {
    const wire = toWireError(new TaskError('not_found', 'expired at 12:00', { a: 1 }), DIALECT, CONTEXT);
    expect(wire).toMatchObject({ message: 'Task not found', data: undefined });
  });
});

test.each(['full', 'busy', 'io'] as const)(
  'a store that is %s says that the outcome is not known, without its own text',
  (kind) => {
    const wire = toWireError(new StoreError(kind, 'SQLITE_FULL /root/db'), DIALECT, CONTEXT);
    expect(wire.code).toBe(-31013);
    expect(wire.message).toContain('the outcome of this request is not known');
    expect(JSON.stringify(wire)).not.toContain('SQLITE');
  },
);

test('an unknown resource takes the number of its generation and names the URI', () => {
  expect(toWireError(new ResourceNotFound('x://y'), DIALECT, CONTEXT)).toMatchObject({
    code: -32002,
    data: { uri: 'x://y' },
  });
});

test('anything unexpected is -32603 with a correlation id; its cause is in the log alone', () => {
  const logged: object[] = [];
  const logger: Logger = { ...silentLogger, error: (fields) => void logged.push(fields) };
  const cause = new TypeError('secret is 42');
  const wire = toWireError(cause, DIALECT, { ...CONTEXT, logger });
  expect(wire).toMatchObject({ code: -32603, message: 'Internal error', data: { correlationId: 'id-1' } });
  expect(logged).toEqual([{ err: cause, correlationId: 'id-1' }]);
});

test('an error that is on the wire already stays as it is', () => {
  const error = new WireError(RPC.methodNotFound, 'x');
  expect(toWireError(error, DIALECT, CONTEXT)).toBe(error);
});
