import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { defineStepKind } from '../engine/kind.ts';

/** Computes values and writes variables, in one checkpoint. */
export const setKind = defineStepKind({
  type: 'set',
  effectFree: true,
  summary: 'Computes values from templates and writes variables. `.output` is the rendered `values`.',
  example: `id: count_up
type: set
values:
  next: "{% variables.global.count + 1 %}"
assign:
  variables.global.count: "{% variables.global.count + 1 %}"
`,
  fields: () => ({
    values: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Names and templates; the rendered map is the output.'),
    assign: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'Variables to write: `variables.global.x`, `variables.output.x` or `variables.saved.x`, each with a template. All read what was there before the step.',
      ),
  }),
  expressions: (spec) => [
    ...(spec.values === undefined ? [] : [{ at: ['values'], as: 'template' as const }]),
    ...(spec.assign === undefined ? [] : [{ at: ['assign'], as: 'template' as const }]),
  ],
  // A definition is JSON all through; zod only does not say so.
  output: (spec) => ({ is: 'template', value: (spec.values ?? {}) as JsonObject }),
  bind: (spec) => ({
    execute: async (context) => {
      const output = await context.render(spec.values ?? {});
      const assign = await context.render(spec.assign ?? {});
      return isJsonObject(assign) ? { output, assign } : { output };
    },
  }),
});
