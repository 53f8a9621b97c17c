import { stepFailure, type Failure } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Outcome } from '../core/outcome.ts';
import type { Definition } from '../definition/model.ts';
import { compileSchema } from '../definition/schema-validator.ts';
import type { StoredEntry } from '../engine/journal.ts';
import type { StepKindTable } from '../engine/kind.ts';
import type { EngineLimits } from '../engine/limits.ts';
import type { Children, Downstream, InputGate, RunPorts } from '../engine/ports.ts';
import { createWorkflowRunner } from '../engine/runner.ts';
import { kindsWithout, type OutsideWorld } from './outside.ts';
import { RehearsalJournal } from './rehearsal-journal.ts';
import { VirtualClock } from './virtual-clock.ts';

/** A rehearsal that runs longer than this has no end. */
const LIMITS: Partial<EngineLimits> = { stepsPerTask: 20_000, loopIterations: 10_000 };

/**
 * Every rehearsal begins at this time unless it is told another, so that a result does not depend on the day:
 * 2026-01-01T00:00:00Z.
 */
export const REHEARSAL_START = Date.UTC(2026, 0, 1);

export interface RehearsalOptions {
  readonly definition: Definition;
  readonly kinds: StepKindTable;
  readonly world: OutsideWorld;
  readonly input: JsonObject;
  /** `variables.saved` of earlier runs. */
  readonly saved?: JsonObject;
  /** Wall-clock time of the beginning; default `REHEARSAL_START`. */
  readonly start?: number;
}

/** How a rehearsal went. */
export interface Rehearsal {
  readonly output: JsonValue;
  /** Absent when it came to a good end. */
  readonly failure?: Failure;
  readonly outcome?: Outcome;
  readonly warnings: readonly string[];
  readonly entries: readonly StoredEntry[];
}

/**
 * Runs a definition with the real engine and no outside world: servers, people, models and other workflows are `world`,
 * time jumps, nothing is stored. Arguments that the input schema refuses are the failure `invalid_arguments`, and
 * nothing runs. Rejects only on a bug.
 */
export async function rehearse(options: RehearsalOptions): Promise<Rehearsal> {
  const { definition, input } = options;
  const violations = compileSchema(definition.input_schema)(input);
  if (violations.length > 0) {
    const message = violations.map((violation) => `${violation.path}: ${violation.message}`).join('; ');
    return { output: null, failure: { code: 'invalid_arguments', message }, warnings: [], entries: [] };
  }
  const clock = new VirtualClock(options.start ?? REHEARSAL_START);
  const journal = new RehearsalJournal(() => clock.now());
  const ports: RunPorts = {
    clock,
    random: () => 0.5,
    downstream: NOBODY.downstream,
    input: NOBODY.input,
    children: NOBODY.children,
    progress: { update: () => undefined, emit: () => undefined },
    journal,
  };
  const task = {
    taskId: 'rehearsal',
    createdAt: clock.now(),
    input,
    saved: options.saved ?? {},
    depth: 0,
  };
  const runner = createWorkflowRunner(kindsWithout(options.kinds, options.world), LIMITS);
  const { outcome, warnings } = await runner.run(definition, task, ports, new AbortController().signal);
  const { failure } = outcome;
  return {
    output: outcome.kind === 'result' ? outcome.output : null,
    ...(failure === undefined ? {} : { failure }),
    outcome,
    warnings,
    entries: journal.entries(),
  };
}

/** Behind the steps' own stand-ins there is nobody: what reaches this asked past its step. */
const NOBODY: { readonly downstream: Downstream; readonly input: InputGate; readonly children: Children } = {
  downstream: {
    callTool: nobody,
    readResource: nobody,
    getPrompt: nobody,
    abandon: nobody,
    repeatability: () => 'idempotent',
    learnRepeatability: () => Promise.resolve('idempotent'),
  },
  input: { ask: nobody, canAsk: () => true },
  children: { start: nobody, outcome: nobody },
};

function nobody(): Promise<never> {
  return Promise.reject(stepFailure('transport', 'there is no outside world in a rehearsal'));
}
