import type { JsonObject } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import type { TaskView } from '../tasks/task.ts';
import { exampleAnswer, whoAnswers } from './answer-form.ts';
import { URI } from './resource-uris.ts';
import { inputRequests, isTerminal, taskObject } from './task-object.ts';
import { MAX_WAIT_SECONDS } from './task-tool-descriptors.ts';

/** A tool result that says what went wrong, for a model to read. */
export function errorResult(text: string): ToolResult {
  return { content: [{ type: 'text', text }], isError: true };
}

/**
 * A tool result of one JSON object: structured, and the same as text for hosts that show text only. The note is in
 * both.
 */
export function jsonResult(value: JsonObject, note?: string): ToolResult {
  const text = JSON.stringify(value);
  return {
    content: [...(note === undefined ? [] : [{ type: 'text', text: note }]), { type: 'text', text }],
    // Some hosts show the model nothing else.
    structuredContent: note === undefined ? value : { ...value, nextStep: note },
  };
}

/** What a plain call is answered when its run goes on: the task and the next step. Not an error. */
export function deferredResult(view: TaskView): ToolResult {
  const text = `The workflow '${view.workflow}' goes on in the background as task ${view.taskId}; do not call it again. ${nextStep(view)}`;
  return {
    content: [{ type: 'text', text }],
    // Some hosts show the model nothing else.
    structuredContent: { task: { ...taskObject(view), nextStep: text } },
  };
}

/** What to do next about a task, written for a model. */
export function nextStep(view: TaskView): string {
  const id = JSON.stringify(view.taskId);
  const state = `Now: ${view.status}, ${view.percent} %, ${view.statusMessage}.`;
  if (isTerminal(view)) return `${state} Get its result with tasks_result {"taskId": ${id}}.`;
  if (view.inputs.length > 0) {
    const [first] = view.inputs;
    const answers = Object.fromEntries(view.inputs.map(({ key, request }) => [key, exampleAnswer(request)]));
    const call = JSON.stringify({ taskId: view.taskId, inputResponses: answers });
    const who = first === undefined ? '' : ` ${whoAnswers(first.request)}, then call`;
    return (
      `${state} It waits for an answer to: ${JSON.stringify(inputRequests(view.inputs))}.` +
      `${who} tasks_update ${call} with the real answer.`
    );
  }
  const wake = view.wakeAt === undefined ? '' : ' It waits for a time and goes on by itself.';
  return (
    `${state}${wake} Call tasks_get {"taskId": ${id}, "wait_seconds": ${MAX_WAIT_SECONDS}} until it has ended, then tasks_result. ` +
    `The same state is the resource ${URI.task(view.taskId)}.`
  );
}
