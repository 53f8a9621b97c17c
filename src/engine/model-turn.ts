import { stepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';
import type { ModelAnswer, ModelRequest } from './ports.ts';
import type { Run } from './run.ts';

/**
 * One turn of a model under a note's path. An answer that the journal has is given again, and nobody is called.
 * Otherwise the most that the turn can take is set aside while the call is under way, so that several at once keep the
 * budget together; the answer is durable with what it used in one entry before this resolves. A crash before that entry
 * makes the turn again.
 */
export async function modelTurn(
  run: Run,
  path: string,
  model: string,
  request: ModelRequest,
  signal: AbortSignal,
): Promise<ModelAnswer> {
  const known = run.ports.journal.decision(path);
  // Written below, under a path that nothing else is written under.
  if (known !== undefined) return known as unknown as ModelAnswer;
  const { models } = run.ports;
  if (models === undefined) throw stepFailure('no_model', `there is no model '${model}'`);
  const most = models.most(model, request);
  let release: () => void = () => undefined;
  // It may have waited for its place: the budget is looked at when it is about to be spent.
  const onTurn = (): Promise<void> => {
    release = run.setAside(most);
    return Promise.resolve();
  };
  try {
    const answer = await models.ask(model, request, { signal, onTurn, workflow: run.bound.definition.name });
    const { total_tokens: tokens, usd } = answer.usage;
    await run.spend(path, { ...answer } as unknown as JsonValue, { tokens, ...(usd === undefined ? {} : { usd }) });
    return answer;
  } finally {
    release();
  }
}
