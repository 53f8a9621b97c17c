// Templates and conditions per second beside JSONata expressions that say the same, compiled before.
import jsonata from 'jsonata';
import { evaluateCondition } from '../dist/definition/expression/condition.js';
import { renderTemplate } from '../dist/definition/expression/template.js';
import { beside } from './numbers.mjs';

const scope = {
  input: { user: { name: 'Ada', roles: ['admin', 'author'] }, limit: 10 },
  check: { status: 'completed', output: { count: 12, ok: true } },
};
const names = {
  lookup: (name) => (Object.hasOwn(scope, name) ? scope[name] : undefined),
  names: () => Object.keys(scope),
};
const missing = (path) => {
  throw new Error(`${path} is missing`);
};

const PAIRS = [
  ['a path', 'render', '{{input.user.name}}', 'input.user.name'],
  [
    'a text with two paths',
    'render',
    'Hello {{input.user.name}}, {{check.output.count}} found',
    '"Hello " & input.user.name & ", " & $string(check.output.count) & " found"',
  ],
  [
    'a condition',
    'test',
    '{{check.output.count}} > 10 and {{check.status}} == "completed"',
    'check.output.count > 10 and check.status = "completed"',
  ],
  ['a membership', 'test', '{{input.user.roles}} contains "admin"', '"admin" in input.user.roles'],
];

export const name = 'expressions';

export async function* figures({ quick }) {
  const count = quick ? 5000 : 20_000;
  for (const [what, how, ours, theirs] of PAIRS) {
    const compiled = jsonata(theirs);
    const evaluate = how === 'render' ? renderTemplate : evaluateCondition;
    const expected = await compiled.evaluate(scope);
    if (evaluate(ours, names, missing) !== expected) throw new Error(`${ours} is not ${theirs}`);
    const seen = await beside(
      quick ? 3 : 7,
      async () => {
        const began = performance.now();
        for (let done = 0; done < count; done += 1) await compiled.evaluate(scope);
        return (count / (performance.now() - began)) * 1000;
      },
      async () => {
        const began = performance.now();
        for (let done = 0; done < count; done += 1) evaluate(ours, names, missing);
        return (count / (performance.now() - began)) * 1000;
      },
    );
    yield { name: `evaluations of ${what}`, unit: '1/s', ...seen, floorName: 'JSONata, compiled' };
  }
}
