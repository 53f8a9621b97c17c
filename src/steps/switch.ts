import { z } from 'zod';
import type { JsonValue } from '../core/json.ts';
import { defineStepKind } from '../engine/kind.ts';

/** Runs the first branch whose condition is true. The choice is made once, also across a restart. */
export const switchKind = defineStepKind({
  type: 'switch',
  effect: 'none',
  mayChooseNone: (step) => step['default'] === undefined,
  effectFree: true,
  summary:
    'Runs the `steps` of the first of `cases` whose `when` is true, else `default`. `.output` is that of the last step that ran in the branch; ' +
    '`.case` the index, `"default"`, or null when nothing fitted.',
  example: `id: by_size
type: switch
cases:
  - when: "{{count.output.lines}} > 1000"
    steps:
      - id: big
        type: set
        values: { size: big }
default:
  - id: small
    type: set
    values: { size: small }
`,
  fields: (step) => ({
    cases: z
      .array(
        z
          .object({
            when: z.union([z.string(), z.boolean()]).describe('A condition.'),
            steps: z.array(step).describe('Run when it is true.'),
          })
          .strict(),
      )
      .min(1)
      .describe('Branches in the order in which they are tried.'),
    default: z.array(step).optional().describe('Run when no case fits.'),
  }),
  blocks: (spec) => [
    ...spec.cases.map((branch, index) => ({
      at: ['cases', index, 'steps'],
      steps: branch.steps,
      runs: 'once' as const,
    })),
    ...(spec.default === undefined ? [] : [{ at: ['default'], steps: spec.default, runs: 'once' as const }]),
  ],
  expressions: (spec) =>
    spec.cases.map((_branch, index) => ({ at: ['cases', index, 'when'], as: 'condition' as const })),
  members: ['case'],
  bind: (spec, binder) => {
    const cases = spec.cases.map((branch) => ({ when: String(branch.when), steps: binder.sequence(branch.steps) }));
    const otherwise = binder.sequence(spec.default ?? []);
    return {
      execute: async (context) => {
        const chosen = await context.decide('case', async () => {
          for (const [index, branch] of cases.entries()) if (await context.test(branch.when)) return index;
          return spec.default === undefined ? 'none' : 'default';
        });
        const steps = typeof chosen === 'number' ? cases[chosen]?.steps : otherwise;
        const output: JsonValue = steps === undefined ? null : (await context.run(steps)).output;
        return { output, view: { case: chosen === 'none' ? null : chosen } };
      },
    };
  },
});
