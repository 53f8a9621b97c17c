import type { JsonObject, JsonValue } from '../../core/json.ts';
import type { Definition } from '../../definition/model.ts';
import type { PendingInput, TaskView } from '../../tasks/task.ts';
import type { Caller } from '../caller.ts';
import type { ProtocolDeps } from '../deps.ts';
import { wasNotShown } from '../not-shown.ts';
import { canMeet, wireRequest, type InputAbilities } from './codec.ts';
import type { RequestState, StateBinding, StateSealer } from './request-state.ts';

/*
 * Questions inside a plain call: `input_required`, and the call again with the answers. The durable task is the state.
 * M1 names in `inputRequests` are for one round; the handle maps them to keys of the record, which are never reused, so
 *    that a late or repeated round answers nothing that it was not asked.
 * M2 only what this request's capabilities cover is asked.
 */

/**
 * How long a client has for one round. A person may have to be found, and the handle opens nothing but this one call.
 */
export const STATE_TTL_MS = 3_600_000;

/**
 * Questions of parallel steps come within moments of each other; this long without a new one, and they go out together.
 */
const GATHER_QUIET_MS = 25;
const GATHER_LIMIT_MS = 250;

/** A call and its task, in one of its rounds. */
export interface Round {
  readonly definition: Definition;
  readonly caller: Caller;
  readonly binding: StateBinding;
  readonly abilities: InputAbilities;
  readonly view: TaskView;
  /** Answers that came with the first round, before anything was asked: by name, each used once. */
  readonly prepared: Map<string, JsonValue>;
  /**
   * Record keys of questions that the host declined without showing them. They stay open and are not put to it again.
   */
  readonly notShown: ReadonlySet<string>;
}

interface RoundDeps extends ProtocolDeps {
  readonly sealer: StateSealer;
}

/** The questions of a task that may be put on this request. */
export function askable(round: Round, view: TaskView): readonly PendingInput[] {
  return view.inputs.filter((input) => canMeet(input.request, round.abilities) && !round.notShown.has(input.key));
}

/**
 * The name of a question in `inputRequests`: the step's id where the path is nothing but steps, else the key of the
 * record. A client can so answer a known question with its first call.
 */
export function nameOf(input: PendingInput, among: readonly PendingInput[]): string {
  const name = stepName(input.path);
  if (name === undefined) return input.key;
  return among.some((other) => other !== input && stepName(other.path) === name) ? input.key : name;
}

function stepName(path: string): string | undefined {
  return /^(?:[A-Za-z_][\w-]*[./!])*([A-Za-z_][\w-]*)$/u.exec(path)?.[1];
}

/** Gives the answers that came with the first round to the questions they are for. True when one was taken. */
export async function answerPrepared(round: Round, view: TaskView, deps: RoundDeps): Promise<boolean> {
  let taken = false;
  for (const input of view.inputs) {
    const name = nameOf(input, view.inputs);
    const response = round.prepared.get(name);
    if (response === undefined) continue;
    round.prepared.delete(name);
    await deps.tasks.respond(view.taskId, round.caller.principal, input.key, response);
    taken = true;
  }
  return taken;
}

/** Opens the handle that came with a later round; `undefined` when it must be refused. */
export function openState(text: string, binding: StateBinding, deps: RoundDeps): RequestState | undefined {
  return deps.sealer.open(text, binding, deps.clock.now());
}

/**
 * Passes the answers of a later round on. Names the round did not ask are ignored. Returns the record keys of questions
 * that were declined sooner than anybody can have read them. Rejects with `invalid_input_response` for an answer that
 * does not fit.
 */
export async function answerRound(
  state: RequestState,
  answers: JsonObject,
  principal: string,
  deps: RoundDeps,
): Promise<ReadonlySet<string>> {
  const notShown = new Set<string>();
  const elapsed = deps.clock.now() - (state.expiresAt - STATE_TTL_MS);
  for (const [name, response] of Object.entries(answers)) {
    const key = Object.hasOwn(state.keys, name) ? state.keys[name] : undefined;
    if (key === undefined) continue;
    if (wasNotShown(response, elapsed, deps.settings.instantDeclineMs)) notShown.add(key);
    else await deps.tasks.respond(state.taskId, principal, key, response);
  }
  return notShown;
}

/** `view` or, while further questions keep coming in, the view in which they have stopped to. */
export async function gathered(
  view: TaskView,
  principal: string,
  signal: AbortSignal,
  deps: RoundDeps,
): Promise<TaskView> {
  const until = deps.clock.monotonic() + GATHER_LIMIT_MS;
  let newest = view;
  while (deps.clock.monotonic() < until) {
    await deps.clock.sleep(GATHER_QUIET_MS, signal);
    const seen = await deps.tasks.get(view.taskId, principal);
    if (seen === undefined || seen.rev === newest.rev) break;
    newest = seen;
  }
  return newest;
}

/** The answer that asks. `inputs` must be askable (M2). */
export function inputRequired(round: Round, inputs: readonly PendingInput[], deps: RoundDeps): JsonObject {
  const named = inputs.map((input) => [nameOf(input, inputs), input] as const);
  const requestState = deps.sealer.seal(
    {
      taskId: round.view.taskId,
      keys: Object.fromEntries(named.map(([name, input]) => [name, input.key])),
      expiresAt: deps.clock.now() + STATE_TTL_MS,
    },
    round.binding,
  );
  return {
    resultType: 'input_required',
    inputRequests: Object.fromEntries(named.map(([name, { request }]) => [name, wireRequest(request)])),
    requestState,
  };
}
