import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli, type Finished } from '../../support/cli-process.ts';
import { newWorkspace, type Workspace } from '../../support/workspace.ts';

const GOOD = 'steps:\n  - { id: s, type: set, values: { hello: there } }\n';
const DEFINITIONS: Readonly<Record<string, string>> = {
  'greeting.yaml': `name: greeting\ninput_schema: { type: object, properties: { name: { type: string }, size: { type: integer } }, required: [name] }\n${GOOD}`,
  'broken.yaml': 'name: broken\nsteps:\n  - { id: s, type: nonsense }\n',
  // Its name is near to that of one that is right.
  'other-file.yaml': `name: greetings\nsteps:\n  - { id: s, type: set, values: {} }\n  - { id: s, type: set, values: {} }\n`,
  'no-yaml.yaml': 'name: no_yaml\nsteps:\n  - { id: s\n',
  'sort.yaml': `name: sort
variables: { input: { rows: [] } }
steps:
  - { id: sorted, type: set, values: { rows: '{% $sort(input.rows, function($a, $b) { $a.n > $b.n }).n %}' } }
  - { id: by, type: set, values: { rows: '{% input.rows^(>n).n %}' } }
output: { first: '{{sorted.output.rows[0]}}', count: '{{sorted.output.rows | length}}', last: '{{by.output.rows[0]}}', least: '{{by.output.rows | last}}' }
`,
  'csv.yaml': `name: csv
variables: { input: { text: '' } }
steps:
  - id: read
    type: set
    values:
      sum: "{% ( $rows := $map($split(input.text, '\\n'), function($line) {( $cells := $split($line, ','); { 'id': $number($cells[0]), 'name': $cells[1], 'group': $number($cells[2]) } )}); $sum($rows[name != ''].group) ) %}"
      lines: "{% $count($split(input.text, '\\n')) %}"
output: '{{read.output}}'
`,
};

/** Numbers from 0, mixed up, each once. */
const ROWS = 20_000;
const LINES = 50_000;
const rows = Array.from({ length: ROWS }, (_none, index) => ({ n: (index * 7919) % ROWS, name: `row ${index}` }));
const lines = Array.from({ length: LINES }, (_none, index) => `${index},name ${index},${index % 10}`);

const COMMANDS = {
  wrongName: ['run', 'greeting', '--set', 'nme=Ann'],
  broken: ['run', 'broken'],
  dryRun: ['run', 'broken', '--dry-run'],
  graph: ['graph', 'broken'],
  near: ['run', 'greetings'],
  noYaml: ['run', 'no_yaml'],
  unknown: ['run', 'grating'],
  sort: ['run', 'sort', '--json', '--input', '@rows.json'],
  csv: ['run', 'csv', '--json', '--input', '@text.json'],
} as const;

let workspace: Workspace;
const ended = new Map<string, Finished>();
beforeAll(async () => {
  workspace = await newWorkspace({ definitions: DEFINITIONS, standIns: {} });
  await writeFile(join(workspace.path, 'rows.json'), JSON.stringify({ rows }));
  await writeFile(join(workspace.path, 'text.json'), JSON.stringify({ text: lines.join('\n') }));
  const left = Object.entries(COMMANDS);
  const work = async (): Promise<void> => {
    for (let next = left.shift(); next !== undefined; next = left.shift()) {
      const [name, args] = next;
      // What is asserted is memory and the value, not how fast a busy machine is.
      const env = { MCP_WORKFLOW_MAX_EXPRESSION_MS: '600000' };
      ended.set(name, await runCli([...args, '--data', `data-${name}`], workspace.path, env));
    }
  };
  await Promise.all([work(), work()]);
});
afterAll(() => workspace.remove());

/** How a command ended; its words for people, without the log. */
function end(name: keyof typeof COMMANDS): {
  readonly code: number | null;
  readonly said: string;
  readonly stdout: string;
} {
  const { code = null, stderr = '', stdout = '' } = ended.get(name) ?? {};
  const said = stderr.split('\n').filter((line) => !line.startsWith('{'));
  return { code, said: said.join('\n'), stdout };
}

describe('E3: run with a wrong name of an argument beside a missing one', () => {
  it('E3: asks whether the missing one was meant', () => {
    const { code, said } = end('wrongName');
    expect(code).toBe(2);
    expect(said).toContain("'nme'");
    expect(said).toContain("did you mean 'name'?");
  });
});

describe('E5: a command about a workflow whose file has an error', () => {
  it.each([
    ['broken', /^definitions\/broken\.yaml:3:\d+ unknown_step_type .*nonsense/u],
    ['dryRun', /^definitions\/broken\.yaml:3:\d+ unknown_step_type .*nonsense/u],
    ['graph', /^definitions\/broken\.yaml:3:\d+ unknown_step_type .*nonsense/u],
    ['near', /^definitions\/other-file\.yaml:4:\d+ duplicate_id /u],
    ['noYaml', /^definitions\/no-yaml\.yaml:\d+:\d+ syntax /u],
  ] as const)('E5: %s: says first what is wrong with it, and where', (name, first) => {
    const { code, said } = end(name);
    expect(code).toBe(2);
    // A head line may name the workflow; nothing comes before that says it is unknown, or means another.
    const [head = '', next = ''] = said.split('\n');
    expect(first.test(head) ? head : next.trim()).toMatch(first);
    expect(said).not.toMatch(/unknown workflow|did you mean/u);
  });

  it('E5: one that no file has is unknown as before', () => {
    const { code, said } = end('unknown');
    expect(code).toBe(2);
    expect(said).toContain("unknown workflow 'grating'");
  });
});

describe('E10: an expression over much', () => {
  it('E10: sorts 20 000 rows, with a function and with the operator', () => {
    const { code, stdout } = end('sort');
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'completed',
      output: { first: 0, count: ROWS, last: ROWS - 1, least: 0 },
    });
    expect(code).toBe(0);
  });

  it('E10: reads a CSV of 50 000 lines', () => {
    const { code, stdout } = end('csv');
    expect(JSON.parse(stdout)).toMatchObject({
      status: 'completed',
      output: { lines: LINES, sum: (LINES / 10) * 45 },
    });
    expect(code).toBe(0);
  });
});
