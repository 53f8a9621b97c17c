import type { JsonObject } from '../core/json.ts';
import type { InputRequest } from '../engine/journal.ts';
import type { StepContext, StepKind, StepKindTable } from '../engine/kind.ts';
import {
  childOutcome,
  inputResponse,
  outputOf,
  promptMessages,
  resourceContents,
  toolResult,
  type Answer,
} from './answer.ts';
import { contextOver } from './context-over.ts';

/** What a step would have asked the outside world. `what` is a tool, a resource's URI, a prompt, a workflow, or the method of a question. */
export interface OutsideCall {
  readonly step: string;
  readonly path: string;
  readonly attempt: number;
  readonly type: string;
  /** The downstream server, where it is one. */
  readonly server?: string;
  readonly what: string;
  readonly arguments: JsonObject;
}

/** Stands in for everything outside. */
export interface OutsideWorld {
  /** An attempt of a step begins: how it ends. `undefined`: the step runs as it is, as far as it needs nobody. */
  attempt(step: string, path: string): Answer | undefined;
  /** The step asks somebody and `attempt` gave nothing; throws or gives the answer. */
  unanswered(call: OutsideCall): Answer;
  /** Told of every call, with its rendered arguments. */
  called(call: OutsideCall): void;
}

/** Kinds that talk through a port; with an answer they still render, check and route as ever. Any other kind is replaced as a whole. */
const ASKING: ReadonlySet<string> = new Set(['tool', 'resource', 'prompt', 'workflow', 'elicit', 'llm', 'roots']);

/**
 * The same kinds with the outside world replaced step by step. What a kind does itself stays real: templates, conditions,
 * schemas, routes, blocks. A table is for one run.
 */
export function kindsWithout(kinds: StepKindTable, world: OutsideWorld): StepKindTable {
  return new Map([...kinds].map(([type, kind]) => [type, inWorld(kind, world)]));
}

function inWorld(kind: StepKind, world: OutsideWorld): StepKind {
  return {
    ...kind,
    bind: (step, binder) => {
      const bound = kind.bind(step, binder);
      return {
        ...bound,
        execute: async (context) => {
          const answer = world.attempt(step.id, context.path);
          if (answer !== undefined && !ASKING.has(kind.type)) return { output: outputOf(answer, 'tool_error') };
          return await bound.execute(withAnswer(context, step.id, kind.type, world, answer));
        },
      };
    },
  };
}

function withAnswer(
  context: StepContext,
  step: string,
  type: string,
  world: OutsideWorld,
  answer: Answer | undefined,
): StepContext {
  const { path, attempt } = context;
  const call = (what: string, args: JsonObject, server?: string): Answer => {
    const made = { step, path, attempt, type, what, arguments: args, ...(server === undefined ? {} : { server }) };
    world.called(made);
    return answer ?? world.unanswered(made);
  };
  // `async` so that whatever an answer throws is a rejection, as of the real ports.
  return contextOver(context, {
    downstream: {
      callTool: async (tool, args, { server }) => Promise.resolve(toolResult(call(tool, args, server))),
      readResource: async (uri, { server }) =>
        Promise.resolve({ contents: resourceContents(call(uri, {}, server), uri) }),
      getPrompt: async (name, args, { server }) =>
        Promise.resolve({ messages: promptMessages(call(name, args, server)) }),
      abandon: () => Promise.resolve(),
      repeatability: () => 'idempotent',
      learnRepeatability: () => Promise.resolve('idempotent'),
    },
    input: {
      ask: async (_path, { method, params }: InputRequest) =>
        Promise.resolve(inputResponse(call(method, params), method)),
      canAsk: () => true,
    },
    children: childrenBy(call),
  });
}

function childrenBy(call: (what: string, args: JsonObject) => Answer): StepContext['children'] {
  const answers = new Map<string, Answer>();
  return {
    start: async (path, workflow, input) => {
      const taskId = `rehearsal of ${path}`;
      answers.set(taskId, call(workflow, input));
      return Promise.resolve({ taskId });
    },
    outcome: async (taskId) => Promise.resolve(childOutcome(answers.get(taskId) ?? { output: null })),
  };
}
