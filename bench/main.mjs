// npm run bench [-- --only NAME] [--quick] [--json] Every figure is measured beside a floor of the same machine in the
// same run, where there is one: read the ratios, not the numbers. It uses the build in dist/: run `npm run build`
// first.
import { parseArgs } from 'node:util';
import * as blocks from './blocks.mjs';
import * as expressions from './expressions.mjs';
import * as history from './history.mjs';
import * as recovery from './recovery.mjs';
import * as requests from './requests.mjs';
import * as steps from './steps.mjs';

const GROUPS = [steps, requests, recovery, blocks, expressions, history];
const { values } = flags();

function flags() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', multiple: true },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    console.error(`${error.message}; there are --only NAME, --quick and --json`);
    return process.exit(2);
  }
}

const wanted = (group) =>
  values.only === undefined ? !(values.quick && group.slow === true) : values.only.includes(group.name);
const unknown = (values.only ?? []).filter((name) => !GROUPS.some((group) => group.name === name));
if (unknown.length > 0) {
  console.error(`no figures ${unknown.join(', ')}; there are ${GROUPS.map((group) => group.name).join(', ')}`);
  process.exit(2);
}

const figures = [];
// The table is for people: with --json it goes to standard error, and standard output ends with one line of JSON.
const say = (line) => (values.json ? console.error(line) : console.log(line));
const began = performance.now();
for (const group of GROUPS.filter(wanted)) {
  for await (const figure of group.figures({ quick: values.quick })) {
    const met = verdict(figure);
    figures.push({ ...figure, ...(met === undefined ? {} : { met }) });
    say(line(figure, met));
  }
}
const missed = figures.filter(({ met }) => met === false).length;
say(`${figures.length} figures in ${Math.round((performance.now() - began) / 1000)} s, ${missed} below their goal`);
if (values.json) console.log(JSON.stringify({ figures }));

/** Whether a figure reaches its goal; `undefined` = it has none. */
function verdict({ goal, value, ratio }) {
  if (goal === undefined) return undefined;
  const [seen, bound] = goal.ratio === undefined ? [value, goal.value] : [ratio, goal.ratio];
  return goal.at === 'least' ? seen >= bound : seen <= bound;
}

function line({ name, value, unit, floor, floorName, ratio, spread, goal }, met) {
  const parts = [`${name}: ${short(value)} ${unit}`];
  if (ratio !== undefined) {
    parts.push(`${ratio.toFixed(2)} × ${floorName} (${short(floor)})`);
    parts.push(`rounds ${spread.map((one) => one.toFixed(2)).join('–')}`);
  }
  if (goal !== undefined) {
    const bound = goal.ratio === undefined ? `${goal.value} ${unit}` : `${goal.ratio} ×`;
    parts.push(`goal ${goal.at === 'least' ? '≥' : '≤'} ${bound}: ${met ? 'met' : 'MISSED'}`);
  }
  return parts.join(' · ');
}

function short(value) {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}
