import { describe, expect, it } from 'vitest';
import { dose } from '../../support/dose.ts';
import { TEST_MS } from '../../support/patience.ts';
import { OPEN_COSTS } from '../support/f-cost-open.ts';
import { COST_ROWS } from '../support/f-cost-rows.ts';
import { inTurn } from '../support/f-cost-trial.ts';

/** One or two of each kind, of those that are soon over. All run with `npm run test:full`. */
const SMALL_DOSE: ReadonlySet<string> = new Set([
  'F1: 10 000 different objects under uniqueItems',
  'F1: a definition of 10 kB whose schema refers 130 times to 130 others',
  'F1: a schema that means itself twice over 40 levels',
  'F2: 200 calls over HTTP that have no answer in time leave no connection open',
  'F3: an answer that has no end',
  'F4: an answer with 4 500 000 numbers',
  'F4: a question with 600 000 keys before the answer',
  'F4: a model whose JSON is 3 000 000 levels deep',
  'F4: an answer over HTTP as text/event-stream with 700 000 keys',
  'F5: an expression of 19 000 characters that is nested as deep',
  'F5: a text that doubles 40 times',
  'F5: a descent of a value that shares its parts 40 times over',
  'F6: 200 patterns that backtrack, each a little, over 200 texts',
  'F6: a text of 60 000 characters of the format url',
  'F7: a ping with 2 000 000 levels in _meta',
  'F7: a list of 2 000 000 levels in the arguments of a call is refused with 400 and an error that is not ours',
  'F7: a handshake with 330 000 keys is refused, or taken for what it costs',
  'F8: three hundred subscriptions to addresses of 60 kB in one session are not kept',
]);

const most = dose(SMALL_DOSE.size, COST_ROWS.length);
const mended = COST_ROWS.filter(({ title }) => !OPEN_COSTS.has(title));
const rows = mended.filter(({ title }) => most > SMALL_DOSE.size || SMALL_DOSE.has(title));

it('all of the small dose is there', () => {
  expect(mended.map(({ title }) => title)).toEqual(expect.arrayContaining([...SMALL_DOSE]));
});

describe.concurrent('what costs whoever is careless much is answered soon, and takes little memory', () => {
  for (const { title, run } of rows) it(title, { timeout: TEST_MS.all }, () => inTurn(run));
});
