import { z } from 'zod';
import { StepFailure, type Failure } from '../core/failure.ts';
import { defineStepKind, type Sequence, type SequenceEnd, type StepContext, type StepOutput } from '../engine/kind.ts';
import { errorNames } from '../engine/interpreter.ts';
import { matchesFailure } from '../engine/retry.ts';

const match = z.union([z.string(), z.object({ contains: z.string() }).strict()]);

interface Clause {
  readonly match: readonly z.output<typeof match>[] | undefined;
  readonly steps: Sequence;
}

/**
 * Runs steps, handles their failure, and runs `finally` in any case: after success, after a failure, after a stop from
 * outside (a sibling failed, a timeout above). After a cancel of the task `finally` runs as part of its clean-up.
 */
export const tryKind = defineStepKind({
  type: 'try',
  effect: 'none',
  effectFree: true,
  summary:
    'Runs `steps`; when they fail, the first `catch` clause that matches, with `{{error.code}}`, `{{error.message}}` and `{{failed_step.id}}` in scope; and `finally` in any ' +
    'case. `.output` is that of the last step that ran in body or catch; `.caught` the error that was handled, or null.',
  example: `id: safely
type: try
steps:
  - id: risky
    server: files
    action: read_file
    arguments: { path: may-not-exist.txt }
catch:
  - match: [tool_error]
    steps:
      - id: fallback
        type: set
        values: { text: "not there: {{error.message}}" }
finally:
  - id: done
    type: emit
    message: looked for it
`,
  fields: (step) => ({
    steps: z.array(step).min(1).describe('The body.'),
    catch: z
      .array(
        z
          .object({
            match: z
              .union([match, z.array(match)])
              .optional()
              .describe(
                'An error code, `{contains: text}` for part of the message, or a list of them. Default: every failure.',
              ),
            steps: z.array(step).describe('Run when it matches.'),
          })
          .strict(),
      )
      .optional()
      .describe('Clauses, tried in order.'),
    finally: z.array(step).optional().describe('Run in any case, last.'),
  }),
  blocks: (spec) => [
    { at: ['steps'], steps: spec.steps, runs: 'once', part: 0 },
    ...(spec.catch ?? []).map((clause, index) => ({
      at: ['catch', index, 'steps'],
      steps: clause.steps,
      runs: 'once' as const,
      part: 1,
      binds: ['error', 'failed_step'],
    })),
    ...(spec.finally === undefined ? [] : [{ at: ['finally'], steps: spec.finally, runs: 'once' as const, part: 2 }]),
  ],
  derived: { caught: (result) => result.view?.['caught'] ?? null },
  bind: (spec, binder) => {
    const body = binder.sequence(spec.steps);
    const clauses = (spec.catch ?? []).map((clause) => ({
      match: clause.match === undefined ? undefined : [clause.match].flat(),
      steps: binder.sequence(clause.steps),
    }));
    const last = spec.finally === undefined ? undefined : binder.sequence(spec.finally);
    return {
      ...(last === undefined ? {} : { finally: last }),
      execute: async (context) => {
        if (last === undefined) return await guarded(context, body, clauses);
        await context.enterFinally();
        let end: StepOutput;
        try {
          end = await guarded(context, body, clauses);
        } catch (error) {
          await context.run(last, { evenWhenStopped: true });
          throw error;
        }
        await context.run(last, { evenWhenStopped: true });
        return end;
      },
    };
  },
});

async function guarded(context: StepContext, body: Sequence, clauses: readonly Clause[]): Promise<StepOutput> {
  try {
    return { output: (await context.run(body)).output };
  } catch (error) {
    // A stop from outside is not a failure of the body.
    if (context.signal.aborted || !(error instanceof StepFailure)) throw error;
    const { failure } = error;
    const clause = clauses.find(
      (candidate) => candidate.match === undefined || matchesFailure(failure, candidate.match),
    );
    if (clause === undefined) throw error;
    const end: SequenceEnd = await context.run(clause.steps, { scope: context.scope.with(errorNames(failure)) });
    return { output: end.output, view: { caught: caughtView(failure) } };
  }
}

function caughtView(failure: Failure): { code: string; message: string; step: string | null } {
  return { code: failure.code, message: failure.message, step: failure.step ?? null };
}
