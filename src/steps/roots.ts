import { isJsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import { stepFailure, StepFailure } from '../core/failure.ts';
import { POSITIVE_SECONDS } from '../engine/numbers.ts';
import { defineStepKind } from '../engine/kind.ts';
import { textOf } from '../engine/step-view.ts';

/**
 * Asks the client which folders it works in. The request belongs to the task: it survives restarts and any connection
 * can answer it.
 */
export const rootsKind = defineStepKind({
  type: 'roots',
  effect: 'reads',
  asks: (what) => what,
  summary:
    'Asks the client for its roots: the folders its person works in. `.output` is the list, each with `uri` and, if the client gives one, `name`.',
  example: `id: folders
type: roots
timeout_seconds: 30
`,
  fields: () => ({}),
  ownTimeout: true,
  expressions: () => [],
  bind: (_spec, _binder, step) => ({
    about: "the client's roots",
    execute: async (context) => {
      context.status('waiting for the roots of the client');
      const timeout = step.timeout_seconds;
      const seconds =
        timeout === undefined ? undefined : await context.number(timeout, 'timeout_seconds', POSITIVE_SECONDS);
      const answer = await context.input.ask(
        context.attemptPath,
        { method: 'roots/list', params: {} },
        { signal: context.signal, ...(seconds === undefined ? {} : { timeoutSeconds: seconds }) },
      );
      if (answer === undefined) throw stepFailure('timeout', 'the client did not give its roots in time');
      return { output: rootsIn(answer) };
    },
  }),
});

function rootsIn(answer: JsonValue): readonly JsonValue[] {
  const { error, roots } = objectOrEmpty(answer);
  if (isJsonObject(error)) {
    throw new StepFailure({
      code: textOf(error['code'] ?? 'tool_error'),
      message: textOf(error['message'] ?? 'the client refused to give its roots'),
    });
  }
  return Array.isArray(roots) ? roots : [];
}
