import { z } from 'zod';
import type { Clock } from '../core/clock.ts';
import type { Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Conditional, Step } from '../definition/model.ts';
import type {
  Block,
  CallFact,
  ExpressionPosition,
  OutputFact,
  StepProblem,
  StepSyntax,
} from '../definition/step-syntax.ts';
import type { JournalEntry, StepResult } from './journal.ts';
import type { NumberBounds } from './numbers.ts';
import type { Lanes } from './lanes.ts';
import type { EngineLimits } from './limits.ts';
import type { Children, Downstream, InputGate, ModelAnswer, ModelRequest, Models, Repeatability } from './ports.ts';
import type { Scope } from './scope.ts';

/**
 * What one attempt of a step produced. With `failure` the attempt failed, and `view` says what can still be read of it.
 */
export interface StepOutput {
  readonly output: JsonValue;
  readonly view?: JsonObject;
  readonly failure?: Failure;
  /** Values for `variables.…` targets beside `save_output_to`; committed with the checkpoint. */
  readonly assign?: { readonly [target: string]: JsonValue };
}

/**
 * How a list of steps came to its end. `ran`: at least one step of it completed. `output`: of the last one that did.
 */
export interface SequenceEnd {
  readonly ran: boolean;
  readonly output: JsonValue;
}

/** A list of steps made ready to run. Kinds only hand it to `StepContext.run`. */
export interface Sequence {
  readonly nodes: readonly BoundNode[];
  /** Some step says `depends_on`: the list is a graph, and a step without it is a root. */
  readonly graph: boolean;
  /** Conditionals to evaluate in this list, by the id of the step after which they come. */
  readonly after: ReadonlyMap<string, readonly BoundConditional[]>;
}

/** A conditional with the places of its targets. */
export interface BoundConditional {
  readonly conditional: Conditional;
  /** Ids of the steps of its list that it reads, itself or through what stands inside them. */
  readonly reads: readonly string[];
}

/** A step made ready to run, once per definition. */
export interface BoundNode {
  readonly id: string;
  readonly step: Step;
  readonly kind: StepKind;
  readonly bound: BoundStep;
  /** It is the target of something: it runs when targeted, never in sequence (rule 7). */
  readonly target: boolean;
  /** Number of the step in document order over the whole definition, from 0. */
  readonly order: number;
  /** The step whose block holds it. */
  readonly parent: BoundNode | undefined;
}

/** What a running attempt can use. All time, chance and outside world come through it (E4). */
export interface StepContext {
  readonly path: string;
  /** Prefix of what this attempt owns: children, questions, child tasks. */
  readonly attemptPath: string;
  readonly attempt: number;
  /** Hex, equal on every attempt of the step and after every restart. */
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
  readonly scope: Scope;
  readonly clock: Clock;
  readonly downstream: Downstream;
  readonly input: InputGate;
  readonly children: Children;
  /** The models that the operator has named; their turns are made with `turn`. Absent = there are none. */
  readonly models: Pick<Models, 'has'> | undefined;
  readonly limits: EngineLimits;
  /** Shared by all fan-outs of the task. */
  readonly lanes: Lanes;
  /** Nesting of this task by `workflow` steps. */
  readonly depth: number;
  /** The last downstream task handle that an earlier run of this attempt left, to re-attach to. */
  readonly handle: JsonValue | undefined;
  /**
   * How the attempt before this one failed, for a kind that goes on from there; what `view` it left is kept for kinds
   * with `repairs` only.
   */
  readonly previous: { readonly failure: Failure; readonly view?: JsonObject } | undefined;
  saveHandle(handle: JsonValue): Promise<void>;
  /** Renders every template in `value`, once; rule 4 applies to paths that resolve to nothing. */
  render(value: unknown, scope?: Scope): Promise<JsonValue>;
  /** Renders to text: text stays, null is empty, anything else is JSON. */
  renderText(value: unknown): Promise<string>;
  test(condition: string, scope?: Scope): Promise<boolean>;
  /**
   * A number of the step that may be a template. Throws `invalid_arguments`, with the key, where the template gives
   * none that fits.
   */
  number(value: number | string, key: string, bounds: NumberBounds): Promise<number>;
  /**
   * What a variable holds now, by its target (`variables.global.x`); `undefined` = nothing yet. Throws `template_error`
   * for what is no target.
   */
  variable(target: string): JsonValue | undefined;
  /**
   * A choice that a later replay must repeat. The first time it is computed and noted; the note becomes durable
   * together with the next entry of the task, before anything that follows from the choice.
   */
  decide<T extends JsonValue>(word: string, compute: () => Promise<T>): Promise<T>;
  /**
   * One turn of a model, made once: an answer is durable, and counted, before this resolves, and `word` gives the same
   * one again after a crash. Throws `budget_exceeded` before the call where the budget does not hold the most that it
   * can take, and what `Models.ask` throws.
   */
  turn(word: string, model: string, request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer>;
  /** Notes an entry that becomes durable together with the next one. */
  note(entry: JournalEntry): void;
  /** Waits until a wall-clock time that is fixed the first time; a restart waits for the rest only. */
  pause(word: string, plan: Pause): Promise<void>;
  /** Runs a list of steps under this attempt. Throws the `StepFailure` nobody in it handled. */
  run(sequence: Sequence, options?: RunOptions): Promise<SequenceEnd>;
  /** A graph or list in which the caller wants every step's output by id. */
  runAll(sequence: Sequence, concurrency: number | undefined): Promise<JsonObject>;
  /**
   * Says durably that this attempt has something to run in any case, so that a cancel from here on leaves it to the
   * task's clean-up.
   */
  enterFinally(): Promise<void>;
  /** The scope of one iteration, with names of its own. */
  iteration(index: number, names: JsonObject): { readonly scope: Scope; readonly prefix: string };
  /** Says what the attempt is about to call somebody with, for people who look at the task. */
  given(args: JsonValue): void;
  /** Counts against `budget`; throws `budget_exceeded`. */
  charge(what: 'tool_calls' | 'tokens', amount: number): void;
  /** A message for the client that changes no state. */
  emit(event: { message: string; level: string; progress?: number; total?: number; data?: JsonValue }): void;
  /** What the step is doing now, for the status message; `wakeAt` when it only waits. */
  status(detail: string, wakeAt?: number): void;
}

/** `ms` from now by the monotonic clock, or until a wall-clock time. */
export type Pause = { readonly ms: number } | { readonly until: number };

export interface RunOptions {
  readonly scope?: Scope;
  readonly prefix?: string;
  readonly signal?: AbortSignal;
  /** Runs even though the attempt's own signal has aborted (`finally`); only the end of the task stops it. */
  readonly evenWhenStopped?: boolean;
}

/** A step bound to its kind. `execute` runs inside the step-runner only (E1). */
export interface BoundStep {
  execute(context: StepContext): Promise<StepOutput>;
  /**
   * What is known about making an attempt twice. Absent: repeating is harmless, or the kind's own checkpoints see to
   * it.
   */
  repeatability?(downstream: Downstream, signal: AbortSignal): Repeatability | Promise<Repeatability>;
  /**
   * Gives up what a handle of an attempt stands for, when the task was ended from outside. Rejects with a
   * `StepFailure`, or on abort.
   */
  abandon?(handle: JsonValue, downstream: Downstream, signal: AbortSignal): Promise<void>;
  /** What the step is about, for a question to a person: `server.tool`. */
  readonly about?: string;
  /**
   * The step to run next because of how this one completed (an `elicit` step's `on_decline`). A function of the result
   * alone.
   */
  route?(result: StepResult): string | undefined;
  /**
   * What is to run in any case once `enterFinally` was called: the task's clean-up runs it when a cancel did not let
   * the attempt do so.
   */
  readonly finally?: Sequence;
  /** With this output the task ends here, successfully (`succeed`). */
  readonly endsTask?: boolean;
}

/** What a kind needs to bind a step: its child lists made ready. */
export interface Binder {
  sequence(steps: readonly Step[]): Sequence;
  /** Whether a text of the definition names one of these members of the step. */
  mentions(step: string, members: readonly string[]): boolean;
}

/** A step kind: how it reads (`StepSyntax`) and what it does. */
export interface StepKind extends StepSyntax {
  bind(step: Step, binder: Binder): BoundStep;
  /** Members of a result that are computed when read instead of stored. */
  readonly derived?: { readonly [member: string]: (result: StepResult) => JsonValue };
  /** It answers to its own `timeout_seconds`; the step-runner sets no timer. */
  readonly ownTimeout?: boolean;
  /**
   * It computes, or runs other steps, and does nothing else: what it did is lost with nothing but time, so its
   * checkpoint may become durable late (E3).
   */
  readonly effectFree?: boolean;
  /** Its attempts are calls of tools, as a budget counts them. */
  readonly callsTools?: boolean;
  /** A failure with a number as its code is the JSON-RPC error of the whole task. */
  readonly protocolErrors?: boolean;
  /** It asks somebody outside through a port: whom and what, in words. */
  readonly asks?: (what: string, server: string | undefined) => string;
  /** The step as it runs where nothing is known of what it asks for (dry run). */
  readonly unsure?: (step: Step) => Step;
  /** A value that is not known where it takes a list stands for one item. */
  readonly takesOne?: boolean;
  /** An attempt goes on from what the failed one before it left (`StepContext.previous`). */
  readonly repairs?: boolean;
  /**
   * It reads variables and writes them: from its first reading to its checkpoint no other such step of the task runs.
   */
  readonly exclusive?: boolean;
  /** The key that `on_error: {step, arguments}` replaces; absent: `arguments` are laid over the kind's own keys. */
  readonly argumentsKey?: string;
}

/** The kinds an engine knows, by `type`. */
export type StepKindTable = ReadonlyMap<string, StepKind>;

/** A kind as its file writes it, typed by its own fields. */
export interface KindSource<Shape extends z.ZodRawShape> {
  readonly type: string;
  readonly effect: StepSyntax['effect'];
  readonly isDefault?: boolean;
  readonly leaves?: boolean;
  readonly lastStays?: boolean;
  readonly formKey?: string;
  readonly mayChooseNone?: NonNullable<StepSyntax['mayChooseNone']>;
  readonly callsTools?: boolean;
  readonly protocolErrors?: boolean;
  readonly asks?: NonNullable<StepKind['asks']>;
  readonly unsure?: NonNullable<StepKind['unsure']>;
  readonly takesOne?: boolean;
  readonly summary: string;
  readonly example: string;
  readonly fields: (step: z.ZodType<Step>) => Shape;
  readonly blocks?: (spec: z.output<z.ZodObject<Shape>>) => readonly Block[];
  readonly expressions?: (spec: z.output<z.ZodObject<Shape>>) => readonly ExpressionPosition[];
  readonly servers?: (spec: z.output<z.ZodObject<Shape>>) => ReturnType<StepSyntax['servers']>;
  readonly models?: (spec: z.output<z.ZodObject<Shape>>) => ReturnType<NonNullable<StepSyntax['models']>>;
  readonly endsTask?: boolean;
  readonly repeats?: (spec: z.output<z.ZodObject<Shape>>) => string | undefined;
  readonly fixed?: (spec: z.output<z.ZodObject<Shape>>) => ReturnType<NonNullable<StepSyntax['fixed']>>;
  readonly targets?: (spec: z.output<z.ZodObject<Shape>>) => ReturnType<NonNullable<StepSyntax['targets']>>;
  readonly onErrorWords?: readonly string[];
  readonly problems?: (spec: z.output<z.ZodObject<Shape>>) => readonly StepProblem[];
  readonly output?: (spec: z.output<z.ZodObject<Shape>>) => OutputFact | undefined;
  readonly call?: (spec: z.output<z.ZodObject<Shape>>) => CallFact | undefined;
  readonly derived?: NonNullable<StepKind['derived']>;
  /** Members of its result that it stores (`StepOutput.view`), for a reference to be checked against. */
  readonly members?: readonly string[];
  readonly inside?: readonly string[];
  readonly ownTimeout?: boolean;
  readonly effectFree?: boolean;
  readonly exclusive?: boolean;
  readonly repairs?: boolean;
  readonly writes?: (spec: z.output<z.ZodObject<Shape>>) => ReturnType<NonNullable<StepSyntax['writes']>>;
  readonly argumentsKey?: string;
  readonly bind: (spec: z.output<z.ZodObject<Shape>>, binder: Binder, step: Step) => BoundStep;
}

/** A child step was checked when the definition was parsed; binding takes it as it is. */
const checkedStep = z.custom<Step>((value) => typeof value === 'object' && value !== null);

/** What was read of a step that does not fit its schema has texts where its readers rely on them. */
function isReadable(found: object): boolean {
  const texts = Object.entries(found).flatMap(([key, value]: [string, unknown]) =>
    key === 'name' || key === 'id' || key === 'target'
      ? [value]
      : key === 'binds' && Array.isArray(value)
        ? (value as unknown[])
        : [],
  );
  return texts.every((text) => typeof text === 'string');
}

/**
 * Makes a kind of its source. Keys are read with the kind's own schema each time (a definition is bound once), so a
 * kind never casts. Of a step that does not fit the schema `blocks`, `expressions`, `servers` and `targets` are what
 * can be read all the same, `output` and
 * `call` are empty.
 */
export function defineStepKind<Shape extends z.ZodRawShape>(source: KindSource<Shape>): StepKind {
  const schema = z.object(source.fields(checkedStep));
  const reading =
    <T extends object>(read: ((spec: z.output<z.ZodObject<Shape>>) => readonly T[]) | undefined) =>
    (step: Step): readonly T[] => {
      if (read === undefined) return [];
      const spec = schema.safeParse(step);
      if (spec.success) return read(spec.data);
      try {
        // One wrong key must not hide what is wrong with the others and with the steps inside.
        return read(step as unknown as z.output<z.ZodObject<Shape>>).filter(isReadable);
      } catch {
        return [];
      }
    };
  const readingOne = <T>(read: (spec: z.output<z.ZodObject<Shape>>) => T | undefined) => {
    return (step: Step): T | undefined => {
      const spec = schema.safeParse(step);
      return spec.success ? read(spec.data) : undefined;
    };
  };
  const {
    blocks,
    expressions,
    servers,
    targets,
    problems,
    output,
    call,
    fixed,
    models,
    repeats,
    writes,
    bind,
    ...plain
  } = source;
  return {
    ...plain,
    blocks: reading(blocks),
    expressions: reading(expressions),
    members: [...Object.keys(source.derived ?? {}), ...(source.members ?? [])],
    servers: reading(servers),
    targets: reading(targets),
    ...(models === undefined ? {} : { models: reading(models) }),
    problems: reading(problems),
    fixed: reading(fixed),
    writes: reading(writes),
    ...(output === undefined ? {} : { output: readingOne(output) }),
    ...(call === undefined ? {} : { call: readingOne(call) }),
    ...(repeats === undefined ? {} : { repeats: readingOne(repeats) }),
    bind: (step, binder) => bind(schema.parse(step), binder, step),
  };
}
