import { describe, expect, it } from 'vitest';
import { TEST_MS } from '../../support/patience.ts';
import { OPEN_COSTS } from '../support/f-cost-open.ts';
import { COST_ROWS } from '../support/f-cost-rows.ts';
import { inTurn } from '../support/f-cost-trial.ts';

const rows = COST_ROWS.filter(({ title }) => OPEN_COSTS.has(title));

it('what is known to cost too much is there', () => {
  expect(rows.map(({ title }) => title).toSorted()).toEqual([...OPEN_COSTS.keys()].toSorted());
});

describe.concurrent('what costs whoever is careless much is answered soon, and takes little memory', () => {
  for (const { title, run } of rows) it(title, { timeout: TEST_MS.all }, () => inTurn(run));
});
