import { z } from 'zod';
import { defineStepKind } from '../engine/kind.ts';

/** Ends the task successfully, from any depth. `finally` blocks on the way out run. */
export const succeedKind = defineStepKind({
  type: 'succeed',
  effect: 'none',
  leaves: true,
  effectFree: true,
  endsTask: true,
  summary:
    "Ends the task as completed with this `output`, from any depth. It takes the place of the definition's own `output`.",
  example: `id: nothing_to_do
type: succeed
when: "{{list.output}} empty"
output: { changed: 0 }
`,
  fields: () => ({
    output: z.unknown().optional().describe("The task's output; templates inside are rendered. Default {}."),
    message: z.string().optional().describe('Shown as the status; templates inside are rendered.'),
  }),
  expressions: (spec) => [
    ...(spec.output === undefined ? [] : [{ at: ['output'], as: 'template' as const }]),
    ...(spec.message === undefined ? [] : [{ at: ['message'], as: 'template' as const }]),
  ],
  bind: (spec) => ({
    endsTask: true,
    execute: async (context) => {
      if (spec.message !== undefined) context.status(await context.renderText(spec.message));
      return { output: await context.render(spec.output ?? {}) };
    },
  }),
});
