import { describe, expect, test } from 'vitest';
import { createLogger } from '../../../src/logging/pino.ts';
import { redact } from '../../../src/logging/redaction.ts';

function lines(pretty: boolean, level: 'debug' | 'info' = 'info', secrets?: () => string[]) {
  const written: string[] = [];
  const destination = { write: (line: string) => written.push(line) };
  return {
    logger: createLogger({ level, pretty, destination, ...(secrets === undefined ? {} : { secrets }) }),
    written,
  };
}

describe('logger', () => {
  test('without a terminal a line is one JSON object with level, time and message', () => {
    const { logger, written } = lines(false);
    logger.child({ taskId: 't' }).info({ step: 's' }, 'hello');
    expect(written).toHaveLength(1);
    expect(JSON.parse(written[0] ?? '')).toMatchObject({
      taskId: 't',
      step: 's',
      msg: 'hello',
      time: expect.any(String),
    });
  });

  test('on a terminal a line is text', () => {
    const { logger, written } = lines(true);
    logger.info({ url: 'http://x' }, 'serving');
    expect(written.join('')).toMatch(/INFO.*serving[\s\S]*url/);
    expect(written.join('')).not.toContain('{"level"');
  });

  test('below the level nothing is written', () => {
    const { logger, written } = lines(false);
    logger.debug({}, 'x');
    expect(written).toEqual([]);
  });

  test.each([true, false])('a secret leaves neither by field nor message nor error (pretty: %s)', (pretty) => {
    const secret = 'pa"ss\\word';
    const { logger, written } = lines(pretty, 'info', () => [secret]);
    logger.warn({ header: `Bearer ${secret}`, err: new Error(`refused ${secret}`) }, `with ${secret}`);
    const text = written.join('');
    expect(text).toContain('***');
    expect(text).not.toContain('ss\\word');
    expect(text).not.toContain('ss\\\\word');
  });

  test('a secret that becomes known later is covered from then on', () => {
    const known: string[] = [];
    const { logger, written } = lines(false, 'info', () => known);
    known.push('late-secret');
    logger.info({}, 'late-secret');
    expect(written.join('')).not.toContain('late-secret');
  });
});

test('a secret that contains another leaves nothing behind, and very short ones are not looked for', () => {
  expect(redact('token-long token ab', ['token', 'token-long', 'ab'])).toBe('*** *** ab');
});
