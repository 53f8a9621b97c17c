// Templates and conditions per second beside expressions of JSONata and CEL that say the same, compiled before.
import { parse as cel } from '@marcbachmann/cel-js';
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

const TRIPLES = [
  ['a path', 'render', '{{input.user.name}}', 'input.user.name', 'input.user.name'],
  [
    'a text with two paths',
    'render',
    'Hello {{input.user.name}}, {{check.output.count}} found',
    '"Hello " & input.user.name & ", " & $string(check.output.count) & " found"',
    '"Hello " + input.user.name + ", " + string(check.output.count) + " found"',
  ],
  [
    'a condition',
    'test',
    '{{check.output.count}} > 10 and {{check.status}} == "completed"',
    'check.output.count > 10 and check.status = "completed"',
    'check.output.count > 10.0 && check.status == "completed"',
  ],
  [
    'a membership',
    'test',
    '{{input.user.roles}} contains "admin"',
    '"admin" in input.user.roles',
    '"admin" in input.user.roles',
  ],
];

export const name = 'expressions';

export async function* figures({ quick }) {
  const ms = quick ? 30 : 100;
  const perSecond = (evaluate) => async () => {
    const began = performance.now();
    let done = 0;
    while (performance.now() - began < ms) {
      for (let some = 0; some < 1000; some += 1) {
        const value = evaluate();
        // Only JSONata gives promises; waiting for a value costs as much as finding it.
        if (value instanceof Promise) await value;
      }
      done += 1000;
    }
    return (done / (performance.now() - began)) * 1000;
  };
  for (const [what, how, ours, inJsonata, inCel] of TRIPLES) {
    const jsonataOf = jsonata(inJsonata);
    const celOf = cel(inCel);
    const render = how === 'render' ? renderTemplate : evaluateCondition;
    const evaluate = () => render(ours, names, missing);
    const expected = evaluate();
    const others = [
      ['JSONata, compiled', () => jsonataOf.evaluate(scope)],
      ['CEL, compiled', () => celOf(scope)],
    ];
    for (const [floorName, other] of others) {
      if ((await other()) !== expected) throw new Error(`${floorName}: not what ${ours} is`);
      const seen = await beside(quick ? 3 : 7, perSecond(other), perSecond(evaluate));
      yield { name: `evaluations of ${what}`, unit: '1/s', ...seen, floorName };
    }
  }
}
