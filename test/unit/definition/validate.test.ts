import { describe, expect, it } from 'vitest';
import { parseDefinition, type ParseOptions } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';

/** `severity code path message (hint)` of every issue of a definition with these lines. */
function issues(lines: string, options: ParseOptions = {}): string[] {
  return parseDefinition(`name: test\n${lines}`, 'test.yaml', stepSyntaxes, options).issues.map(
    ({ severity, code, path, message, hint }) =>
      `${severity} ${code} ${path} ${message}${hint === undefined ? '' : ` (${hint})`}`,
  );
}

const tool = (id: string, more = ''): string =>
  `  - {id: ${id}, server: s, action: t${more === '' ? '' : `, ${more}`}}\n`;

describe('steps that can only fail', () => {
  it.each([
    ['type: wait', 'missing_key /steps/0 the wait has no end (give it `seconds` or `until`)'],
    ['type: wait, until: tomorrow', "invalid_time /steps/0/until 'tomorrow' is not a time"],
    ['type: wait, until: "5"', "invalid_time /steps/0/until '5' is not a time"],
    ['type: wait, seconds: soon', "invalid_value /steps/0/seconds 'soon' is not a number of seconds"],
    ['type: parallel', 'missing_key /steps/0 there is nothing to run (give it `tasks` or `branches`)'],
    ['type: llm', 'missing_key /steps/0 there is no question (give it `prompt` or `messages`)'],
    ['type: llm, prompt: a, schema: {type: 5}', 'invalid_schema /steps/0/schema not a valid JSON Schema'],
    ['type: prompt, server: s', "missing_key /steps/0 missing key 'prompt_name'"],
    ['type: foreach, items: abc, steps: [{id: x, type: set}]', 'invalid_type /steps/0/items expected a list'],
    ['type: foreach, items: 5, steps: [{id: x, type: set}]', 'invalid_type /steps/0/items expected a list'],
  ])('are errors: %s', (step, found) => {
    expect(issues(`steps:\n  - {id: a, ${step}}\n`)).toEqual([expect.stringContaining(`error ${found}`)]);
  });

  it.each([
    'type: wait, seconds: "5"',
    'type: wait, seconds: "{{task.id}}"',
    'type: wait, until: "2030-01-01"',
    'type: wait, until: "2030-01-01T10:00:00+02:00"',
    'type: wait, until: "{% task.created_at %}"',
    'type: foreach, items: "{{task.id}}", steps: [{id: x, type: set}]',
    'type: foreach, items: {a: 1}, steps: [{id: x, type: set}]',
    'type: elicit, message: sure',
    'type: elicit, message: a, schema: {properties: {c: {type: array, items: {type: string, enum: [x]}}}}',
    'type: prompt, server: s, action: p',
  ])('are not those whose outcome is open: %s', (step) => {
    expect(issues(`steps:\n  - {id: a, ${step}}\n`)).toEqual([]);
  });
});

describe('references in templates and conditions', () => {
  it('an unknown step is an error with a suggestion', () => {
    expect(
      issues(
        `steps:\n${tool('list')}${tool('b', 'arguments: {x: "{{lst.output}}", y: "{{steps.lisst.output}}", z: "{{step_lits.output}}"}')}`,
      ),
    ).toEqual([
      "error unknown_step /steps/1/arguments/x step 'lst' unknown (did you mean 'list'?)",
      "error unknown_step /steps/1/arguments/y step 'lisst' unknown (did you mean 'list'?)",
      "error unknown_step /steps/1/arguments/z step 'lits' unknown (did you mean 'list'?)",
    ]);
  });

  it('the three spellings of a step, filters and odd keys are known', () => {
    expect(
      issues(
        `steps:\n${tool('list')}${tool('b', `arguments: {x: "{{list.output | json}}", y: "{{steps.list.text}}", z: "{{step_list['output'][0]}}"}`)}`,
      ),
    ).toEqual([]);
  });

  it('a declared input is required of variables.input.x and input.x', () => {
    expect(
      issues(
        `variables: {input: {url: 1}}\nsteps:\n${tool('a', 'arguments: {x: "{{variables.input.ulr}}", y: "{{input.url}}", z: "{{input.other}}"}')}`,
      ),
    ).toEqual([
      "error unknown_variable /steps/0/arguments/x 'variables.input.ulr' is not declared (did you mean 'url'?)",
      "error unknown_variable /steps/0/arguments/z 'variables.input.other' is not declared (declared: url)",
    ]);
  });

  it('is a warning where arguments may be anything: no declaration at all, or an open input_schema', () => {
    expect(issues(`steps:\n${tool('a', 'arguments: {x: "{{input.url}}"}')}`)).toEqual([
      "warning unknown_variable /steps/0/arguments/x 'variables.input.url' is not declared",
    ]);
    expect(
      issues(
        `input_schema: {type: object, properties: {q: {}}}\nsteps:\n${tool('a', 'arguments: {x: "{{input.url}}", y: "{{input.q}}"}')}`,
      ),
    ).toEqual([
      "warning host_limit /input_schema/properties/q hosts refuse the argument 'q': nothing says of which type it is (give it a `type`, or in `variables.input` a value instead of null)",
      "warning unknown_variable /steps/0/arguments/x 'variables.input.url' is not declared (declared: q)",
    ]);
  });

  it('other variables are known when they are declared or written anywhere', () => {
    const text = `variables: {global: {known: 1}}
steps:
${tool('a', 'save_output_to: variables.output.saved_here')}${tool('b', 'arguments: {a: "{{variables.output.saved_here.deep}}", b: "{{variables.global.known}}", c: "{{variables.global.start_time}}", d: "{{saved.last}}", e: "{{variable.x}}", f: "{{variables.inputs.x}}"}')}`;
    expect(issues(text)).toEqual([
      "warning unknown_variable /steps/1/arguments/d nothing sets 'variables.saved.last'",
      "error unknown_variable /steps/1/arguments/e 'variable' unknown (did you mean 'variables'?)",
      "error unknown_variable /steps/1/arguments/f 'variables.inputs' unknown (did you mean 'input'?)",
    ]);
  });

  it('an expression inside a longer text is a warning, as it stays text', () => {
    expect(issues(`steps:\n${tool('a', `arguments: {a: "sum {% 1 + 1 %}", b: "{% 1 + 1 %} ", c: "5 % {"}`)}`)).toEqual([
      'warning not_a_template /steps/0/arguments/a {% … %} is an expression only where it is the whole value, and stays text here',
    ]);
  });

  it('item and as-names are known inside their foreach only', () => {
    const text = `steps:
  - id: each
    type: foreach
    items: "{{input.list}}"
    as: file
    steps:
    - {id: in, server: s, action: t, arguments: {a: "{{file.name}}", b: "{{item_index}}"}}
${tool('after', 'arguments: {a: "{{file.name}}", b: "{{item}}"}')}`;
    expect(issues(`variables: {input: {list: []}}\n${text}`)).toEqual([
      expect.stringContaining("error unknown_variable /steps/1/arguments/a 'file' unknown"),
      "error unknown_variable /steps/1/arguments/b 'item' is known inside a foreach only",
    ]);
  });

  it('a step inside a foreach cannot be seen from outside', () => {
    const text = `steps:
  - {id: again, type: foreach, items: [1, 2], steps: [{id: inner, server: s, action: t}]}
${tool('after', 'arguments: {a: "{{inner.output}}", b: "{{again.output}}"}')}`;
    expect(issues(text)).toEqual([
      "warning reference_into_scope /steps/1/arguments/a 'inner' is inside 'again' and cannot be seen from here (use {{again.output}})",
    ]);
  });

  it('a target and a conditional see what is around the place where they run', () => {
    const body = `    steps:
    - {id: e, server: s, action: t, arguments: {a: "{{item}}"}}
    - {id: bad, server: s, action: t, on_error: {step: far, arguments: {b: "{{item}}"}}}
    - {id: near, server: s, action: t, arguments: {a: "{{item}} {{e.output}}"}}`;
    const text = `steps:
  - id: each
    type: foreach
    items: [1, 2]
${body}
${tool('far', 'arguments: {a: "{{item_index}} {{e.output}}"}, on_error: farther')}${tool('farther', 'arguments: {a: "{{item}} {{e.output}}"}')}${tool('chosen', 'arguments: {a: "{{item}} {{e.output}}"}')}${tool('after', 'arguments: {a: "{{item}} {{e.output}}"}')}conditionals:
  inside: {condition: "{{e.output}} == 2 and {{item}} == 2", if_true: [near, chosen]}
  outside: {condition: "{{e.output}} == 2 and {{after.output}} == {{item}}", if_true: []}
`;
    expect(issues(text)).toEqual([
      expect.stringContaining("error unknown_variable /steps/4/arguments/a 'item'"),
      expect.stringContaining("warning reference_into_scope /steps/4/arguments/a 'e'"),
      expect.stringContaining("warning reference_into_scope /conditionals/outside/condition 'e'"),
      expect.stringContaining("error unknown_variable /conditionals/outside/condition 'item'"),
    ]);
  });

  it('a reference to a later step, or to the step itself, is a warning', () => {
    expect(
      issues(`steps:\n${tool('a', 'arguments: {x: "{{b.output}}"}')}${tool('b', 'when: "{{b.output}} == 1"')}`),
    ).toEqual([
      "warning forward_reference /steps/0/arguments/x 'b' has not run here, so this is null (move it before 'a')",
      "warning forward_reference /steps/1/when 'b' has not ended here, so its own result is null",
    ]);
  });

  it('targets have no place in the order', () => {
    expect(
      issues(`steps:\n${tool('fallback', 'arguments: {x: "{{a.error.message}}"}')}${tool('a', 'on_error: fallback')}`),
    ).toEqual([]);
  });

  it('a step in idempotency_key is a warning: no step has run by then', () => {
    expect(issues(`idempotency_key: 'k {{a.output}}'\nsteps:\n${tool('a')}`)).toEqual([
      "warning forward_reference /idempotency_key 'a' has not run when the key is made, so there is none (name arguments of the call: {{input.x}})",
    ]);
    expect(issues(`variables: {input: {x: 1}}\nidempotency_key: 'k {{input.x}}'\nsteps:\n${tool('a')}`)).toEqual([]);
  });

  it('a graph and parallel branches have the order of depends_on only', () => {
    const graph = `steps:\n${tool('a')}${tool('b', 'depends_on: [a]')}${tool('c', 'depends_on: [b], arguments: {x: "{{a.output}}"}')}${tool('d', 'arguments: {x: "{{a.output}}"}')}`;
    expect(issues(graph)).toEqual([
      "warning unordered_reference /steps/3/arguments/x 'a' may not have run here: nothing says that it comes first (add 'a' to depends_on)",
    ]);
    const parallel = `steps:\n  - {id: p, type: parallel, tasks: [{id: a, server: s, action: t}, {id: b, server: s, action: t, arguments: {x: "{{a.output}}"}}]}\n${tool('c', 'arguments: {x: "{{a.output}}"}')}`;
    expect(issues(parallel)).toEqual([
      "warning unordered_reference /steps/0/tasks/1/arguments/x 'a' may not have run here: nothing says that it comes first (put one after the other)",
    ]);
  });

  it('a condition that cannot be read and an expression that cannot run are errors', () => {
    expect(
      issues(
        `steps:\n${tool('a', 'when: "1 = 1"')}${tool('b', 'arguments: {x: "{% a.( %}", y: "{{a.output | uper}}"}')}`,
      ),
    ).toEqual([
      "error invalid_condition /steps/0/when at character 3 of the condition: expected 'and', 'or' or the end (write '==')",
      expect.stringContaining('error invalid_expression /steps/1/arguments/x the expression cannot run: Expected'),
      "error unknown_filter /steps/1/arguments/y unknown filter 'uper' (did you mean 'upper'?)",
    ]);
  });

  it('looks into output, result, conditionals and error arguments too', () => {
    const text = `steps:
${tool('a', 'on_error: {step: b, arguments: {m: "{{error.message}} {{error.mesage}} {{nope1.output}}"}}')}${tool('b')}
output: {x: "{{nope2.output}}"}
result: {content: [{type: text, text: "{{nope3.output}}"}]}
on_error: {step: b, arguments: {x: "{{failed_step.id}} {{nope4.output}}"}}
conditionals: {c: {condition: "{{nope5.output}} == 1", if_true: [b]}}`;
    const found = issues(text);
    for (let i = 1; i <= 5; i += 1) expect(found.some((issue) => issue.includes(`step 'nope${i}' unknown`))).toBe(true);
    expect(found).toHaveLength(6);
    expect(
      found.some((issue) =>
        issue.startsWith("warning unknown_variable /steps/0/on_error/arguments/m 'error.mesage' unknown"),
      ),
    ).toBe(true);
  });
});

describe('ids, targets and dependencies', () => {
  it('ids are unique at any depth, and not reserved', () => {
    const text = `steps:\n${tool('a')}  - {id: p, type: parallel, tasks: [{id: a, server: s, action: t}]}\n${tool('task')}`;
    expect(issues(text)).toEqual([
      "error duplicate_id /steps/1/tasks/0/id there are two steps 'a' (ids are unique in the whole definition)",
      "error reserved_name /steps/2/id 'task' is a reserved name (rename it, e.g. to 'task_step')",
    ]);
  });

  it('every target names a step', () => {
    const text = `steps:\n${tool('good', 'on_error: god, retry: {max_attempts: 2, on_fail: goood}')}${tool('x', 'on_error: {step: xx}')}on_error: zzz
conditionals: {c: {condition: "true", if_true: [good, goof], if_false: yyy}}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual([
      'error unknown_step /steps/0/on_error',
      'error unknown_step /steps/0/retry/on_fail',
      'error unknown_step /steps/1/on_error/step',
      'error unknown_step /on_error',
      'error unknown_step /conditionals/c/if_true/1',
      'error unknown_step /conditionals/c/if_false',
    ]);
  });

  it('words a kind takes as on_error name no step', () => {
    expect(
      issues('steps:\n  - {id: p, type: parallel, on_error: collect, tasks: [{id: a, server: s, action: t}]}'),
    ).toEqual([]);
  });

  it('depends_on names steps of the same block, and goes round in no circle', () => {
    expect(
      issues(
        `steps:\n${tool('a', 'depends_on: [c]')}${tool('b', 'depends_on: [a]')}${tool('c', 'depends_on: [b, c, d]')}`,
      ),
    ).toEqual([
      'error dependency_cycle /steps/1/depends_on the steps depend on each other in a circle: a → c → b → a',
      "error dependency_cycle /steps/2/depends_on/1 'c' depends on itself",
      "error unknown_step /steps/2/depends_on/2 step 'd' unknown (steps: a, b, c)",
    ]);
    const foreign = `steps:\n${tool('a')}  - {id: g, type: group, steps: [{id: b, server: s, action: t, depends_on: [a]}]}`;
    expect(issues(foreign)).toEqual([
      "error foreign_dependency /steps/1/steps/0/depends_on/0 'a' is not in the same block (steps here: b)",
    ]);
    const loop = `steps:\n  - {id: l, type: loop, max_iterations: 1, steps: [{id: a, server: s, action: t}, {id: b, server: s, action: t, depends_on: [a]}]}`;
    expect(issues(loop)).toEqual([
      'error misplaced_depends_on /steps/0/steps/1/depends_on depends_on works at the top and in a group only (put the steps into a step of type group)',
    ]);
  });

  it('tests name steps', () => {
    expect(
      issues(
        `steps:\n${tool('list')}tests: [{name: t, mocks: {lst: {output: 1}}, expect: {called: [list], not_called: [lisst]}}]`,
      ),
    ).toEqual([
      "error unknown_step /tests/0/mocks/lst step 'lst' unknown (did you mean 'list'?)",
      "error unknown_step /tests/0/expect/not_called/0 step 'lisst' unknown (did you mean 'list'?)",
    ]);
  });

  it('servers are checked where the configured ones are known, as an error or a warning', () => {
    const servers = new Set(['files', 'search']);
    expect(issues('steps: [{id: a, server: flies, action: t}]', { servers })).toEqual([
      "error unknown_server /steps/0/server server 'flies' unknown (did you mean 'files'?)",
    ]);
    expect(issues('steps: [{id: a, server: flies, action: t}]', { servers, unknownServer: 'warning' })[0]).toMatch(
      /^warning/,
    );
    expect(issues('steps: [{id: a, server: flies, action: t}]')).toEqual([]);
  });
});

describe('one mistake hides no other', () => {
  it('a step with a wrong key is still searched, and what stands inside it too', () => {
    expect(
      issues(
        `steps:\n  - {id: each, type: foreach, items: '{{nope.output}}', max_concurrency: 0, steps: [{id: in, type: set, values: {a: '{{item | lenght}}'}}]}\n  - {id: in, type: succeed}\n`,
      ),
    ).toEqual([
      "error unknown_step /steps/0/items step 'nope' unknown (steps: each, in)",
      'error invalid_value /steps/0/max_concurrency expected at least 1',
      "error unknown_filter /steps/0/steps/0/values/a unknown filter 'lenght' (did you mean 'length'?)",
      "error duplicate_id /steps/1/id there are two steps 'in' (ids are unique in the whole definition)",
    ]);
  });

  it('a step of an unknown type counts as the nearest one, with its keys, its place and its id', () => {
    expect(
      issues(
        `steps:\n  - {id: input, type: fore, items: [1], stepz: 1, steps: [{id: in, type: set, values: {a: '{{nope.output}}'}}]}\n  - {id: in, type: parallell, tasks: 3}\n`,
        { servers: new Set(['s']) },
      ),
    ).toEqual([
      "error reserved_name /steps/0/id 'input' is a reserved name (rename it, e.g. to 'input_step')",
      'error unknown_step_type /steps/0/type unknown step type "fore" (known types: ' +
        `${[...stepSyntaxes.keys()].join(', ')})`,
      "error unknown_step /steps/0/steps/0/values/a step 'nope' unknown (steps: input, in)",
      "error duplicate_id /steps/1/id there are two steps 'in' (ids are unique in the whole definition)",
      'error unknown_step_type /steps/1/type unknown step type "parallell" (did you mean \'parallel\'?)',
      'error invalid_type /steps/1/tasks expected a list, found number 3',
    ]);
  });

  it('a step without type or id is searched as well', () => {
    expect(
      issues(
        `steps:\n  - {id: a, arguments: {x: '{{nope.output}}'}}\n  - {type: tool, server: t, action: x, retry: 3}\n`,
        { servers: new Set(['s']) },
      ),
    ).toEqual([
      "error missing_key /steps/0 missing key 'type' (every step but a tool's needs one)",
      "error unknown_step /steps/0/arguments/x step 'nope' unknown (steps: a)",
      "error missing_key /steps/1/id missing key 'id'",
      "error unknown_server /steps/1/server server 't' unknown (servers: s)",
      'error invalid_type /steps/1/retry expected an object, found number 3',
    ]);
  });

  it('a mistake behind an alias is told once', () => {
    expect(
      issues(`steps:\n  - {id: a, type: set, values: &v {x: '{{nope.output}}'}}\n  - {id: b, type: set, values: *v}\n`),
    ).toEqual(["error unknown_step /steps/0/values/x step 'nope' unknown (steps: a, b)"]);
  });

  it('A5: a merge key of YAML 1.1 is refused wherever it stands', () => {
    expect(issues(`x-c: &c {server: s}\nsteps:\n  - {id: a, type: tool, <<: *c, server: s, action: t}\n`)).toEqual([
      "error unsupported_value undefined YAML's merge key '<<' is not read: YAML 1.2 does not have it (write the keys out, or give the whole value by its alias)",
    ]);
  });

  it('a value that fits none of several forms is told all of them', () => {
    expect(
      issues(`steps:\n  - {id: a, type: try, steps: [{id: b, type: succeed}], catch: [{match: 3, steps: []}]}\n`),
    ).toContain('error invalid_type /steps/0/catch/0/match expected a text or an object or a list, found number 3');
  });
});

describe('what never runs and never ends', () => {
  it('steps behind a fail or succeed that always runs', () => {
    const text = `steps:\n${tool('a')}  - {id: stop, type: fail, message: no}\n${tool('b')}`;
    expect(issues(text)).toEqual(["warning unreachable_step /steps/2/id 'b' never runs: the workflow ends before it"]);
    expect(issues(text.replace('message: no', 'message: no, when: "{{a.output}} == 1"'))).toEqual([]);
  });

  it('targets that only other unreachable steps target', () => {
    const text = `steps:\n${tool('a')}${tool('b', 'on_error: c')}${tool('c', 'on_error: b')}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual([
      'warning unreachable_step /steps/1/id',
      'warning unreachable_step /steps/2/id',
    ]);
  });

  it('is an error when nothing runs at all', () => {
    const text = `steps:\n${tool('b', 'on_error: c')}${tool('c', 'on_error: b')}`;
    expect(issues(text).every((issue) => issue.startsWith('error unreachable_step'))).toBe(true);
  });

  it('a loop without until and without a maximum has no end', () => {
    const found = issues('steps:\n  - {id: l, type: loop, steps: [{id: a, server: s, action: t}]}');
    expect(found).toContainEqual(
      'error endless_loop /steps/0 the loop has no end (give it `until` or `max_iterations`)',
    );
  });
});

describe('keys of the workflow', () => {
  it('schedules are checked: cron, time zone, time', () => {
    const step = `steps:\n${tool('a')}`;
    expect(
      issues(`schedule: {type: cron, expression: "61 * * * *", timezone: Mars/Base}\n${step}`).map((issue) =>
        issue.split(' ').slice(0, 3).join(' '),
      ),
    ).toEqual(['error invalid_cron /schedule/expression', 'error invalid_timezone /schedule/timezone']);
    expect(issues(`schedule: {type: once, at: tomorrow}\n${step}`)).toEqual([
      "error invalid_time /schedule/at 'tomorrow' is not a time; ISO 8601 such as 2026-02-04T14:30:00Z is expected",
    ]);
    expect(issues(`schedule: {type: cron, expression: "0 0 31 2 *"}\n${step}`)).toEqual([
      "warning schedule_never_runs /schedule/expression '0 0 31 2 *' never comes",
    ]);
    expect(issues(`schedule: {type: cron, expression: "0 9 * * MON-FRI", timezone: Europe/Berlin}\n${step}`)).toEqual(
      [],
    );
  });

  it('schemas must compile and describe objects; defaults should fit', () => {
    const step = `steps:\n${tool('a')}`;
    expect(
      issues(`input_schema: {type: string}\noutput_schema: {type: object, properties: {a: {type: strnig}}}\n${step}`),
    ).toEqual([
      'error invalid_schema /input_schema the schema must say `type: object` (tools take and give objects)',
      expect.stringContaining('error invalid_schema /output_schema not a valid JSON Schema'),
    ]);
    expect(
      issues(`variables: {input: {n: x}}\ninput_schema: {type: object, properties: {n: {type: number}}}\n${step}`),
    ).toEqual([
      `warning invalid_default /variables/input/n the default of 'n' does not fit input_schema: expected number, found text "x"`,
    ]);
  });

  it('assignments go to variables, and never to a prototype', () => {
    const text = `steps:\n${tool('a', 'save_output_to: variables.output.__proto__.x')}${tool('b', 'save_output_to: output.x')}  - {id: c, type: set, assign: {"variables.input.x": 1, "variables.global.constructor": 2, "variables.saved.ok": 3}}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual([
      'error forbidden_name /steps/0/save_output_to',
      'error invalid_value /steps/1/save_output_to',
      'error invalid_target /steps/2/assign/variables.input.x',
      'error forbidden_name /steps/2/assign/variables.global.constructor',
    ]);
  });

  it('cache_seconds on a step that holds steps is a warning', () => {
    const text = `steps:\n${tool('a', 'cache_seconds: 60')}  - {id: g, type: group, cache_seconds: 60, steps: [{id: b, type: set, values: {}}]}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual([
      'warning cache_without_effect /steps/1/cache_seconds',
    ]);
  });

  it.each([
    ['o: {type: object, properties: {x: {type: string}}}', ['error invalid_schema /steps/0/schema/properties/o']],
    ['o: {properties: {x: {type: string}}}', ['error invalid_schema /steps/0/schema/properties/o']],
    ['l: {type: array, items: {type: object}}', ['error invalid_schema /steps/0/schema/properties/l']],
    ['n: {type: "null"}', ['error invalid_schema /steps/0/schema/properties/n']],
    ['f: {type: string, format: ipv4}', ['warning form_format /steps/0/schema/properties/f/format']],
    ['f: {type: string, format: email}, n: {type: integer}, b: {type: boolean}, e: {enum: [a, b]}', []],
    ['m: {type: array, items: {type: string, enum: [a, b]}}, t: {type: array, items: {anyOf: [{const: a}]}}', []],
    ['t: {type: string, enum: "{% [input.a] %}"}, u: "{% input.a %}"', []],
  ])('a form has the fields that MCP can show: %s', (fields, expected) => {
    const text = `variables: {input: {a: x}}\nsteps:\n  - {id: ask, type: elicit, message: m, schema: {type: object, properties: {${fields}}}}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual(expected);
  });

  it.each([
    ['a: {type: number, x-mcp-header: A}', ['error invalid_schema /input_schema/properties/a/x-mcp-header']],
    ['a: {type: string, x-mcp-header: ""}', ['error invalid_schema /input_schema/properties/a/x-mcp-header']],
    ['a: {type: string, x-mcp-header: "a b"}', ['error invalid_schema /input_schema/properties/a/x-mcp-header']],
    [
      'a: {type: string, x-mcp-header: R}, b: {type: string, x-mcp-header: r}',
      ['error invalid_schema /input_schema/properties/b/x-mcp-header'],
    ],
    [
      'a: {type: array, items: {type: string, x-mcp-header: A}}',
      ['error invalid_schema /input_schema/properties/a/items/x-mcp-header'],
    ],
    [
      'a: {anyOf: [{properties: {b: {type: string, x-mcp-header: A}}}]}',
      ['error invalid_schema /input_schema/properties/a/anyOf/0/properties/b/x-mcp-header'],
    ],
    ['a: {type: object, properties: {b: {type: string, x-mcp-header: A}}}, c: {type: integer, x-mcp-header: C}', []],
  ])('an x-mcp-header is where MCP allows it, or clients leave the tool out: %s', (properties, expected) => {
    const text = `input_schema: {type: object, properties: {${properties}}}\nsteps:\n  - {id: a, type: succeed}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual(expected);
  });

  it.each(['x'.repeat(65), 'with.dot'])('a name that not every host takes for a tool is a warning: %s', (name) => {
    const { issues: found } = parseDefinition(`name: ${name}\nsteps: [{id: a, type: succeed}]`, 'e.yaml', stepSyntaxes);
    expect(found.map(({ severity, code }) => `${severity} ${code}`)).toEqual(['warning tool_name']);
  });

  it('a form that asks for a secret is a warning', () => {
    const text = `steps:\n  - {id: ask, type: elicit, message: m, schema: {type: object, properties: {user: {type: string}, password: {type: string}, api_key: {type: string}}}}`;
    expect(issues(text).map((issue) => issue.split(' ').slice(0, 3).join(' '))).toEqual([
      'warning secret_in_form /steps/0/schema/properties/password',
      'warning secret_in_form /steps/0/schema/properties/api_key',
    ]);
  });
});

describe('step kinds', () => {
  it.each([...stepSyntaxes.values()].map((syntax) => [syntax.type, syntax.example]))(
    'the example of %s is valid',
    (_type, example) => {
      const text = `name: example\nsteps:\n${example.replace(/^/gm, '    ').replace(/^ {4}/, '  - ')}`;
      const errors = parseDefinition(text, 'e.yaml', stepSyntaxes).issues.filter(
        ({ severity, code }) => severity === 'error' && !code.startsWith('unknown_'),
      );
      expect(errors).toEqual([]);
    },
  );
});

describe('steps that ask a model', () => {
  const step = (more: string): string => `steps:\n  - {id: a, type: llm, prompt: x${more}}\n`;
  const models = new Set(['default', 'small']);

  it.each([
    ['', new Set(['default'])],
    [', model: small', new Set(['small'])],
    [', model: [claude, small]', models],
    [', model: ["{{input.m}}"]', new Set<string>()],
  ])('are fine where one can answer: %s', (more, known) => {
    expect(issues(step(more), { models: known }).filter((text) => text.includes('model'))).toEqual([]);
  });

  it('name a model that is there, or that was probably meant', () => {
    expect(issues(step(', model: smal'), { models })).toEqual([
      "warning unknown_model /steps/0/model model 'smal' is not in the models file (did you mean 'small'?)",
    ]);
  });

  it('may find no model at all', () => {
    expect(issues(step(''), { models: new Set(['small']) })).toEqual([
      "warning no_model /steps/0 no model answers step 'a' where the client lends none (sampling) (add 'default' to models.json, or name a model that is there)",
    ]);
  });

  it('are not looked at where nothing is known of models', () => {
    expect(issues(step(', model: smal'))).toEqual([]);
  });
});
