import { z } from 'zod';
import type { JsonValue } from '../core/json.ts';
import { countOf, orTemplate } from '../definition/schema/numbers.ts';
import { COUNT } from '../engine/numbers.ts';
import { defineStepKind } from '../engine/kind.ts';

/** A list of steps as one step; a graph as soon as one of them says `depends_on`. */
export const groupKind = defineStepKind({
  type: 'group',
  effect: 'none',
  effectFree: true,
  summary:
    'Runs `steps` as one step. With `depends_on` in any of them it is a graph: each step starts when those it depends on have ended, a step without it at once. ' +
    '`.output` is `{id: output}`. Dependents of a failed step are skipped, independent branches go on, and the group fails at its end.',
  example: `id: build
type: group
max_concurrency: 4
steps:
  - id: fetch
    server: files
    action: read_file
    arguments: { path: source.txt }
  - id: check
    depends_on: [fetch]
    server: files
    action: get_file_info
    arguments: { path: source.txt }
`,
  fields: (step) => ({
    steps: z.array(step).min(1).describe('The steps.'),
    max_concurrency: orTemplate(countOf).optional().describe('Of a graph: how many steps run at once. Default 5.'),
  }),
  blocks: (spec) => [{ at: ['steps'], steps: spec.steps, runs: 'once', order: 'graph' }],
  output: (spec) => ({ is: 'members', members: new Map(spec.steps.map((step) => [step.id, [step]])) }),
  expressions: () => [{ at: ['max_concurrency'], as: 'template' }],
  bind: (spec, binder) => {
    const steps = binder.sequence(spec.steps);
    return {
      execute: async (context) => {
        const given = spec.max_concurrency;
        const most = given === undefined ? undefined : await context.number(given, 'max_concurrency', COUNT);
        const output: { [id: string]: JsonValue } = await context.runAll(steps, most);
        return { output };
      },
    };
  },
});
