import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { JsonSchema } from '../definition/model.ts';
import { compileSchema } from '../definition/schema-validator.ts';
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

/**
 * What a step would have asked the outside world. `what` is a tool, a resource's URI, a prompt, a workflow, or the
 * method of a question.
 */
export interface OutsideCall {
  readonly step: string;
  readonly path: string;
  readonly attempt: number;
  readonly type: string;
  /** Whom it asks and what, in words: `files.list_directory`, `a person`. */
  readonly text: string;
  /** The downstream server, where it is one. */
  readonly server?: string;
  readonly what: string;
  readonly arguments: JsonObject;
}

/** Stands in for everything outside. */
export interface OutsideWorld {
  /** An attempt of a step begins: how it ends. `undefined`: the step runs as it is, as far as it needs nobody. */
  attempt(step: string, path: string, items: readonly JsonValue[]): Answer | undefined;
  /** What `attempt` gave is none that the real thing could have given; throws. Absent = it is taken as it is. */
  misfit?(call: OutsideCall, why: string): never;
  /** The output schema of another workflow, where it is known. */
  outputSchema?(workflow: string): JsonSchema | undefined;
  /** The step asks somebody and `attempt` gave nothing; throws or gives the answer. */
  unanswered(call: OutsideCall): Answer;
  /** Told of every call, with its rendered arguments. */
  called(call: OutsideCall): void;
}

/**
 * The same kinds with the outside world replaced step by step. What a kind does itself stays real: templates,
 * conditions, schemas, routes, blocks. A table is for one run.
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
          const answer = world.attempt(step.id, context.path, itemsOf(context));
          // A kind that asks still renders, checks and routes as ever; any other is replaced as a whole.
          if (answer !== undefined && kind.asks === undefined) return { output: outputOf(answer, 'tool_error') };
          return await bound.execute(withAnswer(context, step.id, kind, world, answer));
        },
      };
    },
  };
}

/** The items that a step runs for, the innermost last. */
function itemsOf({ scope: { bound } }: StepContext): readonly JsonValue[] {
  return Object.entries(bound).flatMap(([name, value]) => (name.endsWith('_index') ? [] : [value]));
}

function withAnswer(
  context: StepContext,
  step: string,
  { type, asks }: StepKind,
  world: OutsideWorld,
  answer: Answer | undefined,
): StepContext {
  const { path, attempt } = context;
  const call = (what: string, args: JsonObject, server?: string): Answer => {
    const text = asks?.(what, server) ?? what;
    const made = {
      step,
      path,
      attempt,
      type,
      text,
      what,
      arguments: args,
      ...(server === undefined ? {} : { server }),
    };
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
      ask: async (_path, { method, params }: InputRequest) => {
        const given = call(method, params);
        const text = asks?.(method, undefined) ?? method;
        const made = { step, path, attempt, type, text, what: method, arguments: params };
        const form = params['requestedSchema'];
        if (answer !== undefined && 'output' in given && isJsonObject(form))
          checkFit(given.output, form, 'the form', made, world);
        return Promise.resolve(inputResponse(given, method));
      },
      canAsk: () => true,
    },
    children: childrenBy(call, (workflow, given) => {
      const schema = world.outputSchema?.(workflow);
      const text = asks?.(workflow, undefined) ?? workflow;
      const made = { step, path, attempt, type, text, what: workflow, arguments: {} };
      if (answer !== undefined && 'output' in given && schema !== undefined) {
        checkFit(given.output, schema, `the output schema of '${workflow}'`, made, world);
      }
    }),
  });
}

/** A test that gives what nobody could have given is green for the wrong reason. */
function checkFit(value: JsonValue, schema: JsonSchema, what: string, call: OutsideCall, world: OutsideWorld): void {
  const [violation] = compileSchema(schema)(value);
  if (violation !== undefined) world.misfit?.(call, `does not fit ${what}: ${violation.path}: ${violation.message}`);
}

function childrenBy(
  call: (what: string, args: JsonObject) => Answer,
  check: (workflow: string, answer: Answer) => void,
): StepContext['children'] {
  const answers = new Map<string, Answer>();
  return {
    start: async (path, workflow, input) => {
      const taskId = `rehearsal of ${path}`;
      const answer = call(workflow, input);
      check(workflow, answer);
      answers.set(taskId, answer);
      return Promise.resolve({ taskId });
    },
    outcome: async (taskId) => Promise.resolve(childOutcome(answers.get(taskId) ?? { output: null })),
  };
}
