import { StepFailure } from '../../src/core/failure.ts';
import type { JsonObject, JsonValue } from '../../src/core/json.ts';
import type { Definition } from '../../src/definition/model.ts';
import type { Journal } from '../../src/engine/journal.ts';
import type { CleanUpReport, RunEnd, RunPorts, RunTask, WorkflowRunner } from '../../src/engine/ports.ts';

/** What a scripted workflow can do: a checkpointed step, and everything the ports offer. */
export interface Script {
  readonly task: RunTask;
  readonly ports: RunPorts;
  readonly signal: AbortSignal;
  /** Runs `work` unless the path has a checkpoint; either way gives the recorded output. */
  readonly step: (path: string, work: () => Promise<JsonValue> | JsonValue, saved?: JsonObject) => Promise<JsonValue>;
}

export type ScriptBody = (script: Script) => Promise<JsonValue>;

/**
 * A `WorkflowRunner` whose workflows are functions by name: a fake of the engine's port, resumable by the journal as
 * the engine is.
 */
export class ScriptedRunner implements WorkflowRunner {
  readonly bodies = new Map<string, ScriptBody>();
  readonly cleanUps = new Map<string, (script: Script) => Promise<CleanUpReport | void>>();
  /** Names of workflows whose run has begun, in order. */
  readonly begun: string[] = [];

  async run(definition: Definition, task: RunTask, ports: RunPorts, signal: AbortSignal): Promise<RunEnd> {
    this.begun.push(definition.name);
    const body = this.bodies.get(definition.name);
    if (body === undefined) throw new Error(`no script for ${definition.name}`);
    try {
      const output = await body(scriptOf(task, ports, signal));
      const content = [{ type: 'text', text: JSON.stringify(output) }];
      return { outcome: { kind: 'result', result: { content }, output }, warnings: [] };
    } catch (error) {
      if (!(error instanceof StepFailure) || error.failure.code === 'limit_exceeded') throw error;
      const content = [{ type: 'text', text: error.message }];
      return {
        outcome: { kind: 'result', result: { content, isError: true }, output: null, failure: error.failure },
        warnings: [],
      };
    }
  }

  mayReadSaved(): boolean {
    return true;
  }

  needsCleanUp(definition: Definition, journal: Journal): boolean {
    return this.cleanUps.has(definition.name) && journal.finished('cleanup/undo') === undefined;
  }

  async cleanUp(definition: Definition, task: RunTask, ports: RunPorts, signal: AbortSignal): Promise<CleanUpReport> {
    const report = await this.cleanUps.get(definition.name)?.(scriptOf(task, ports, signal));
    return report ?? { undone: [], warnings: [] };
  }
}

/** Rejects with the signal's reason when it aborts: what every step does that waits for something (E5). */
export function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function scriptOf(task: RunTask, ports: RunPorts, signal: AbortSignal): Script {
  const { journal, clock } = ports;
  return {
    task,
    ports,
    signal,
    step: async (path, work, saved) => {
      const done = journal.finished(path);
      if (done !== undefined && done.result.status === 'completed') return done.result.output;
      signal.throwIfAborted();
      const startedAt = clock.now();
      const common = { type: 'finished', path, step: path, kind: 'tool', startedAt } as const;
      try {
        const output = await Promise.race([work(), aborted(signal)]);
        await journal.append({
          ...common,
          result: { status: 'completed', output, attempts: 1 },
          ...(saved && { saved }),
        });
        return output;
      } catch (error) {
        if (error instanceof StepFailure && error.failure.code !== 'limit_exceeded') {
          const failure = { ...error.failure, step: path };
          await journal.append({ ...common, result: { status: 'failed', output: null, attempts: 1, error: failure } });
          throw new StepFailure(failure);
        }
        throw error;
      }
    },
  };
}
