import { describe, expect, test } from 'vitest';
import { createRedactor, noRedaction } from '../../../src/downstream/redaction.ts';
import { inheritedEnvironment, Substitution } from '../../../src/downstream/substitution.ts';

describe('a redactor', () => {
  const secret = 'p4ss"w&rd/1234';
  const redactor = createRedactor([secret, 'p4ss', '']);

  test.each([
    ['plain', `token ${secret}!`, 'token ***!'],
    ['twice', `${secret}${secret}`, '******'],
    ['JSON-escaped', JSON.stringify({ a: secret }), '{"a":"***"}'],
    ['URI-encoded', `?t=${encodeURIComponent(secret)}&x=1`, '?t=***&x=1'],
    ['base64', Buffer.from(secret).toString('base64'), '***='],
    ['base64url', Buffer.from(secret).toString('base64url'), '***'],
    ['the shorter one alone', 'p4ss word', '*** word'],
    ['text without secrets', 'nothing to hide', 'nothing to hide'],
  ])('hides a secret: %s', (_, text, expected) => {
    expect(redactor.text(text)).toBe(expected);
  });

  test('hides secrets at every depth, keys included, and keeps the shape', () => {
    expect(redactor.json({ a: [1, null, { [secret]: `x${secret}` }], b: true })).toEqual({
      a: [1, null, { '***': 'x***' }],
      b: true,
    });
  });

  test('an own __proto__ member stays a member', () => {
    const value = redactor.json(JSON.parse('{"__proto__": {"a": 1}}') as { readonly [key: string]: string });
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
    expect(Object.keys(value)).toEqual(['__proto__']);
  });

  test('without secrets gives the very same value back', () => {
    const value = { a: 1 };
    expect(createRedactor([]).json(value)).toBe(value);
    expect(createRedactor(['']).text('abc')).toBe('abc');
    expect(noRedaction.json(value)).toBe(value);
  });

  test('a setting is no secret: short values and switches stay in results', () => {
    const settings = createRedactor(['1', 'de', 'true', 'abc']);
    expect(settings.json({ ok: 'true', n: '1 of 10', code: 'de' })).toEqual({ ok: 'true', n: '1 of 10', code: 'de' });
  });

  test('hides each line of a secret of several lines, because logs and errors come by lines', () => {
    const key = '-----BEGIN KEY-----\nMIIEvQIBADANBgkq\r\nhkiG9w0BAQEFAASC\n--\n-----END KEY-----\n';
    const lines = createRedactor([key]);
    expect(lines.text('last line: hkiG9w0BAQEFAASC')).toBe('last line: ***');
    expect(lines.text(JSON.stringify(JSON.stringify({ key })))).not.toContain('MIIEvQ');
    expect(lines.text('a -- b')).toBe('a -- b');
  });

  test('a cut never leaves half a secret behind', () => {
    const long = `k-${'0123456789'.repeat(5)}`;
    const two = createRedactor([secret, long]);
    const text = `${long} then ${secret} then ${long} then`;
    for (let length = 0; length <= text.length; length += 1) {
      const shown = two.head(text, length);
      expect(shown.length).toBeLessThanOrEqual(length);
      expect(shown).toBe('*** then *** then *** then'.slice(0, shown.length));
    }
    expect(two.head(text, text.length)).toBe('*** then *** then *** then');
    expect(noRedaction.head('abcdef', 3)).toBe('abc');
  });
});

describe('substitution', () => {
  const environment = { TOKEN: 'secret-1', HOME: '/home/me', EMPTY: '', FAKE: '${TOKEN}' };

  test('takes values from the environment and remembers which are secret', () => {
    const substitution = new Substitution(environment, 's');
    expect(substitution.text('Bearer ${TOKEN} in ${HOME}/x ${env:TOKEN}')).toBe(
      'Bearer secret-1 in /home/me/x secret-1',
    );
    expect([...substitution.secrets]).toEqual(['secret-1']);
  });

  test('does not expand what a value contains', () => {
    expect(new Substitution(environment, 's').text('${FAKE}')).toBe('${TOKEN}');
  });

  test('uses a default for a variable that is missing or empty', () => {
    expect(new Substitution(environment, 's').text('${NOPE:-x} ${EMPTY:-y} ${EMPTY}')).toBe('x y ');
  });

  test('a missing variable is a transport failure that names it', () => {
    expect(() => new Substitution(environment, 's').text('${TOKEN} ${NOPE}')).toThrow(
      "server 's' needs the environment variable NOPE, which is not set",
    );
  });

  test('leaves other text with dollars and braces alone', () => {
    expect(new Substitution(environment, 's').text('$TOKEN ${} ${1A} {TOKEN} $${HOME}')).toBe(
      '$TOKEN ${} ${1A} {TOKEN} $/home/me',
    );
  });

  test("only the machine's own variables are inherited", () => {
    expect(
      inheritedEnvironment({ PATH: '/bin', AWS_SECRET: 'x', HOME: '/h', SHELL: '() { :; }', TERM: undefined }),
    ).toEqual({
      PATH: '/bin',
      HOME: '/h',
    });
  });
});
