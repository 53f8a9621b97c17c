import { isJsonObject, type JsonObject } from '../../core/json.ts';
import type { TaskView } from '../../tasks/task.ts';
import { awaitOutcome, requireTask } from '../calls.ts';
import { cleanUpMeta, mayHaveCleanUp } from '../clean-up.ts';
import { RPC, WireError } from '../errors.ts';
import { firstAbort } from '../first-abort.ts';
import { optionalText, requiredText } from '../params.ts';
import { isTerminal, META, progressObject } from '../task-object.ts';
import { asker2025 } from './asker.ts';
import { codec2025 } from './codec.ts';
import type { PolledQuestions } from './polled-questions.ts';
import { WaiterLimit } from './waiters.ts';
import type { Handler, HandlerTable } from './session.ts';

/** `tasks/*` of 2025-11-25. The `taskId` parameter alone says which task is meant, whatever `_meta` says beside it. */
export function taskHandlers(questions: PolledQuestions): HandlerTable {
  return {
    'tasks/get': get(questions),
    'tasks/list': list,
    'tasks/result': result(new WaiterLimit(), questions),
    'tasks/cancel': cancel,
  };
}

const get =
  (questions: PolledQuestions): Handler =>
  async (params, _extra, session) => {
    const view = await requireTask(requiredText(params, 'taskId'), session.caller, session.deps);
    session.notifier.watch(view);
    questions.seen(view, session);
    const answer = answerOf(view);
    if (!mayHaveCleanUp(view)) return answer;
    const undone = await cleanUpMeta(view, session.caller, session.deps);
    return { ...answer, _meta: { [META.progress]: progressObject(view), ...undone } };
  };

const answers = new WeakMap<TaskView, JsonObject>();

/** The task object of a view. Clients ask more often than tasks change. */
function answerOf(view: TaskView): JsonObject {
  const known = answers.get(view);
  if (known !== undefined) return known;
  const made = { ...codec2025.task(view, undefined), _meta: { [META.progress]: progressObject(view) } };
  answers.set(view, made);
  return made;
}

const list: Handler = async (params, _extra, session) => {
  if (!session.caller.identified) throw new WireError(RPC.methodNotFound, 'Method not found');
  const cursor = optionalText(params, 'cursor');
  const page = await session.deps.tasks.list({
    principal: session.caller.principal,
    ...(cursor === undefined ? {} : { cursor }),
  });
  return {
    tasks: page.tasks.map((view) => codec2025.task(view, undefined)),
    ...(page.nextCursor === undefined ? {} : { nextCursor: page.nextCursor }),
  };
};

function result(waiters: WaiterLimit, polled: PolledQuestions): Handler {
  return async (params, extra, session) => {
    const taskId = requiredText(params, 'taskId');
    const view = await requireTask(taskId, session.caller, session.deps);
    session.notifier.watch(view);
    const asksItself = polled.waits(taskId);
    const place = waiters.enter(taskId);
    const withdrawn = firstAbort(extra.signal, place.signal);
    try {
      const ended = await awaitOutcome(
        view,
        session.caller,
        {
          signal: withdrawn.signal,
          hurry: session.hurry,
          asker: asker2025(session, extra.requestId, taskId),
          questions: session.questions,
        },
        session.deps,
      );
      const answer = codec2025.toolResult(ended.outcome);
      const meta = isJsonObject(answer['_meta']) ? answer['_meta'] : {};
      return {
        ...answer,
        _meta: { ...meta, [META.relatedTask]: { taskId }, [META.progress]: progressObject(ended.view) },
      };
    } catch (error) {
      if (place.signal.aborted) throw new WireError(RPC.limitExceeded, 'Too many requests wait for this task');
      if (session.hurry.aborted)
        throw new WireError(RPC.unavailable, 'The server is stopping; ask again for the same task');
      throw error;
    } finally {
      asksItself();
      withdrawn.dispose();
      place.leave();
    }
  };
}

const cancel: Handler = async (params, _extra, session) => {
  const taskId = requiredText(params, 'taskId');
  const view = await requireTask(taskId, session.caller, session.deps);
  if (isTerminal(view)) {
    throw new WireError(RPC.invalidParams, `Cannot cancel task: it has ended already (${view.status})`);
  }
  const cancelled = await session.deps.tasks.cancel(taskId, session.caller.principal);
  return { ...codec2025.task(cancelled, undefined), _meta: { [META.progress]: progressObject(cancelled) } };
};
