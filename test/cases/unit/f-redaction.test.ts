import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { JsonValue } from '../../../src/core/json.ts';
import { parseServersFile } from '../../../src/downstream/catalog.ts';
import { createRedactor } from '../../../src/downstream/redaction.ts';

const SECRET = 'tok+/9~kR2>wQ7?x';
const redactor = createRedactor([SECRET]);

/** What a text says when each stretch of it that may be base64 is decoded, whatever its beginning is. */
function decodings(text: string): string {
  const stretches = text.match(/[\w+/-]{8,}/gu) ?? [];
  return stretches
    .flatMap((stretch) => [0, 1, 2, 3].map((skip) => Buffer.from(stretch.slice(skip), 'base64').toString('latin1')))
    .join('\n');
}

describe('a secret inside of a longer text that is encoded', () => {
  const around: readonly (readonly [before: string, after: string])[] = [
    ['', ''],
    ['u:', ''],
    ['Bearer ', '\n'],
    ['{"token":"', '"}'],
    ['abcd', 'efg'],
  ];

  it.each(around)('F10: base64 of %j, the secret and %j does not show it, in either alphabet', (before, after) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const text = `header ${Buffer.from(`${before}${SECRET}${after}`).toString(encoding)} end`;
      const shown = redactor.text(text);
      expect(decodings(shown)).not.toContain(SECRET.slice(2, -2));
      expect(shown).toMatch(/^header .*\*\*\*.* end$/u);
    }
  });

  it.each(around)('F10: hex of %j, the secret and %j does not show it, in either case', (before, after) => {
    const hex = Buffer.from(`${before}${SECRET}${after}`).toString('hex');
    for (const text of [hex, hex.toUpperCase()]) {
      expect(redactor.text(text).toLowerCase()).not.toContain(Buffer.from(SECRET).toString('hex'));
      expect(redactor.text(text)).toContain('***');
    }
  });

  it('F10: percent-encoding in small letters does not show it', () => {
    const small = encodeURIComponent(SECRET).replace(/%[\dA-F]{2}/gu, (each) => each.toLowerCase());
    expect(redactor.text(`?t=${small}&x=1`)).toBe('?t=***&x=1');
  });

  it('F10: a text that only looks like one stays as it is', () => {
    const texts = ['deadbeefdeadbeef', 'aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=', 'x'.repeat(200)];
    for (const text of texts) expect(redactor.text(text)).toBe(text);
  });
});

describe('a secret of digits', () => {
  const pin = createRedactor(['48151623']);

  it.each<[string, JsonValue]>([
    ['a number', 48151623],
    ['a negative number', -48151623],
    ['a number with a fraction', 48151623.5],
    ['a number in a list in an object', { list: [{ n: 48151623 }] }],
    ['a text', '48151623'],
  ])('F10: does not come back as %s', (_, value) => {
    expect(JSON.stringify(pin.json(value))).not.toContain('48151623');
  });

  it('F10: leaves other numbers what they are', () => {
    expect(pin.json({ n: 48151624, list: [0, -1, 4.5, 1e21], ok: true, none: null })).toEqual({
      n: 48151624,
      list: [0, -1, 4.5, 1e21],
      ok: true,
      none: null,
    });
  });
});

describe('a secret in the arguments of a program', () => {
  const warnings = (args: readonly string[]) =>
    parseServersFile(
      JSON.stringify({ mcpServers: { s: { command: 'node', args } } }, undefined, 1),
      '/etc/flow/servers.json',
    ).issues.map(({ severity, message, line }) => ({ severity, message, line }));

  it.each(['${TOKEN}', '--key=${TOKEN}', '${env:TOKEN}', '${TOKEN:-none}'])(
    'F10: %s is warned of, since every user of the machine sees it in ps',
    (text) => {
      expect(warnings(['x.js', text])).toEqual([
        {
          severity: 'warning',
          message: expect.stringMatching(/args/u) as unknown,
          line: expect.any(Number) as unknown,
        },
      ]);
      expect(warnings(['x.js', text])[0]?.message).toContain('ps');
    },
  );

  it('F10: what says only where things are is not warned of', () => {
    expect(warnings(['${HOME}/x.js', '--tmp=${TMPDIR:-/tmp}', '--lang', '${LANG}', '$TOKEN'])).toEqual([]);
  });
});

it('F10: the documentation says in which forms a secret is found', () => {
  const text = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');
  const section = text.split(/^## /mu).find((each) => each.startsWith('Servers file')) ?? '';
  for (const form of ['base64', 'hex', 'number', 'ps']) {
    expect(section).toMatch(new RegExp(String.raw`\b${form}`, 'iu'));
  }
});
