import { z } from 'zod';
import type { Step } from '../model.ts';
import { WORKFLOW_NAME } from './names.ts';
import { prompt, resources } from './published-fields.ts';
import { orTemplate, positiveSeconds, someSeconds } from './numbers.ts';
import { condition, failureMatch, onError, stepIds } from './step-fields.ts';

const values = z.record(z.string(), z.unknown());

const variables = z
  .strictObject({
    input: values.optional().describe('Arguments that a call may leave out, with their values; `null` = none.'),
    output: values.optional().describe('Initial values of the result.'),
    global: values.optional().describe('Shared, read and written by steps.'),
    saved: values.optional().describe('Kept between runs of this workflow.'),
  })
  .describe('Variables and their initial values.');

const scheduleCommon = {
  timezone: z.string().optional().describe('IANA time zone, e.g. Europe/Berlin. Default UTC.'),
  overlap: z
    .enum(['skip', 'queue', 'allow', 'cancel_previous'])
    .optional()
    .describe('What to do when the occurrence before still runs. Default skip.'),
  catch_up: z
    .enum(['none', 'latest', 'all'])
    .optional()
    .describe('Which missed occurrences to make up for. Default none.'),
  catch_up_window_seconds: positiveSeconds.optional().describe('How far back, in seconds, missed occurrences count.'),
  jitter_seconds: someSeconds.optional().describe('Delay each occurrence by up to this many seconds.'),
  input: values.optional().describe('Arguments of each occurrence.'),
};

const schedule = z
  .discriminatedUnion('type', [
    z.strictObject({
      type: z.literal('cron').describe('How it is timed.'),
      expression: z.string().min(1).max(500).describe('Cron expression, e.g. `0 9 * * *`.'),
      ...scheduleCommon,
    }),
    z.strictObject({
      type: z.literal('interval').describe('How it is timed.'),
      seconds: positiveSeconds.describe('Seconds between two runs.'),
      ...scheduleCommon,
    }),
    z.strictObject({
      type: z.literal('once').describe('How it is timed.'),
      at: z.string().min(1).describe('Time, ISO 8601, e.g. 2026-02-04T14:30:00Z.'),
      ...scheduleCommon,
    }),
  ])
  .describe('When the workflow runs by itself.');

const conditionals = z
  .record(
    z.string(),
    z.strictObject({
      condition: condition.describe('Evaluated once, right after the last step it reads.'),
      if_true: stepIds.optional().describe('Steps to run when it is true.'),
      if_false: stepIds.optional().describe('Steps to run when it is false.'),
    }),
  )
  .describe('Named conditions that run steps.');

const answer = {
  output: z.unknown().optional().describe('The step completes with this output.'),
  error: z.unknown().optional().describe('The step fails: `{code, message, data}` or a message.'),
};

const mock = z
  .strictObject({
    ...answer,
    sequence: z
      .array(z.strictObject(answer))
      .min(1)
      .optional()
      .describe('One answer for each attempt or iteration, in order; the last one stays.'),
    items: z
      .record(z.string(), z.strictObject({ ...answer, sequence: z.array(z.strictObject(answer)).min(1).optional() }))
      .optional()
      .describe('Answers for single items of a `foreach`, by the item as text, whichever comes first.'),
  })
  .describe('What the step gives instead of asking a server, a person or a model.');

const expectation = z
  .strictObject({
    status: z
      .enum(['completed', 'failed'])
      .optional()
      .describe('How the workflow ends. Default: completed, or failed where `error` is given.'),
    output: z.unknown().optional().describe('Its result, exactly.'),
    output_includes: z
      .unknown()
      .optional()
      .describe('A part of its result: members that are not named may be there too.'),
    called: z.array(z.string()).optional().describe('Steps that must have run.'),
    not_called: z.array(z.string()).optional().describe('Steps that must not have run.'),
    order: z.array(z.string()).optional().describe('Steps that must have begun in this order, others in between.'),
    arguments: z
      .record(z.string(), z.union([values, z.array(values)]))
      .optional()
      .describe('Rendered arguments by step id, as far as they are named; a list has one entry for each call.'),
    error: z
      .unknown()
      .optional()
      .describe('The failure: its code or a part of its message, or `{code, message, step}`.'),
  })
  .describe('What must come out.');

const tests = z
  .array(
    z.strictObject({
      name: z.string().min(1).describe('Name of the test.'),
      input: values.optional().describe('Arguments of the call.'),
      mocks: z.record(z.string(), mock).optional().describe('What steps give in this test, by step id.'),
      expect: expectation,
    }),
  )
  .describe('Tests of this definition, run by `mcp-workflow test`.');

const TOKENS = 'Tokens of models: what the client reports, else one for four characters of question and answer.';
const DOLLARS =
  'US dollars for the models of the models file: a turn that may take more than what is left is not made. What the model of the client costs is not known here.';

const inputSchema = values.describe(
  'JSON Schema of the arguments; the `default` of a property holds where none is given. Default: inferred from `variables.input`.',
);

/** Keys of a definition. */
export function workflowFields(step: z.ZodType<Step>): z.ZodRawShape {
  const steps = z.array(step);
  return {
    $schema: z.string().optional().describe('Where editors find the JSON Schema of this file.'),
    name: z
      .string()
      .regex(WORKFLOW_NAME, {
        error: 'a workflow name has 1 to 128 letters, digits, _, . and - (it is the name of the tool)',
      })
      .describe('Name of the workflow and of its tool.'),
    title: z.string().optional().describe('Name for people.'),
    description: z.string().optional().describe('What the tool does and when to use it; models read this.'),
    tags: z.array(z.string()).optional().describe('Words to select workflows by.'),
    variables: variables.optional(),
    input_schema: inputSchema.optional(),
    output_schema: values.optional().describe('JSON Schema of the result.'),
    output: z.unknown().optional().describe('The result: a value with templates. Default: `variables.output`.'),
    result: z
      .strictObject({
        content: z
          .union([z.array(z.union([values, z.string()])), z.string()])
          .optional()
          .describe('Content blocks of the tool result. Templates; one alone may stand for a list of blocks.'),
        is_error: z
          .union([z.boolean(), z.string()])
          .optional()
          .describe('Whether the result counts as an error. A template is fine.'),
      })
      .optional()
      .describe('The tool result itself, instead of the output as JSON.'),
    task: z
      .enum(['optional', 'required', 'forbidden'])
      .optional()
      .describe('Whether clients may or must call it as a task. Default optional.'),
    strict: z.boolean().optional().describe('A template that names nothing fails its step. Default false.'),
    timeout_seconds: orTemplate(positiveSeconds).optional().describe('Seconds the whole workflow may take.'),
    concurrency: z
      .strictObject({
        limit: z.int().min(1).describe('Runs at the same time.'),
        on_conflict: z
          .enum(['queue', 'reject', 'cancel_previous'])
          .optional()
          .describe('What to do with one more. Default queue.'),
      })
      .optional()
      .describe('How many runs there may be at the same time.'),
    budget: z
      .strictObject({
        tool_calls: z.int().min(1).optional().describe('Calls of tools.'),
        seconds: positiveSeconds.optional().describe('Seconds of running time.'),
        bytes: z.int().min(1).optional().describe('Bytes of results.'),
        tokens: z.int().min(1).optional().describe(TOKENS),
        usd: z.number().positive().optional().describe(DOLLARS),
      })
      .optional()
      .describe('What one run may use up.'),
    idempotency_key: z.string().min(1).optional().describe('Template; calls with equal keys are the same task.'),
    schedule: schedule.optional(),
    secrets: z.array(z.string()).optional().describe('Names of inputs that are never shown or logged.'),
    prompt: prompt.optional(),
    resources: resources.optional(),
    steps: steps.min(1).describe('The steps, in order.'),
    conditionals: conditionals.optional(),
    on_error: onError.optional(),
    catch: z
      .array(
        z.strictObject({
          match: z
            .union([failureMatch, z.array(failureMatch)])
            .optional()
            .describe('Failures it is for. Default: all.'),
          steps: steps.min(1).describe('Steps to run.'),
        }),
      )
      .optional()
      .describe('What to do when the workflow fails; the first that matches runs.'),
    finally: steps.optional().describe('Steps that run at the end in any case.'),
    tests: tests.optional(),
  };
}
