import type { Clock } from '../core/clock.ts';
import { TaskError } from '../tasks/task.ts';
import type { PendingInput, Principal, StepRow, TaskService, TaskView } from '../tasks/task.ts';
import { askForm, canAnswer } from './form.ts';
import { LiveView } from './live-view.ts';
import type { Terminal } from './terminal.ts';
import { unknownTask } from './find-task.ts';

export interface FollowOptions {
  readonly principal: Principal;
  readonly terminal: Terminal;
  readonly clock: Clock;
  /** Draw live progress. */
  readonly live: boolean;
  /** What the first Ctrl-C does: `cancel` the task, or `leave` it alone and only stop looking. */
  readonly onInterrupt: 'cancel' | 'leave';
  /** Ask the person at the terminal what the task wants to know. */
  readonly ask: boolean;
  /** Come back as soon as the task can do nothing but wait for an answer that cannot be asked here. */
  readonly stopOnInput: boolean;
}

/**
 * `ended`: the task is terminal. `waiting`: it needs an answer. `interrupted`: Ctrl-C or a signal, whatever it did to
 * the task.
 */
export interface Followed {
  readonly end: 'ended' | 'waiting' | 'interrupted';
  readonly view: TaskView;
}

/** How long a clean-up after Ctrl-C may take before it is left to the next start. */
const CLEAN_UP_MS = 30_000;

/** What is thrown around when a signal ends the wait; never seen outside. */
class Left extends Error {}

/**
 * Watches a task until it ends, needs an answer, or the person has had enough. The first SIGINT does what `onInterrupt`
 * says, and a cancelled task is cleaned up before this resolves, within half a minute; the second ends the process;
 * SIGTERM always leaves the task as it is, for the next start to go on with.
 * @throws CommandError (2) when there is no such task
 */
export async function follow(tasks: TaskService, taskId: string, options: FollowOptions): Promise<Followed> {
  const first = await tasks.get(taskId, options.principal);
  if (first === undefined) throw unknownTask(taskId);
  const follower = new Follower(tasks, first, options);
  try {
    return await follower.run();
  } finally {
    follower.stop();
  }
}

/** No such task, or not this principal's: exit code 2. */
class Follower {
  readonly #tasks: TaskService;
  readonly #options: FollowOptions;
  readonly #live: LiveView | undefined;
  readonly #leave = new AbortController();
  readonly #stops: (() => void)[] = [];
  #view: TaskView;
  #interrupted = false;
  /** Set while a question is on the screen: called when somebody else has answered it. */
  #asking: { readonly key: string; readonly answered: AbortController } | undefined;

  constructor(tasks: TaskService, view: TaskView, options: FollowOptions) {
    this.#tasks = tasks;
    this.#view = view;
    this.#options = options;
    this.#live = options.live ? new LiveView(options.terminal, options.clock) : undefined;
    this.#stops.push(
      options.terminal.onInterrupt((signal) => this.#onSignal(signal)),
      tasks.subscribe((event) => {
        if (event.type === 'changed') this.#onChange(event.view);
        else this.#live?.message({ text: event.message, ...pick(event) });
      }, view.taskId),
    );
  }

  async run(): Promise<Followed> {
    try {
      return { end: await this.#untilEnd(), view: this.#view };
    } catch (error) {
      if (!(error instanceof Left)) throw error;
      return { end: 'interrupted', view: this.#view };
    }
  }

  stop(): void {
    for (const stop of this.#stops) stop();
    this.#live?.finish();
  }

  async #untilEnd(): Promise<Followed['end']> {
    const { taskId } = this.#view;
    const { principal } = this.#options;
    for (;;) {
      const steps = await this.#tasks.steps(taskId, principal);
      this.#live?.show(this.#view, steps);
      if (this.#view.endedAt !== undefined) {
        if (!this.#interrupted) return 'ended';
        await this.#cleanedUp();
        return 'interrupted';
      }
      const question = this.#nextQuestion();
      if (question !== undefined) {
        await this.#askFor(question);
        this.#view = (await this.#tasks.get(taskId, principal)) ?? this.#view;
        continue;
      }
      if (this.#options.stopOnInput && this.#view.status === 'input_required' && !isBusy(steps, this.#view.inputs))
        return 'waiting';
      this.#view = await this.#tasks.waitForChange(taskId, principal, this.#view.rev, this.#leave.signal);
    }
  }

  /** What this process has begun it also undoes, within bounds; what is left goes on at the next start. */
  async #cleanedUp(): Promise<void> {
    const { principal, terminal, clock } = this.#options;
    const { taskId } = this.#view;
    if ((await this.#tasks.cleanUp(taskId, principal))?.status === 'working')
      terminal.err.write('cleaning up; Ctrl-C again leaves it to the next start\n');
    const late = new AbortController();
    const over = new AbortController();
    void clock.sleep(CLEAN_UP_MS, over.signal).then(
      () => late.abort(new Left()),
      () => undefined,
    );
    try {
      await this.#tasks.cleanedUp(taskId, principal, late.signal);
    } catch (error) {
      if (!late.signal.aborted) throw error;
      terminal.err.write('not all is cleaned up; the next start goes on with it\n');
    } finally {
      over.abort();
    }
  }

  #nextQuestion(): PendingInput | undefined {
    if (!this.#options.ask || this.#interrupted) return undefined;
    return this.#view.inputs.find((input) => canAnswer(input.request));
  }

  async #askFor(input: PendingInput): Promise<void> {
    const { terminal, principal } = this.#options;
    this.#live?.pause();
    const answered = new AbortController();
    this.#asking = { key: input.key, answered };
    const signal = AbortSignal.any([answered.signal, this.#leave.signal]);
    try {
      const response = await askForm(
        input.request,
        (question) => terminal.ask(question, signal),
        (text) => terminal.out.write(text),
      );
      await this.#tasks.respond(this.#view.taskId, principal, input.key, response);
    } catch (error) {
      if (answered.signal.aborted) terminal.out.write('\n(no longer needed)\n');
      else if (error instanceof TaskError && error.code === 'invalid_input_response') {
        terminal.out.write(`${error.message}\n`);
      } else throw error;
    } finally {
      this.#asking = undefined;
    }
  }

  #onChange(view: TaskView): void {
    const asking = this.#asking;
    if (asking !== undefined && !view.inputs.some((input) => input.key === asking.key)) asking.answered.abort();
  }

  #onSignal(signal: 'SIGINT' | 'SIGTERM'): void {
    if (this.#interrupted) {
      this.#options.terminal.abandon();
      return;
    }
    this.#interrupted = true;
    if (signal === 'SIGTERM' || this.#options.onInterrupt === 'leave') this.#leave.abort(new Left());
    else void this.#cancel();
  }

  /** The watching loop sees the task end; a cancel that cannot be recorded ends the watching with its reason. */
  async #cancel(): Promise<void> {
    try {
      await this.#tasks.cancel(this.#view.taskId, this.#options.principal, 'interrupted at the terminal');
    } catch (error) {
      if (error instanceof TaskError && error.code === 'already_terminal') return;
      this.#leave.abort(error);
    } finally {
      this.#asking?.answered.abort();
    }
  }
}

/** True while a step runs that is neither the one that asks nor merely around another one that runs or waits. */
function isBusy(steps: readonly StepRow[], inputs: readonly PendingInput[]): boolean {
  const asking = inputs.map((input) => input.path);
  const open = steps.filter((row) => row.status === 'working' || row.status === 'waiting').map((row) => row.path);
  return steps.some(
    ({ path, status }) =>
      status === 'working' && !asking.includes(path) && ![...open, ...asking].some((other) => isInside(other, path)),
  );
}

function isInside(path: string, outer: string): boolean {
  return path.startsWith(`${outer}/`) || path.startsWith(`${outer}[`);
}

function pick(event: { readonly progress?: number; readonly total?: number }): { progress?: number; total?: number } {
  return {
    ...(event.progress === undefined ? {} : { progress: event.progress }),
    ...(event.total === undefined ? {} : { total: event.total }),
  };
}
