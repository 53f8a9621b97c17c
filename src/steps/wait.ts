import { z } from 'zod';
import { MAX_SECONDS } from '../core/duration.ts';
import { stepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import { isFixed } from '../definition/expression/references.ts';
import { DEFAULT_TIME_ZONE, parseInstant, ScheduleTextError } from '../definition/schedule-times.ts';
import { someSeconds } from '../definition/schema/numbers.ts';
import type { StepProblem } from '../definition/step-syntax.ts';
import { defineStepKind, type Pause, type StepContext } from '../engine/kind.ts';
import { WAIT_NOTE } from '../engine/paths.ts';

/** Waits. The time it ends is fixed when it begins, so that a restart waits for the rest only. */
export const waitKind = defineStepKind({
  type: 'wait',
  effect: 'none',
  summary:
    'Waits `seconds`, or until a point in time. Durable: a restart does not begin the wait anew. `.output` is null.',
  example: `id: pause
type: wait
seconds: 30
`,
  fields: () => ({
    seconds: z.union([someSeconds, z.string()]).optional().describe('Seconds to wait, or a template that gives them.'),
    until: z
      .string()
      .optional()
      .describe(
        'ISO 8601 time (UTC without an offset), or a template that gives one. A time in the past does not wait.',
      ),
  }),
  expressions: (spec) => [
    ...(spec.seconds === undefined ? [] : [{ at: ['seconds'], as: 'template' as const }]),
    ...(spec.until === undefined ? [] : [{ at: ['until'], as: 'template' as const }]),
  ],
  problems: ({ seconds, until }): readonly StepProblem[] => {
    if (until !== undefined) {
      const wrong = isFixed(until) ? timeOf(until).problem : undefined;
      return wrong === undefined ? [] : [{ at: ['until'], code: 'invalid_time', message: wrong }];
    }
    if (seconds === undefined) {
      return [{ at: [], code: 'missing_key', message: 'the wait has no end', hint: 'give it `seconds` or `until`' }];
    }
    if (typeof seconds !== 'string' || !isFixed(seconds) || secondsOf(seconds) !== undefined) return [];
    return [
      {
        at: ['seconds'],
        code: 'invalid_value',
        message: `'${seconds}' is not a number of seconds from 0 to ${MAX_SECONDS}`,
      },
    ];
  },
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
    const time = timeOf(text);
    if (time.problem !== undefined) throw stepFailure('invalid_arguments', `until: ${time.problem}`);
    return { until: time.at };
  }
  const value = await context.render(seconds ?? null);
  const number = secondsOf(value);
  if (number === undefined) {
    throw stepFailure(
      'invalid_arguments',
      `seconds: ${JSON.stringify(value)} is not a number of seconds from 0 to ${MAX_SECONDS}`,
    );
  }
  return { ms: number * 1000 };
}

/** A date alone is its beginning; without an offset it is UTC, as in a schedule, and not the zone of the machine. */
function timeOf(text: string): { readonly at: number; readonly problem?: undefined } | { readonly problem: string } {
  const day = /^\s*\d{4}-\d{2}-\d{2}\s*$/u.test(text);
  try {
    return { at: parseInstant(day ? `${text.trim()}T00:00:00Z` : text, DEFAULT_TIME_ZONE) };
  } catch (error) {
    if (!(error instanceof ScheduleTextError)) throw error;
    return { problem: error.message };
  }
}

function secondsOf(value: JsonValue): number | undefined {
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  return typeof number === 'number' && number >= 0 && number <= MAX_SECONDS ? number : undefined;
}
