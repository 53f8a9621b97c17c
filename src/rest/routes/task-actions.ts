import { isJsonObject } from '../../core/json.ts';
import { z } from 'zod';
import { ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { AnswerBody, Answered, CancelBody, ResumeBody, Resumed, Task } from '../schemas.ts';
import { taskBody } from '../views.ts';
import { taskOf, taskParams } from './tasks.ts';

const cancelTask = route({
  method: 'post',
  path: '/tasks/{id}/cancel',
  operationId: 'cancelTask',
  summary: 'Cancels a task; durable when it is answered',
  params: taskParams,
  body: CancelBody,
  bodyOptional: true,
  answers: { 200: { about: 'The task, cancelled.', schema: Task } },
  problems: ['not_found', 'already_terminal'],
  handle: async ({ params: { id }, body: { reason }, caller }, { tasks }) => {
    await taskOf(tasks, id, caller);
    return { status: 200, body: taskBody(await tasks.cancel(id, caller.principal, reason)) };
  },
});

const resumeTask = route({
  method: 'post',
  path: '/tasks/{id}/resume',
  operationId: 'resumeTask',
  summary: 'Runs a failed task again from its failed step or from a named one, its finished outputs kept',
  params: taskParams,
  body: ResumeBody,
  bodyOptional: true,
  answers: { 200: { about: 'The task, and which steps with side effects run again.', schema: Resumed } },
  problems: ['not_found', 'not_resumable'],
  handle: async ({ params: { id }, body: { from }, caller }, { tasks }) => {
    await taskOf(tasks, id, caller);
    const { view, warnings } = await tasks.resume(id, caller.principal, from === undefined ? {} : { from });
    return { status: 200, body: { task: taskBody(view), warnings } };
  },
});

const answerQuestion = route({
  method: 'post',
  path: '/tasks/{id}/answers/{key}',
  operationId: 'answerQuestion',
  summary: 'Answers an open question; the first valid answer wins',
  params: z.object({ ...taskParams.shape, key: z.string().describe('The key of the question.') }),
  body: AnswerBody,
  answers: { 200: { about: 'The answer was taken, durably.', schema: Answered } },
  problems: ['not_found', 'question_closed', 'invalid_input_response'],
  handle: async ({ params: { id, key }, body, caller }, { tasks }) => {
    await taskOf(tasks, id, caller);
    // The schema has let objects through only.
    const verdict = isJsonObject(body) ? await tasks.respond(id, caller.principal, key, body) : 'ignored';
    if (verdict === 'ignored')
      throw new ProblemError(
        'question_closed',
        `'${key}' was answered, has expired or never existed; nothing was changed`,
      );
    return { status: 200, body: { taskId: id, key, answer: verdict } };
  },
});

export const actionRoutes = [cancelTask, resumeTask, answerQuestion];
