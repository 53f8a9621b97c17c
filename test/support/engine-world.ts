import { createHash } from 'node:crypto';
import type { StepFailure } from '../../src/core/failure.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { Outcome, ToolResult } from '../../src/core/outcome.ts';
import type { Definition, Step } from '../../src/definition/model.ts';
import type { InputRequest, StoredEntry } from '../../src/engine/journal.ts';
import type { EngineLimits } from '../../src/engine/limits.ts';
import type {
  CallContext,
  CleanUpReport,
  Downstream,
  Models,
  Repeatability,
  RunEnd,
  RunPorts,
  RunProgress,
  RunTask,
} from '../../src/engine/ports.ts';
import { createWorkflowRunner } from '../../src/engine/runner.ts';
import { stepKinds } from '../../src/steps/index.ts';
import { ManualClock } from './manual-clock.ts';
import { MemoryJournal, type CrashPlan } from './memory-journal.ts';

/** One downstream call as the fake server saw it. */
export interface SeenCall {
  readonly tool: string;
  readonly args: JsonObject;
  readonly key: string;
  readonly handle?: JsonValue;
}

/** What a scripted tool does with a call. May throw a `StepFailure`, wait, or look at the signal. */
export type ScriptedTool = (args: JsonObject, context: CallContext, call: number) => Promise<ToolResult> | ToolResult;

/** What a scripted resource or prompt does with a request. */
export type ScriptedRead = (
  args: JsonObject,
  signal: AbortSignal,
) => Promise<readonly JsonObject[]> | readonly JsonObject[];

/** Never answers; rejects with the reason when the signal aborts. */
export function hanging(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

/** A tool result of one text. */
export function text(value: string): ToolResult {
  return { content: [{ type: 'text', text: value }] };
}

/** A tool result that is an error. */
export function toolError(message: string): ToolResult {
  return { content: [{ type: 'text', text: message }], isError: true };
}

/** A tool result with structured content. */
export function structured(value: JsonObject): ToolResult {
  return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
}

/** A downstream of scripted tools; unknown ones echo their arguments. Keeps every call it got. */
export class FakeDownstream implements Downstream {
  readonly calls: SeenCall[] = [];
  readonly tools: { [name: string]: ScriptedTool } = {};
  /** Handles that were given up. */
  readonly abandoned: { readonly server: string; readonly handle: JsonValue }[] = [];
  abandonFails: StepFailure | undefined;
  readonly resources: { [uri: string]: ScriptedRead } = {};
  readonly prompts: { [name: string]: ScriptedRead } = {};
  readonly repeatable: { [tool: string]: Repeatability } = {};
  /** What a server says once it is asked; until then the tool is as `repeatable` has it. */
  readonly learnable: { [tool: string]: Repeatability } = {};

  async callTool(tool: string, args: JsonObject, context: CallContext): Promise<ToolResult> {
    if (context.onTurn !== undefined) await context.onTurn();
    this.calls.push({
      tool,
      args,
      key: context.idempotencyKey,
      ...(context.handle === undefined ? {} : { handle: context.handle }),
    });
    const script = this.tools[tool];
    const count = this.calls.filter((call) => call.tool === tool).length;
    await Promise.resolve();
    return script === undefined ? structured({ echo: args }) : await script(args, context, count);
  }

  async readResource(
    uri: string,
    { signal, onTurn }: Pick<CallContext, 'signal' | 'onTurn'>,
  ): Promise<{ readonly contents: readonly JsonObject[] }> {
    if (onTurn !== undefined) await onTurn();
    return { contents: (await this.resources[uri]?.({}, signal)) ?? [{ uri, text: `text of ${uri}` }] };
  }

  async getPrompt(
    name: string,
    args: JsonObject,
    { signal, onTurn }: Pick<CallContext, 'signal' | 'onTurn'>,
  ): Promise<{ readonly messages: readonly JsonObject[] }> {
    if (onTurn !== undefined) await onTurn();
    const said = { role: 'user', content: { type: 'text', text: `${name} ${JSON.stringify(args)}` } };
    return { messages: (await this.prompts[name]?.(args, signal)) ?? [said] };
  }

  abandon(server: string, handle: JsonValue): Promise<void> {
    this.abandoned.push({ server, handle });
    return this.abandonFails === undefined ? Promise.resolve() : Promise.reject(this.abandonFails);
  }

  repeatability(_server: string, tool: string): Repeatability {
    return this.repeatable[tool] ?? 'idempotent';
  }

  learnRepeatability(server: string, tool: string): Promise<Repeatability> {
    return Promise.resolve(this.learnable[tool] ?? this.repeatability(server, tool));
  }
}

/** A question that waits for `answer`. */
export interface Asked {
  readonly path: string;
  readonly request: InputRequest;
  readonly timeoutSeconds: number | undefined;
  answer(value: JsonValue | undefined): void;
}

/** Everything around one task that survives restarts, and what is seen of it. */
export class EngineWorld {
  readonly clock: ManualClock;
  readonly downstream = new FakeDownstream();
  readonly asked: Asked[] = [];
  readonly progress: RunProgress[] = [];
  readonly emitted: JsonObject[] = [];
  readonly children: { path: string; workflow: string; input: JsonObject }[] = [];
  /** What a child asks before it ends; the answer is in its output. */
  readonly childAsks: Record<string, { readonly path: string; readonly request: InputRequest }> = {};
  /** Outcomes of child workflows by name. */
  readonly childOutcomes: { [workflow: string]: Outcome | 'never' } = {};
  canAsk = false;
  /** The models of the models file; without them there is none. */
  models: Models | undefined;
  /** Whether the client lends its model; `undefined` = not known. */
  samples: boolean | undefined;
  /** Answers questions by itself; `undefined` = nobody answered in time. */
  autoAnswer: ((request: InputRequest) => JsonValue | undefined) | undefined;
  entries: readonly StoredEntry[] = [];
  journal = new MemoryJournal();
  task: RunTask;
  #onAsk: (() => void)[] = [];
  readonly #answers = new Map<string, JsonValue | undefined>();
  readonly #limits: Partial<EngineLimits>;

  constructor(
    options: { readonly auto?: boolean; readonly limits?: Partial<EngineLimits>; readonly input?: JsonObject } = {},
  ) {
    this.clock = new ManualClock({ auto: options.auto ?? true });
    this.#limits = options.limits ?? {};
    this.task = { taskId: 'task-1', createdAt: this.clock.now(), input: options.input ?? {}, saved: {}, depth: 0 };
  }

  /** The idempotency key of a step path, as the engine is documented to make it. */
  static keyOf(taskId: string, path: string): string {
    return createHash('sha256').update(`${taskId}/${path}`).digest('hex');
  }

  /** Runs (or resumes) the definition on the journal so far. The promise rejects with `Crash` when `crash` says so. */
  async run(
    definition: Definition,
    options: { readonly crash?: CrashPlan; readonly signal?: AbortSignal } = {},
  ): Promise<RunEnd> {
    const ports = this.ports(options.crash);
    try {
      const end = await createWorkflowRunner(stepKinds, this.#limits).run(
        definition,
        this.task,
        ports,
        options.signal ?? new AbortController().signal,
      );
      // The tasks room writes the outcome now, and with it what the journal kept for it.
      await this.journal.append();
      return end;
    } finally {
      this.entries = this.journal.entries();
    }
  }

  async cleanUp(definition: Definition): Promise<CleanUpReport> {
    const ports = this.ports(undefined);
    const report = await createWorkflowRunner(stepKinds, this.#limits).cleanUp(
      definition,
      this.task,
      ports,
      new AbortController().signal,
    );
    this.entries = this.journal.entries();
    return report;
  }

  needsCleanUp(definition: Definition): boolean {
    return createWorkflowRunner(stepKinds, this.#limits).needsCleanUp(definition, this.journal);
  }

  /** Tools called so far, in order. */
  get called(): readonly string[] {
    return this.downstream.calls.map((call) => call.tool);
  }

  /** Paths with a checkpoint, in order, with how they ended. */
  get ledger(): readonly string[] {
    return this.entries.flatMap((entry) => (entry.type === 'finished' ? [`${entry.path} ${entry.result.status}`] : []));
  }

  /** The last result of a path. */
  result(path: string): Extract<StoredEntry, { type: 'finished' }>['result'] | undefined {
    return this.journal.finished(path)?.result;
  }

  /** Resolves with the next question that is asked. */
  async nextQuestion(): Promise<Asked> {
    while (this.asked.length === 0) {
      await new Promise<void>((resolve) => {
        this.#onAsk.push(resolve);
      });
    }
    const asked = this.asked.shift();
    if (asked === undefined) throw new Error('no question');
    return asked;
  }

  ports(crash: CrashPlan | undefined): RunPorts {
    this.journal = new MemoryJournal(this.entries, {
      now: () => this.clock.now(),
      ...(crash === undefined ? {} : { crash }),
    });
    return {
      clock: this.clock,
      random: () => 0.5,
      downstream: this.downstream,
      input: {
        ask: (path, request, options) => this.#ask(path, request, options?.timeoutSeconds),
        canAsk: () => this.canAsk,
        samples: () => this.samples,
      },
      children: {
        start: (path, workflow, input) => {
          this.children.push({ path, workflow, input });
          return Promise.resolve({ taskId: `child of ${path}` });
        },
        outcome: async (taskId, signal, ask) => {
          const workflow = this.children.findLast((child) => taskId === `child of ${child.path}`)?.workflow ?? '';
          const question = this.childAsks[workflow];
          const answer = question === undefined ? undefined : await ask?.(question, signal);
          const output = { from: workflow, ...(answer === undefined ? {} : { answer }) };
          const usual: Outcome = { kind: 'result', result: { content: [], structuredContent: output }, output };
          const outcome = this.childOutcomes[workflow] ?? usual;
          return outcome === 'never' ? hanging(signal) : outcome;
        },
      },
      progress: {
        update: (progress) => {
          this.progress.push(progress);
        },
        emit: (event) => {
          this.emitted.push({ ...event });
        },
      },
      journal: this.journal,
      ...(this.models === undefined ? {} : { models: this.models }),
    };
  }

  #ask(path: string, request: InputRequest, timeoutSeconds: number | undefined): Promise<JsonValue | undefined> {
    if (this.#answers.has(path)) return Promise.resolve(this.#answers.get(path));
    if (this.autoAnswer !== undefined) {
      const answer = this.autoAnswer(request);
      this.#answers.set(path, answer);
      return Promise.resolve(answer);
    }
    return new Promise((resolve) => {
      this.asked.push({
        path,
        request,
        timeoutSeconds,
        answer: (value) => {
          this.#answers.set(path, value);
          resolve(value);
        },
      });
      for (const waiter of this.#onAsk.splice(0)) waiter();
    });
  }
}

/** A step as the parser would hand it over. */
export type PlainStep = { readonly id: string; readonly type?: string } & { readonly [key: string]: unknown };

/** A definition as the parser would hand it over, from what matters to a test. */
export function definitionOf(steps: readonly PlainStep[], more: Partial<Definition> = {}): Definition {
  return {
    name: 'test',
    tags: [],
    variables: { input: {}, global: {}, saved: {} },
    input_schema: { type: 'object' },
    task: 'optional',
    strict: false,
    secrets: [],
    conditionals: [],
    tests: [],
    ...more,
    steps: steps.map(withType),
  };
}

/** `type: tool` where none is said, and a server for tools, at any depth. */
export function withType(step: PlainStep): Step {
  return filled(step) as Step;
}

function filled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== 'object' || value === null) return value;
  const members = Object.fromEntries(Object.entries(value).map(([key, member]) => [key, filled(member)]));
  const isStep =
    typeof members['id'] === 'string' && (members['action'] !== undefined || members['type'] !== undefined);
  if (!isStep) return members;
  const type = members['type'] ?? 'tool';
  return type === 'tool' || type === 'resource' || type === 'prompt' ? { server: 's', ...members, type } : members;
}
