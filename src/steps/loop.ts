import { z } from 'zod';
import { stepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import { someSeconds } from '../definition/schema/seconds.ts';
import { defineStepKind, type StepOutput } from '../engine/kind.ts';

/** Repeats its steps. Each iteration is a scope of its own; after the loop its names mean the last iteration. */
export const loopKind = defineStepKind({
  type: 'loop',
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
    max_iterations: z.int().min(1).optional().describe('Most iterations to make. Default: as many as a task may.'),
    delay_seconds: someSeconds.optional().describe('Seconds to wait between two iterations. Default 0.'),
    on_exhausted: z
      .enum(['fail', 'continue'])
      .optional()
      .describe(
        'What reaching the maximum with `until` false means: `fail` (default, `loop_exhausted`) or `continue`.',
      ),
  }),
  blocks: (spec) => [{ at: ['steps'], steps: spec.steps, runs: 'iteration' }],
  expressions: (spec) => (spec.until === undefined ? [] : [{ at: ['until'], as: 'condition', inside: true }]),
  members: ['iterations', 'exhausted'],
  bind: (spec, binder) => {
    const body = binder.sequence(spec.steps);
    return {
      execute: async (context): Promise<StepOutput> => {
        const cap = context.limits.loopIterations;
        const most = Math.min(spec.max_iterations ?? cap, cap);
        const delayMs = (spec.delay_seconds ?? 0) * 1000;
        let output: JsonValue = null;
        for (let index = 0; index < most; index += 1) {
          const { scope, prefix } = context.iteration(index, {});
          output = (await context.run(body, { scope, prefix })).output;
          const until = spec.until === undefined ? undefined : String(spec.until);
          const done =
            until !== undefined && (await context.decide(`until-${index}`, () => context.test(until, scope)));
          if (done) return { output, view: { iterations: index + 1, exhausted: false } };
          if (index + 1 < most) await context.pause(`delay-${index}`, { ms: delayMs });
        }
        const view = { iterations: most, exhausted: spec.until !== undefined };
        if (most === cap && (spec.max_iterations ?? cap) > cap) {
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
