/** The scenarios of the Serverless Workflow conformance kit as definitions of ours, on the real engine. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { runDefinitionTests } from '../../../src/rehearsal/definition-test.ts';
import { stepKinds, stepSyntaxes } from '../../../src/steps/index.ts';

const FILE = join(import.meta.dirname, '../../fixtures/serverless-workflow/rewritten.yaml');
const REWRITTEN = readFileSync(FILE, 'utf8').split('\n---\n');
/** The scenarios of `ctk/features` of github.com/serverlessworkflow/specification at commit d758f0b4. */
const SCENARIOS = 21;

/** What we cannot write, and why. */
const EXCEPTIONS: { readonly [scenario: string]: string } = {
  'branch: Fork Task With Competing Concurrent Sub Tasks':
    '`parallel` waits for all its branches; there is no race for the first.',
  'call: Call HTTP With Response Output':
    'A call is a tool of an MCP server; the request and headers of HTTP are not part of its result.',
  'call: Call HTTP Using Basic Authentication':
    'Who we are to a server stands in the servers file, not in a definition.',
  'call: Call OpenAPI With Content Output':
    'A call is a tool of an MCP server; a server in front of the API gives the same scenario as the one over HTTP.',
  'call: Call OpenAPI With Response Output': 'As with HTTP.',
};

const scenarioOf = (text: string): string => /^x-scenario: '(.*)'$/m.exec(text)?.[1] ?? 'a document without a scenario';

describe('scenarios of the Serverless Workflow conformance kit', () => {
  it('each is rewritten or cannot be, with a reason', () => {
    const covered = [...REWRITTEN.map(scenarioOf), ...Object.keys(EXCEPTIONS)];
    expect(new Set(covered).size).toBe(covered.length);
    expect(covered).toHaveLength(SCENARIOS);
  });

  it.each(REWRITTEN.map((text) => [scenarioOf(text), text] as const))('%s', async (_scenario, text) => {
    const { loaded, issues } = parseDefinition(text, 'rewritten.yaml', stepSyntaxes);
    expect(issues.filter(({ severity }) => severity === 'error')).toEqual([]);
    if (loaded === undefined) throw new Error('no definition');
    const { results } = await runDefinitionTests(loaded.definition, stepKinds);
    expect(results.length).toBeGreaterThan(0);
    expect(results.flatMap((result) => result.problems)).toEqual([]);
  });
});
