import type { Command } from 'commander';

/** What `--help` of a command ends with: by its words, commands that do something as they stand. */
const EXAMPLES: Readonly<Record<string, readonly string[]>> = {
  '': [
    'mcp-workflow serve --stdio',
    'mcp-workflow run greet --set who=Ann',
    'mcp-workflow validate definitions --connect',
    'mcp-workflow tasks list',
  ],
  serve: [
    'mcp-workflow serve',
    'mcp-workflow serve --stdio',
    'mcp-workflow serve --http 127.0.0.1:3100 --data /var/lib/mcp-workflow',
  ],
  run: [
    'mcp-workflow run greet --set who=Ann --set count=3',
    'mcp-workflow run greet --input @input.json --json',
    'echo \'{"who": "Ann"}\' | mcp-workflow run greet --input - --detach',
  ],
  new: ['mcp-workflow new', 'mcp-workflow new report --kind approval --server files --tool write_file'],
  validate: [
    'mcp-workflow validate',
    'mcp-workflow validate definitions/greet.yaml --connect',
    'mcp-workflow validate --json',
  ],
  test: ['mcp-workflow test', 'mcp-workflow test definitions/greet.yaml --json'],
  list: ['mcp-workflow list', 'mcp-workflow list --json'],
  graph: ['mcp-workflow graph greet', 'mcp-workflow graph greet --format svg > greet.svg'],
  'tasks list': ['mcp-workflow tasks list', 'mcp-workflow tasks list --status failed --json'],
  'tasks get': [
    'mcp-workflow tasks get 3f2a',
    'mcp-workflow tasks get 3f2a --step read',
    'mcp-workflow tasks get 3f2a --watch',
  ],
  'tasks result': ['mcp-workflow tasks result 3f2a', 'mcp-workflow tasks result 3f2a --json'],
  'tasks cancel': ['mcp-workflow tasks cancel 3f2a'],
  'tasks respond': [
    'mcp-workflow tasks respond 3f2a',
    'mcp-workflow tasks respond 3f2a --set sure=true',
    'mcp-workflow tasks respond 3f2a --decline',
  ],
  'tasks resume': ['mcp-workflow tasks resume 3f2a', 'mcp-workflow tasks resume 3f2a --from read'],
  'schedule list': ['mcp-workflow schedule list'],
  'schedule next': ['mcp-workflow schedule next morning_report --count 10'],
  'schedule pause': ['mcp-workflow schedule pause morning_report'],
  'schedule resume': ['mcp-workflow schedule resume morning_report'],
  'schedule run-now': ['mcp-workflow schedule run-now morning_report'],
  schema: ['mcp-workflow schema > workflow.schema.json'],
  'store migrate': ['mcp-workflow store migrate --from sqlite:./data --to postgres://db.example/workflows'],
};

const COLOURS = '\nNO_COLOR=1 turns colours off; without a terminal there are none.\n';

/** Adds its examples to a command and to all below it. */
export function addExamples(command: Command, words: readonly string[] = []): void {
  const own = EXAMPLES[words.join(' ')];
  const more = words.length === 0 ? COLOURS : '';
  if (own !== undefined)
    command.addHelpText('after', `\nExamples:\n${own.map((line) => `    ${line}\n`).join('')}${more}`);
  for (const inner of command.commands) addExamples(inner, [...words, inner.name()]);
}
