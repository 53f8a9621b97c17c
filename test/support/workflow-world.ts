import type { Clock } from '../../src/core/clock.ts';
import { parseDefinition } from '../../src/definition/parse.ts';
import type { Downstream } from '../../src/engine/ports.ts';
import { createWorkflowRunner } from '../../src/engine/runner.ts';
import { stepKinds, stepSyntaxes } from '../../src/steps/index.ts';
import type { TaskManager } from '../../src/tasks/task-manager.ts';
import { FakeDownstream } from './engine-world.ts';
import { TaskWorld } from './task-world.ts';
import type { ProcessOptions } from './task-world.ts';

/**
 * A process that runs workflows. Dead or stopped it reaches neither the store nor a server, and its timers stand still.
 */
export interface WorkflowProcess {
  readonly tasks: TaskManager;
  /** SIGKILL. */
  readonly kill: () => void;
  /** SIGSTOP; the returned function is SIGCONT. */
  readonly pause: () => () => void;
}

/** A world of tasks whose workflows are texts, run by the real engine over servers in memory. */
export class WorkflowWorld {
  readonly world: TaskWorld;
  readonly downstream = new FakeDownstream();

  constructor(options: { readonly auto?: boolean } = {}) {
    this.world = new TaskWorld(options);
  }

  get clock(): TaskWorld['clock'] {
    return this.world.clock;
  }

  define(yaml: string): void {
    const { loaded, issues } = parseDefinition(yaml, 'test.yaml', stepSyntaxes);
    if (loaded === undefined) throw new Error(`no definition: ${JSON.stringify(issues)}`);
    this.world.definitions.set(loaded.definition.name, loaded);
  }

  async started(options: ProcessOptions = {}): Promise<WorkflowProcess> {
    const life = new Life();
    const { tasks, kill, pause } = this.world.process({
      workflows: createWorkflowRunner(stepKinds),
      downstream: mortal(this.downstream, life),
      clock: clockOf(this.clock, life),
      ...options,
    });
    await tasks.start();
    return {
      tasks,
      kill: () => {
        life.dead = true;
        kill();
      },
      pause: () => {
        const goOn = [pause(), life.pause()];
        return () => {
          for (const again of goOn) again();
        };
      },
    };
  }

  /** Calls of a tool so far. */
  callsOf(tool: string): number {
    return this.downstream.calls.filter((call) => call.tool === tool).length;
  }

  dispose(): Promise<void> {
    return this.world.dispose();
  }
}

class Life {
  dead = false;
  #paused: Promise<void> | undefined;

  pause(): () => void {
    let resume: () => void = () => undefined;
    this.#paused = new Promise((resolve) => {
      resume = (): void => {
        this.#paused = undefined;
        resolve();
      };
    });
    return resume;
  }

  async through<T>(act: () => Promise<T>): Promise<T> {
    await this.#paused;
    if (this.dead) return new Promise(() => undefined);
    try {
      return await act();
    } finally {
      await this.#paused;
      if (this.dead) await new Promise(() => undefined);
    }
  }
}

function clockOf(clock: Clock, life: Life): Clock {
  return {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    sleep: (ms, signal) => life.through(() => clock.sleep(ms, signal)),
  };
}

function mortal(inner: Downstream, life: Life): Downstream {
  return {
    callTool: (tool, args, context) => life.through(() => inner.callTool(tool, args, context)),
    readResource: (uri, context) => life.through(() => inner.readResource(uri, context)),
    getPrompt: (name, args, context) => life.through(() => inner.getPrompt(name, args, context)),
    abandon: (server, handle, signal) => life.through(() => inner.abandon(server, handle, signal)),
    repeatability: (server, tool) => inner.repeatability(server, tool),
    learnRepeatability: (server, tool, signal) => inner.learnRepeatability(server, tool, signal),
  };
}
