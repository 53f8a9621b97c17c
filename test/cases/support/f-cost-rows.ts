import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { isJsonObject } from '../../../src/core/json.ts';
import { startHttpServer } from '../../support/http-server.ts';
import { waitUntil } from '../../support/wait-until.ts';
import {
  ANSWER_SCHEMA_INPUTS,
  EXPRESSION_INPUTS,
  FAR_INPUTS,
  fromFar,
  REQUEST_INPUTS,
  SCHEMA_INPUTS,
  STEP_INPUTS,
  times,
} from './f-cost-corpus.ts';
import { HOSTILE_FILES } from './f-cost-definitions.ts';
import { answerOf } from './f-cost-far.mjs';
import { BODY_ROWS, KEPT_ROWS, SHARE_ROWS } from './f-cost-http-rows.ts';
import { tried, triedCheaply } from './f-cost-trial.ts';
import type { CostRow } from './f-cost-trial.ts';

const INPUT_ROWS: readonly CostRow[] = [
  ...SCHEMA_INPUTS,
  ...ANSWER_SCHEMA_INPUTS,
  ...FAR_INPUTS,
  ...EXPRESSION_INPUTS,
  ...STEP_INPUTS,
  ...REQUEST_INPUTS,
].map((input) => ({ title: input.title, run: () => tried(input) }));

const FAR_CALL = { steps: [{ id: 'go', server: 'far', action: 'go' }], output: { ok: true } };
const NOTHING = { steps: [{ id: 's', type: 'set', values: { a: 1 } }] };

const FAR_HTTP_ROWS: readonly CostRow[] = ['application/json', 'text/event-stream'].map((type) => ({
  title: `F4: an answer over HTTP as ${type} with 700 000 keys`,
  run: async () => {
    const far = await startHttpServer((request, response, body) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      if (!isJsonObject(body) || body['id'] === undefined) return response.writeHead(202).end();
      const text = answerOf('keys', body);
      return response
        .writeHead(200, { 'content-type': type })
        .end(type === 'application/json' ? text : `data: ${text}\n\n`);
    });
    try {
      await tried({ ...fromFar(type, 'keys'), setup: () => ({ definitions: { check: FAR_CALL }, farUrl: far.url }) });
    } finally {
      await far.close();
    }
  },
}));

const GIVEN_UP = 200;
/** Calls that are given up, ten at a time. */
const GIVING_UP = {
  steps: [
    {
      id: 'each',
      type: 'foreach',
      items: times(GIVEN_UP, (index) => index),
      max_concurrency: 10,
      on_item_error: 'collect',
      steps: [{ id: 'go', server: 'far', action: 'go', timeout_seconds: 0.1 }],
    },
  ],
  output: { ok: true },
};

const GIVEN_UP_ROW: CostRow = {
  title: `F2: ${GIVEN_UP} calls over HTTP that have no answer in time leave no connection open`,
  run: async () => {
    let calls = 0;
    let open = 0;
    const far = await startHttpServer((request, response, body) => {
      if (request.method !== 'POST') return response.writeHead(405).end();
      if (!isJsonObject(body) || body['id'] === undefined) return response.writeHead(202).end();
      const { params } = body;
      if (!isJsonObject(params) || params['name'] !== 'go')
        return response.writeHead(200, { 'content-type': 'application/json' }).end(answerOf('', body));
      calls += 1;
      open += 1;
      return response.on('close', () => (open -= 1));
    });
    try {
      const input = { ...fromFar('', '', 'done'), size: 0 };
      await tried({ ...input, setup: () => ({ definitions: { check: GIVING_UP }, farUrl: far.url }) }, async () => {
        await waitUntil('no connection of a call is open', () => open === 0);
        expect(calls).toBeGreaterThan(0);
      });
    } finally {
      await far.close();
    }
  },
};

const FILE_ROWS: readonly CostRow[] = HOSTILE_FILES.map(({ title, extension, text }) => ({
  title,
  run: () =>
    triedCheaply(title, { definitions: {} }, text().length, async (subject) => {
      const folder = join(subject.folder, 'definitions');
      await writeFile(join(subject.folder, 'new'), text());
      await rename(join(subject.folder, 'new'), join(folder, `hostile.${extension}`));
      await writeFile(join(folder, 'marker.json'), JSON.stringify({ name: 'marker', ...NOTHING }));
      // Published, or reported: what stands beside it is published either way.
      await waitUntil('the folder was read', async () =>
        JSON.stringify(await subject.request('tools/list', '{}')).includes('"marker"'),
      );
    }),
}));

/** All that there is. */
export const COST_ROWS: readonly CostRow[] = [
  ...INPUT_ROWS,
  ...FAR_HTTP_ROWS,
  GIVEN_UP_ROW,
  ...FILE_ROWS,
  ...BODY_ROWS,
  ...KEPT_ROWS,
  ...SHARE_ROWS,
];
