import { stepFailure } from '../core/failure.ts';
import { humanDuration } from '../core/duration.ts';
import type { JsonObject } from '../core/json.ts';
import { linkedController } from './abort.ts';
import { repairMessages, valueIn } from './answer-text.ts';
import type { StepContext, StepOutput } from './kind.ts';
import type { ModelAnswer, ModelRequest, ModelUsage } from './ports.ts';

/** The entry of the models file that answers where no other is named. */
const DEFAULT_MODEL = 'default';
/** How often a model is told that its answer does not fit, in one attempt. */
const MAX_REPAIRS = 2;

/** Who answers: a model of the models file, or the client's. */
export type Answering = { readonly by: 'model'; readonly name: string } | { readonly by: 'client' };

/**
 * The first of `names` that the models file has, else the client's model, else `default` of the models file. Where it
 * is not known whether the client lends its model, it is asked only when there is no `default`. Throws `no_model`.
 */
export function chosenModel({ models, input }: StepContext, names: readonly string[]): Answering {
  const named = names.find((name) => models?.has(name) === true);
  if (named !== undefined) return { by: 'model', name: named };
  const samples = input.samples?.();
  const hasDefault = models?.has(DEFAULT_MODEL) === true;
  if (samples === true || (samples === undefined && !hasDefault)) return { by: 'client' };
  if (hasDefault) return { by: 'model', name: DEFAULT_MODEL };
  throw stepFailure(
    'no_model',
    `no model can answer: the client lends none (sampling), and the models file has no '${DEFAULT_MODEL}'; add one to models.json`,
  );
}

/**
 * Asks a model of the models file. With `schema` an answer that does not fit is sent back with what is wrong, at most
 * twice; each turn is a checkpoint, so a crash goes on with the turns that were answered. A refusal, and an answer that
 * was cut at `max_tokens`, are not asked for again: the next one would be the same.
 */
export async function askModel(
  context: StepContext,
  model: string,
  request: ModelRequest,
  seconds: number | undefined,
): Promise<StepOutput> {
  const deadline = seconds === undefined ? undefined : startDeadline(context, model, seconds);
  const signal = deadline?.signal ?? context.signal;
  const usages: ModelUsage[] = [];
  const messages = [...request.messages];
  try {
    for (let turn = 1; ; turn += 1) {
      context.status(turn === 1 ? `waiting for model '${model}'` : `waiting for model '${model}', turn ${turn}`);
      const answer = await context.turn(`turn-${turn}`, model, { ...request, messages: [...messages] }, signal);
      usages.push(answer.usage);
      const end = endOf(answer, request, viewOf(answer, usages));
      if (end.failure === undefined || turn > MAX_REPAIRS || !isMendable(answer)) return end;
      messages.push(...repairMessages(answer.text, end.failure.message));
    }
  } finally {
    deadline?.end();
  }
}

function endOf(answer: ModelAnswer, { schema, maxTokens }: ModelRequest, view: JsonObject): StepOutput {
  const unusable = (why: string): StepOutput => ({
    output: null,
    view: { ...view, answer: answer.text },
    failure: stepFailure('invalid_output', why).failure,
  });
  if (answer.stop_reason === 'refusal') {
    return unusable(`the model refused to answer${answer.text === '' ? '' : `: ${answer.text.slice(0, 300)}`}`);
  }
  if (schema === undefined) return { output: answer.text, view };
  const found = valueIn(answer.text, schema);
  if ('value' in found) return { output: found.value, view };
  return unusable(answer.stop_reason === 'maxTokens' ? `the answer was cut at max_tokens (${maxTokens})` : found.why);
}

function isMendable({ stop_reason: why }: ModelAnswer): boolean {
  return why !== 'refusal' && why !== 'maxTokens';
}

function viewOf({ model, stop_reason }: ModelAnswer, usages: readonly ModelUsage[]): JsonObject {
  const sum = (read: (usage: ModelUsage) => number): number => usages.reduce((total, usage) => total + read(usage), 0);
  const tokens = sum((usage) => usage.total_tokens);
  const isPriced = usages.some(({ usd }) => usd !== undefined);
  const usage = {
    input_tokens: sum((each) => each.input_tokens),
    output_tokens: sum((each) => each.output_tokens),
    total_tokens: tokens,
    ...(isPriced ? { usd: Number(sum(({ usd = 0 }) => usd).toFixed(9)) } : {}),
    ...(usages.some(({ estimated }) => estimated === true) ? { estimated: true } : {}),
  };
  return { usage, model, stop_reason, tokens, turns: usages.length };
}

/** The step's own deadline, over all its turns. */
function startDeadline(
  { clock, signal: parent }: StepContext,
  model: string,
  seconds: number,
): { readonly signal: AbortSignal; end(): void } {
  const controller = linkedController(parent);
  const timer = linkedController(parent);
  const late = stepFailure('timeout', `model '${model}' did not answer within ${humanDuration(seconds * 1000)}`);
  clock.sleep(seconds * 1000, timer.signal).then(
    () => controller.abort(late),
    () => undefined,
  );
  return {
    signal: controller.signal,
    end: () => {
      timer.abort(late);
      timer.release();
      controller.release();
    },
  };
}
