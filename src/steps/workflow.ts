import { isJsonObject } from '../core/json.ts';
import { z } from 'zod';
import { stepFailure } from '../core/failure.ts';
import type { Outcome } from '../core/outcome.ts';
import { isFixed } from '../definition/expression/references.ts';
import { defineStepKind, type StepOutput } from '../engine/kind.ts';
import { notePath } from '../engine/paths.ts';

/**
 * Runs another workflow as a task of its own, linked to this one and cancelled with it. A restart finds the child that
 * was started.
 */
export const workflowKind = defineStepKind({
  type: 'workflow',
  effect: 'acts',
  asks: (what) => `workflow ${what}`,
  summary:
    "Runs another workflow as a child task. `.output` is the child's output; `.task_id` its task id. What the child asks is asked of whoever called this workflow. A child that fails or is cancelled fails the step (`child_failed`); one too deep (16) or too many below one task (1 000) is `limit_exceeded`.",
  example: `id: sub
type: workflow
workflow: greet
input: { name: "{{input.name}}" }
`,
  fields: () => ({
    workflow: z.string().min(1).describe('Name of the workflow; templates inside are rendered.'),
    input: z
      .union([
        z.record(z.string(), z.unknown()),
        z.string().regex(/\{\{|\{%/u, { error: 'expected an object, or a template that gives one' }),
      ])
      .optional()
      .describe('Its arguments, or one template that gives them; templates inside are rendered. Default {}.'),
  }),
  argumentsKey: 'input',
  expressions: () => [
    { at: ['workflow'], as: 'template' },
    { at: ['input'], as: 'template' },
  ],
  output: (spec) => (isFixed(spec.workflow) ? { is: 'workflow', name: spec.workflow } : undefined),
  call: (spec) =>
    isFixed(spec.workflow) ? { of: { workflow: spec.workflow }, at: ['workflow'], argumentsKey: 'input' } : undefined,
  members: ['task_id'],
  bind: (spec) => ({
    about: `workflow ${spec.workflow}`,
    execute: async (context) => {
      if (context.depth >= context.limits.depth) {
        throw stepFailure(
          'limit_exceeded',
          `workflows are nested ${context.depth} deep; ${context.limits.depth} are allowed`,
        );
      }
      const workflow = await context.renderText(spec.workflow);
      const input = await context.render(spec.input ?? {});
      if (!isJsonObject(input)) {
        throw stepFailure('invalid_arguments', `input: an object is expected, and it is ${JSON.stringify(input)}`);
      }
      context.given(input);
      const { taskId } = await context.children.start(context.attemptPath, workflow, input);
      context.status(`waiting for ${workflow}`);
      const outcome = await context.children.outcome(taskId, context.signal, (question, withdrawn) =>
        // Who has called this workflow cannot know of the child, so it is asked as if the question were its own.
        context.input.ask(notePath(context.attemptPath, question.path), question.request, { signal: withdrawn }),
      );
      return childOutput(workflow, taskId, outcome);
    },
  }),
});

function childOutput(workflow: string, taskId: string, outcome: Outcome): StepOutput {
  const view = { task_id: taskId };
  const failed = (message: string): StepOutput => ({
    output: null,
    view,
    failure: { code: 'child_failed', message: `workflow '${workflow}' ${message}`, data: view },
  });
  switch (outcome.kind) {
    case 'cancelled':
      return failed(`was cancelled: ${outcome.reason}`);
    case 'error':
      return failed(`failed (${outcome.code}): ${outcome.message}`);
    case 'result':
      if (outcome.result.isError !== true) return { output: outcome.output, view };
      return failed(
        outcome.failure === undefined ? 'failed' : `failed (${outcome.failure.code}): ${outcome.failure.message}`,
      );
  }
}
