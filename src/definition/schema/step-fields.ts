import { z } from 'zod';
import type { Step } from '../model.ts';
import { ASSIGNABLE, STEP_ID } from './names.ts';
import { countOf, orTemplate, positiveSeconds, someSeconds } from './numbers.ts';

/** An id as a step's own name. */
export const stepId = z
  .string()
  .regex(STEP_ID, { error: 'a step id starts with a letter or _ and goes on with letters, digits, _ and -' });

/** A list of step ids; one id alone is a list of one. */
export const stepIds = z.union([z.array(z.string()), z.string()]);

/** An error code, or a text the message contains. */
export const failureMatch = z
  .union([z.string(), z.strictObject({ contains: z.string().min(1) })])
  .describe('An error code (`timeout`, `transport`, `tool_error`, …) or `{contains: text}`.');

/** A step to run, or a step with arguments that replace its own. */
export const onError = z
  .union([
    z.string(),
    z.strictObject({
      step: z.string().describe('Id of the step to run.'),
      arguments: z
        .record(z.string(), z.unknown())
        .optional()
        .describe('Replace the arguments of that step. Templates.'),
    }),
  ])
  .describe('Step to run when this fails: its id, or `{step, arguments}`.');

/** A condition as text; `true` and `false` are fine too. */
export const condition = z.union([z.string().min(1), z.boolean()]);

const retry = z
  .strictObject({
    max_attempts: orTemplate(countOf).describe('Attempts in all, the first one included.'),
    delay_seconds: orTemplate(someSeconds).optional().describe('Seconds before the second attempt. Default 0.'),
    backoff: z
      .enum(['fixed', 'linear', 'exponential'])
      .optional()
      .describe('How the delay grows: d,d,d · d,2d,3d · d,2d,4d. Default fixed.'),
    max_delay_seconds: orTemplate(positiveSeconds).optional().describe('No delay is longer. Default 3600.'),
    jitter: z.boolean().optional().describe('Take 50–100 % of each delay at random.'),
    retry_on: z.array(failureMatch).optional().describe('Retry these failures only.'),
    no_retry_on: z.array(failureMatch).optional().describe('Never retry these failures.'),
    on_fail: z.string().optional().describe('Id of the step to run when every attempt has failed.'),
  })
  .describe('Try again when the step fails.');

/** Keys every step has, whatever its kind, `type` apart. */
export function commonStepFields(step: z.ZodType<Step>): z.ZodRawShape {
  return {
    id: stepId.describe('Name of the step, unique in the whole definition.'),
    description: z.string().optional().describe('What the step is for.'),
    phase: z.string().min(1).optional().describe('Name of the phase it belongs to, for progress.'),
    when: condition.optional().describe('Condition; when it is false the step is skipped.'),
    timeout_seconds: orTemplate(positiveSeconds).optional().describe('Seconds each attempt may take.'),
    retry: retry.optional(),
    on_error: onError.optional(),
    save_output_to: z
      .string()
      .regex(ASSIGNABLE, {
        error: 'expected variables.output.<name>, variables.global.<name> or variables.saved.<name>',
      })
      .optional()
      .describe('Variable that takes the output: `variables.output.x`, `variables.global.x` or `variables.saved.x`.'),
    depends_on: z
      .array(z.string())
      .optional()
      .describe('Ids of steps of the same block that must finish first; the block is then a graph.'),
    can_fail_safely: z.boolean().optional().describe('In a graph: steps that depend on it run even if it fails.'),
    critical: z.boolean().optional().describe('In a graph: if it fails, everything stops at once.'),
    compensate: step
      .optional()
      .describe('A step that undoes this one, run in reverse order when the task fails or is cancelled later.'),
    idempotent: z.boolean().optional().describe('Whether the step may be run twice without harm.'),
    on_interrupt: z
      .enum(['retry', 'fail', 'ask'])
      .optional()
      .describe(
        'What to do when the process died while the step was running. Default: retry where that is known to be safe.',
      ),
    cache_seconds: positiveSeconds
      .optional()
      .describe('Seconds for which a result with the same arguments is used again.'),
  };
}
