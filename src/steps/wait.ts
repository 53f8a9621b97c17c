import { z } from 'zod';
import { stepFailure } from '../core/failure.ts';
import { isoTime } from '../core/clock.ts';
import type { JsonValue } from '../core/json.ts';
import { defineStepKind, type Pause, type StepContext } from '../engine/kind.ts';
import { WAIT_NOTE } from '../engine/paths.ts';

/** Waits. The time it ends is fixed when it begins, so that a restart waits for the rest only. */
export const waitKind = defineStepKind({
  type: 'wait',
  summary:
    'Waits `seconds`, or until a point in time. Durable: a restart does not begin the wait anew. `.output` is null.',
  example: `id: pause
type: wait
seconds: 30
`,
  fields: () => ({
    seconds: z
      .union([z.number().min(0), z.string()])
      .optional()
      .describe('Seconds to wait, or a template that gives them.'),
    until: z
      .string()
      .optional()
      .describe('ISO 8601 time, or a template that gives one. A time in the past does not wait.'),
  }),
  expressions: (spec) => [
    ...(spec.seconds === undefined ? [] : [{ at: ['seconds'], as: 'template' as const }]),
    ...(spec.until === undefined ? [] : [{ at: ['until'], as: 'template' as const }]),
  ],
  bind: (spec) => ({
    execute: async (context) => {
      await context.pause(WAIT_NOTE, await planOf(context, spec.seconds, spec.until));
      return { output: null };
    },
  }),
});

async function planOf(context: StepContext, seconds: JsonValue | undefined, until: string | undefined): Promise<Pause> {
  if (until !== undefined) {
    const text = await context.renderText(until);
    const time = Date.parse(text);
    if (Number.isNaN(time))
      throw stepFailure('invalid_arguments', `until: '${text}' is not a time such as ${isoTime(0)}`);
    return { until: time };
  }
  const value = await context.render(seconds ?? null);
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number) || number < 0) {
    throw stepFailure('invalid_arguments', `seconds: ${JSON.stringify(value)} is not a number of seconds`);
  }
  return { ms: number * 1000 };
}
