import { describe, expect, it } from 'vitest';
import { matchUri, parseUriTemplate } from '../../../src/definition/uri-template.ts';

function match(template: string, uri: string): unknown {
  const parsed = parseUriTemplate(template);
  if (typeof parsed === 'string') throw new Error(parsed);
  return matchUri(parsed, uri);
}

describe('a URI template', () => {
  it('gives the variables of a URI that fits, decoded', () => {
    expect(match('docs://errors/{code}', 'docs://errors/E%2042')).toEqual({ code: 'E 42' });
    expect(match('docs://{area}/{page}.md', 'docs://ops/restart.md')).toEqual({ area: 'ops', page: 'restart' });
    expect(match('t://{a}-{b}', 't://x-y-z')).toEqual({ a: 'x', b: 'y-z' });
    expect(match('t://{a}a', 't://baa')).toEqual({ a: 'ba' });
  });

  it.each([
    ['docs://errors/{code}', 'docs://errors/'],
    ['docs://errors/{code}', 'docs://error/1'],
    ['docs://errors/{code}', 'docs://errors/a/b'],
    ['docs://errors/{code}', 'docs://errors/a?b'],
    ['docs://errors/{code}', 'docs://errors/%zz'],
    ['docs://errors/{code}.md', 'docs://errors/a.mdx'],
    ['docs://errors/{code}.md', 'docs://errors/.md'],
    ['t://{a}xx{b}', 't://axx'],
    ['t://{a}b', 't://'],
  ])('%s does not fit %s', (template, uri) => {
    expect(match(template, uri)).toBeUndefined();
  });

  it('a slash that is written as %2F stays in its variable', () => {
    expect(match('docs://{file}', 'docs://a%2Fb')).toEqual({ file: 'a/b' });
  });

  it.each([
    'docs://x',
    'docs://{a',
    'docs://a}',
    'docs://{a}{b}',
    'docs://{a}/{a}',
    'docs://{+a}',
    'docs://{__proto__}',
  ])('%s is refused', (text) => {
    expect(typeof parseUriTemplate(text)).toBe('string');
  });

  it('a hostile URI is matched in linear time', () => {
    const template = `t://${Array.from({ length: 10 }, (_, index) => `{v${index}}a`).join('')}`;
    expect(match(template, `t://${'a'.repeat(1_000_000)}b`)).toBeUndefined();
  });
});
