import { describe, expect, it } from 'vitest';
import { parseServersFile } from '../../../src/downstream/catalog.ts';

/** What a file of a host says, comments aside; each text below has to be read as this. */
const PLAIN = {
  a: { command: 'node', args: ['a.js', '--new'], env: { TOKEN: 'x' } },
  b: { url: 'https://example.com/mcp' },
};
const A = '"a": { "command": "node", "args": ["a.js", "--new"], "env": { "TOKEN": "x" } }';
const B = '"b": { "url": "https://example.com/mcp" }';

/** The servers of a text as far as a file of a host says something of them, and every issue. */
function read(text: string) {
  const { catalog, issues, positions } = parseServersFile(text, '/etc/flow/servers.json');
  const servers = Object.fromEntries(
    [...catalog.servers].map(([name, server]) => [
      name,
      server.kind === 'http' ? { url: server.url } : { command: server.command, args: server.args, env: server.env },
    ]),
  );
  return { servers, issues, positions };
}

const COMMENTED: Readonly<Record<string, string>> = {
  'an argument behind //': `{"mcpServers": {"a": {"command": "node", "args": [
      "a.js",
      // "--old",
      "--new"], "env": {"TOKEN": "x"}}, ${B}}}`,
  'the last argument behind //': `{"mcpServers": {"a": {"command": "node", "args": [
      "a.js", "--new"
      // , "--old"
    ], "env": {"TOKEN": "x"}}, ${B}}}`,
  'a variable behind //': `{"mcpServers": {"a": {"command": "node", "args": ["a.js", "--new"], "env": {
      // "OLD": "y",
      "TOKEN": "x"
    }}, ${B}}}`,
  'a server behind //': `{"mcpServers": {
    // "old": {"command": "old"},
    ${A},
    ${B}}}`,
  'a server over several lines behind //': `{"mcpServers": {
    // "old": {
    //   "command": "old"
    // },
    ${A}, ${B}}}`,
  'a comment after a value and its comma': `{"mcpServers": {"a": {
      "command": "node", // x
      "args": ["a.js", "--new"], // and these
      "env": {"TOKEN": "x"} // last
    }, ${B}}}`,
  'a comment without a space': `{"mcpServers": {"a": {"command": "node",//x
      "args": ["a.js", "--new"],"env": {"TOKEN": "x"}},${B}}}//end`,
  'a block of comment': `{"mcpServers": {/* "old": {"command": "old"}, */ ${A}, /* two
      lines: "x", */ ${B}}}`,
  'comments around the whole': `// the servers
/* of this
   machine */
{"mcpServers": {${A}, ${B}}}
// end`,
  'quotes, braces and apostrophes in comments': `{"mcpServers": {
    // don't start "this one yet: {
    ${A}, // } ]
    ${B}}}`,
  'commas behind the last one': `{"mcpServers": {"a": {"command": "node", "args": ["a.js", "--new",], "env": {"TOKEN": "x",},}, ${B},},}`,
  'a comma behind the last one, then a comment': `{"mcpServers": {${A},
    ${B}, // the last
  }}`,
  'a mark of byte order and lines of Windows': `\uFEFF{"mcpServers": {\r\n// "old": {"command": "old"},\r\n${A},\r\n${B}}}\r\n`,
  'no comment at all': `{"mcpServers": {${A}, ${B}}}`,
};

describe('a servers file with comments', () => {
  it.each(Object.keys(COMMENTED))('A4: is read as the hosts read it: %s', (name) => {
    const { servers, issues } = read(COMMENTED[name] ?? '');
    expect({ servers, issues }).toEqual({ servers: PLAIN, issues: [] });
  });

  it.each([
    ['// in an address', 'https://example.com//mcp'],
    ['a comment that is none', 'https://example.com/mcp?a=/*b*/&c=//d'],
    ['a comma before a bracket', 'https://example.com/mcp?a=,]&b=,}'],
  ])('A4: leaves a text as it is: %s', (_, url) => {
    const { servers, issues } = read(`{"mcpServers": {\n// c\n"a": {"url": ${JSON.stringify(url)}}}}`);
    expect({ servers, issues }).toEqual({ servers: { a: { url } }, issues: [] });
  });

  it('A4: names the places of what is wrong as they stand in the file', () => {
    const { issues, positions } = read(`{
  // "old": {"command": "old"},
  /* another
     one */ "mcpServers": {
    // first
    "a": {"command": "node", "wrong_key": 1}, // "b"
    "c": {}
  }
}`);
    expect(Object.fromEntries(positions)).toEqual({ a: { line: 6, column: 5 }, c: { line: 7, column: 5 } });
    expect(issues.map(({ code, line, column }) => ({ code, line, column }))).toEqual([
      { code: 'unknown_key', line: 6, column: 30 },
      { code: 'invalid_server', line: 7, column: 5 },
    ]);
  });

  it.each([
    ['a comment that does not end', `{"mcpServers": {${A} /* , ${B}}}`],
    ['a single /', `{"mcpServers": { / ${A}, ${B}}}`],
    ['a bare word', `{"mcpServers": { old, ${A}}}`],
    ['a key without a value', `{"mcpServers": {"a": {"command": "node", "args": ["a.js"], "env": {"TOKEN"}}}}`],
    ['an argument without quotes', `{"mcpServers": {"a": {"command": "node", "args": [a.js, --new]}}}`],
    ['two commas', `{"mcpServers": {${A},, ${B}}}`],
  ])('A4: what is neither JSON nor a comment is an error, not a guess: %s', (_, text) => {
    expect(read(text).issues).toContainEqual(expect.objectContaining({ severity: 'error' }));
    expect(read(text).servers).toEqual({});
  });
});
