import { describe, it } from 'vitest';
import {
  ANSWER_SCHEMA_INPUTS,
  EXPRESSION_INPUTS,
  FAR_INPUTS,
  REQUEST_INPUTS,
  SCHEMA_INPUTS,
  STEP_INPUTS,
} from '../support/f-cost-corpus.ts';
import { inTurn, tried } from '../support/f-cost-trial.ts';

const INPUTS = [
  ...SCHEMA_INPUTS,
  ...ANSWER_SCHEMA_INPUTS,
  ...FAR_INPUTS,
  ...EXPRESSION_INPUTS,
  ...STEP_INPUTS,
  ...REQUEST_INPUTS,
];

describe.concurrent('an input that costs whoever is careless much is answered soon, and takes little memory', () => {
  for (const input of INPUTS) it(input.title, { timeout: 600_000 }, () => inTurn(() => tried(input)));
});
