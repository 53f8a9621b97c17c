import { z } from 'zod';
import { StepFailure, stepFailure, type Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Step } from '../definition/model.ts';
import { countOf, orTemplate } from '../definition/schema/numbers.ts';
import { COUNT } from '../engine/numbers.ts';
import { fanOut } from '../engine/fan-out.ts';
import { defineStepKind, type Sequence, type StepContext, type StepOutput } from '../engine/kind.ts';

interface Branch {
  readonly name: string;
  readonly steps: Sequence;
}

const MODES = ['fail_fast', 'collect'];

/** Runs branches at once. Each branch is a scope-sharing list of its own; a later step can name every step in it. */
export const parallelKind = defineStepKind({
  type: 'parallel',
  effect: 'none',
  effectFree: true,
  summary:
    'Runs branches at the same time: `tasks`, each step a branch, or `branches`, each name a list of steps. `.output` is `{id or name: output}`. ' +
    '`on_error: fail_fast` (default) stops the others at the first failure and fails; `collect` lets all end, completes, and lists the failures in `.errors`.',
  example: `id: both
type: parallel
tasks:
  - id: left
    server: files
    action: read_file
    arguments: { path: left.txt }
  - id: right
    server: files
    action: read_file
    arguments: { path: right.txt }
`,
  fields: (step) => ({
    tasks: z.array(step).optional().describe('Steps, each a branch of its own.'),
    branches: z.record(z.string(), z.array(step)).optional().describe('Named branches, each a list of steps.'),
    max_concurrency: orTemplate(countOf).optional().describe('How many branches run at once. Default: all.'),
    on_error: z
      .union([
        z.string(),
        z.object({ step: z.string(), arguments: z.record(z.string(), z.unknown()).optional() }).strict(),
      ])
      .optional()
      .describe('`fail_fast` (default) or `collect`; or, as on every step, the step to run when this one fails.'),
  }),
  onErrorWords: MODES,
  problems: ({ tasks, branches }) =>
    tasks === undefined && branches === undefined
      ? [{ at: [], code: 'missing_key', message: 'there is nothing to run', hint: 'give it `tasks` or `branches`' }]
      : [],
  blocks: (spec) => [
    ...(spec.tasks === undefined
      ? []
      : [{ at: ['tasks'], steps: spec.tasks, runs: 'once' as const, order: 'any' as const }]),
    ...Object.entries(spec.branches ?? {}).map(([name, steps]) => ({
      at: ['branches', name],
      steps,
      runs: 'once' as const,
    })),
  ],
  output: (spec) => ({
    is: 'members',
    members: new Map<string, readonly Step[]>([
      ...(spec.tasks ?? []).map((step) => [step.id, [step]] as const),
      ...Object.entries(spec.branches ?? {}),
    ]),
  }),
  expressions: () => [{ at: ['max_concurrency'], as: 'template' }],
  derived: { errors: (result) => result.view?.['errors'] ?? [] },
  bind: (spec, binder) => {
    const branches: readonly Branch[] = [
      ...(spec.tasks ?? []).map((step) => ({ name: step.id, steps: binder.sequence([step]) })),
      ...Object.entries(spec.branches ?? {}).map(([name, steps]) => ({ name, steps: binder.sequence(steps) })),
    ];
    const most = spec.max_concurrency ?? Math.max(1, branches.length);
    return {
      execute: async (context) => {
        const concurrency = await context.number(most, 'max_concurrency', COUNT);
        return runBranches(context, branches, concurrency, spec.on_error === 'collect');
      },
    };
  },
});

async function runBranches(
  context: StepContext,
  branches: readonly Branch[],
  concurrency: number,
  collect: boolean,
): Promise<StepOutput> {
  if (branches.length > context.limits.fanOut) {
    throw stepFailure('limit_exceeded', `${branches.length} branches; ${context.limits.fanOut} are allowed`);
  }
  const outputs: JsonValue[] = branches.map(() => null);
  const failures = new Map<number, Failure>();
  await fanOut(branches.length, concurrency, context, async (index, signal) => {
    const branch = branches[index];
    if (branch === undefined) return;
    try {
      outputs[index] = (await context.run(branch.steps, { signal })).output;
    } catch (error) {
      if (!collect || signal.aborted || !(error instanceof StepFailure)) throw error;
      failures.set(index, error.failure);
    }
  });
  const output = Object.fromEntries(branches.map((branch, index) => [branch.name, outputs[index] ?? null]));
  const errors = branches.flatMap((branch, index): JsonObject[] => {
    const failure = failures.get(index);
    return failure === undefined ? [] : [failureLine({ branch: branch.name }, failure)];
  });
  return errors.length === 0 ? { output } : { output, view: { errors } };
}

/** A failure as an entry of `.errors`. */
export function failureLine(where: JsonObject, failure: Failure): JsonObject {
  return { ...where, code: failure.code, message: failure.message, step: failure.step ?? null };
}
