import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

const STEPS = 'steps:\n  - { id: note, type: set, values: { a: 1 } }\n';

function issues(text: string): string[] {
  return parseDefinition(`name: w\n${text}${STEPS}`, 'w.yaml', stepSyntaxes).issues.map(
    ({ code, line, message }) => `${line} ${code} ${message}`,
  );
}

describe('the input of a schedule is checked where it is written', () => {
  it('against the declared schema', () => {
    const schema = 'input_schema: { type: object, properties: { depth: { type: number } }, required: [depth] }\n';
    expect(issues(`${schema}schedule: { type: interval, seconds: 60, input: { depth: 2 } }\n`)).toEqual([]);
    expect(issues(`${schema}schedule: { type: interval, seconds: 60, input: { depth: two } }\n`)).toEqual([
      expect.stringMatching(/^3 invalid_schedule no occurrence could begin: .*depth/),
    ]);
    expect(issues(`${schema}schedule: { type: interval, seconds: 60 }\n`)).toEqual([
      expect.stringMatching(/^3 invalid_schedule no occurrence could begin: .*depth/),
    ]);
  });

  it('against what the defaults say when there is no schema', () => {
    const variables = 'variables: { input: { url: https://example.com } }\n';
    expect(issues(`${variables}schedule: { type: interval, seconds: 60, input: { url: https://x.org } }\n`)).toEqual(
      [],
    );
    expect(issues(`${variables}schedule: { type: interval, seconds: 60 }\n`)).toEqual([]);
    expect(issues(`${variables}schedule: { type: interval, seconds: 60, input: { uri: https://x.org } }\n`)).toEqual([
      expect.stringMatching(/^3 invalid_schedule no occurrence could begin: .*uri/),
    ]);
  });
});

describe('texts of a schedule', () => {
  it.each([
    ["{ type: cron, expression: '0 25 * * *' }", 'invalid_cron'],
    ["{ type: cron, expression: '0 9 * * *', timezone: Mars/Phobos }", 'invalid_timezone'],
    ['{ type: once, at: tomorrow }', 'invalid_time'],
    ['{ type: interval, seconds: 0.2 }', 'invalid_schedule'],
    ["{ type: cron, expression: '0 9 31 2 *' }", 'schedule_never_runs'],
  ])('%s', (schedule, code) => {
    expect(issues(`schedule: ${schedule}\n`)).toEqual([expect.stringMatching(new RegExp(`^2 ${code} `))]);
  });
});
