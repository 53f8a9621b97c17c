/** What a worker of the pool runs: one expression after the other, with the bounds of `JSONATA_LIMITS` for workers. */
import { parentPort } from 'node:worker_threads';
import { beyondBounds } from '../../core/json-scan.ts';
import { messageOf } from '../../core/failure.ts';
import type { JsonObject } from '../../core/json.ts';
import { evaluateHere } from './jsonata.ts';
import type { ExpressionAnswer, ExpressionJob } from './jsonata-job.ts';

/** What goes back is walked by the main thread. */
const RESULT_BOUNDS = { values: 250_000, depth: 200 };

async function answer({ source, input }: ExpressionJob): Promise<ExpressionAnswer> {
  try {
    // The main thread made the text of an object.
    const names = JSON.parse(input) as JsonObject;
    const value = await evaluateHere(source, {
      lookup: (name) => (Object.hasOwn(names, name) ? names[name] : undefined),
      names: () => Object.keys(names),
    });
    if (value === undefined) return { json: undefined };
    const json = JSON.stringify(value);
    const beyond = beyondBounds(Buffer.from(json), RESULT_BOUNDS);
    return beyond === undefined ? { json } : { problem: `the result ${beyond}` };
  } catch (error) {
    return { problem: messageOf(error) };
  }
}

parentPort?.on('message', (job: ExpressionJob) => {
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a port of a worker has no origin
  void answer(job).then((made) => parentPort?.postMessage(made));
});
