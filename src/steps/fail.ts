import { z } from 'zod';
import { StepFailure } from '../core/failure.ts';
import { defineStepKind } from '../engine/kind.ts';

/** Fails on purpose. What handles failures (`on_error`, `try`, `collect`) handles this one too; else the task ends. */
export const failKind = defineStepKind({
  type: 'fail',
  effect: 'none',
  leaves: true,
  protocolErrors: true,
  summary:
    'Ends the task as failed, unless something around it handles failures. A `code` that is a whole number makes the outcome a JSON-RPC error with that number.',
  example: `id: refuse
type: fail
code: too_large
message: "{{input.path}} is too large"
`,
  fields: () => ({
    message: z.string().optional().describe('Why; templates inside are rendered. Default `failed on purpose`.'),
    code: z
      .union([z.string(), z.int()])
      .optional()
      .describe('Error code to match by; templates inside are rendered. Default `tool_error`.'),
    data: z.unknown().optional().describe('Attached to the error; templates inside are rendered.'),
  }),
  expressions: (spec) => [
    ...(spec.message === undefined ? [] : [{ at: ['message'], as: 'template' as const }]),
    ...(typeof spec.code === 'string' ? [{ at: ['code'], as: 'template' as const }] : []),
    ...(spec.data === undefined ? [] : [{ at: ['data'], as: 'template' as const }]),
  ],
  bind: (spec) => ({
    execute: async (context) => {
      const message = await context.renderText(spec.message ?? 'failed on purpose');
      const data = spec.data === undefined ? {} : { data: await context.render(spec.data) };
      const code = await context.renderText(spec.code ?? 'tool_error');
      throw new StepFailure({ code: code === '' ? 'tool_error' : code, message, ...data });
    },
  }),
});
