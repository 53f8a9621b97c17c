import { z } from 'zod';
import { stepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import { backoffMs } from '../core/backoff.ts';
import { countOf, orTemplate, positiveSeconds, someSeconds } from '../definition/schema/numbers.ts';
import { defineStepKind, type StepContext, type StepOutput } from '../engine/kind.ts';
import { COUNT, POSITIVE_SECONDS, SOME_SECONDS, type NumberBounds } from '../engine/numbers.ts';

/** Repeats its steps. Each iteration is a scope of its own; after the loop its names mean the last iteration. */
export const loopKind = defineStepKind({
  type: 'loop',
  effect: 'none',
  lastStays: true,
  unsure: (step) => ({ ...step, max_iterations: 1, on_exhausted: 'continue' }),
  effectFree: true,
  summary:
    'Repeats `steps` until `until` is true or `max_iterations` is reached, waiting `delay_seconds` in between. `.output` is that of the last step of the ' +
    'last iteration; `.iterations` the number made, `.exhausted` whether the maximum was reached with `until` still false.',
  example: `id: wait_for_text
type: loop
max_iterations: 60
delay_seconds: 1
until: "{{look.output}} contains 'Ready'"
steps:
  - id: look
    server: browser
    action: page_text
`,
  fields: (step) => ({
    steps: z.array(step).min(1).describe('The body.'),
    until: z
      .union([z.string(), z.boolean()])
      .optional()
      .describe(
        'A condition, evaluated after each iteration, in its scope. Without it the body runs `max_iterations` times.',
      ),
    max_iterations: orTemplate(countOf).optional().describe('Most iterations to make. Default: as many as a task may.'),
    delay_seconds: orTemplate(someSeconds).optional().describe('Seconds to wait between two iterations. Default 0.'),
    backoff: z
      .enum(['fixed', 'linear', 'exponential'])
      .optional()
      .describe('How the delay grows: d,d,d · d,2d,3d · d,2d,4d. Default fixed.'),
    max_delay_seconds: orTemplate(positiveSeconds).optional().describe('No delay is longer. Default 3600.'),
    on_exhausted: z
      .enum(['fail', 'continue'])
      .optional()
      .describe(
        'What reaching the maximum with `until` false means: `fail` (`loop_exhausted`) or `continue`. Default fail.',
      ),
  }),
  blocks: (spec) => [{ at: ['steps'], steps: spec.steps, runs: 'iteration' }],
  expressions: (spec) => [
    ...(spec.until === undefined ? [] : [{ at: ['until'], as: 'condition' as const, inside: true }]),
    ...['max_iterations', 'delay_seconds', 'max_delay_seconds'].map((key) => ({ at: [key], as: 'template' as const })),
  ],
  problems: ({ until, max_iterations }) =>
    until === undefined && max_iterations === undefined
      ? [{ at: [], code: 'endless_loop', message: 'the loop has no end', hint: 'give it `until` or `max_iterations`' }]
      : [],
  members: ['iterations', 'exhausted'],
  inside: ['iteration'],
  repeats: (spec) =>
    spec.until === undefined ? `up to ${spec.max_iterations ?? 'any number of'} times` : `until ${String(spec.until)}`,
  bind: (spec, binder, step) => {
    const body = binder.sequence(spec.steps);
    return {
      execute: async (context): Promise<StepOutput> => {
        const cap = context.limits.loopIterations;
        const wanted = await numberAt(context, 'max_iterations', spec.max_iterations, COUNT, cap);
        const most = Math.min(wanted, cap);
        const delaySeconds = await numberAt(context, 'delay_seconds', spec.delay_seconds, SOME_SECONDS, 0);
        const longest = spec.max_delay_seconds;
        const backoff = {
          kind: spec.backoff ?? 'fixed',
          delaySeconds,
          ...(longest === undefined
            ? {}
            : { maxDelaySeconds: await numberAt(context, 'max_delay_seconds', longest, POSITIVE_SECONDS, 0) }),
        };
        let output: JsonValue = null;
        for (let index = 0; index < most; index += 1) {
          const { scope, prefix } = context.iteration(index, { [step.id]: { iteration: index + 1 } });
          output = (await context.run(body, { scope, prefix })).output;
          const until = spec.until === undefined ? undefined : String(spec.until);
          const done =
            until !== undefined && (await context.decide(`until-${index}`, () => context.test(until, scope)));
          if (done) return { output, view: { iterations: index + 1, exhausted: false } };
          if (index + 1 < most) await context.pause(`delay-${index}`, { ms: backoffMs(backoff, index + 1, 0) });
        }
        const view = { iterations: most, exhausted: spec.until !== undefined };
        if (most === cap && wanted > cap) {
          return {
            output,
            view,
            failure: stepFailure('limit_exceeded', `the loop made ${cap} iterations, the most there are`).failure,
          };
        }
        if (spec.until === undefined || spec.on_exhausted === 'continue') return { output, view };
        const text = `'${spec.until}' was still false after ${most} iterations`;
        return { output, view, failure: stepFailure('loop_exhausted', text).failure };
      },
    };
  },
});

/** Decided once: a replay makes as many iterations, with the same delays. */
async function numberAt(
  context: StepContext,
  key: string,
  value: number | string | undefined,
  bounds: NumberBounds,
  otherwise: number,
): Promise<number> {
  if (value === undefined) return otherwise;
  if (typeof value === 'number') return value;
  return context.decide(key, () => context.number(value, key, bounds));
}
