import { describeFailure, StepFailure } from '../core/failure.ts';
import type { Definition, DefinitionTest, JsonSchema } from '../definition/model.ts';
import type { StepKindTable } from '../engine/kind.ts';
import { coverageOf, type Coverage, type CoveredRun } from './coverage.ts';
import { unmet } from './expectation.ts';
import { Mocks } from './mocks.ts';
import type { OutsideCall, OutsideWorld } from './outside.ts';
import { rehearse } from './rehearse.ts';

/** How one test of a definition went. */
export interface TestResult {
  readonly name: string;
  readonly passed: boolean;
  /** Why not; one sentence each. */
  readonly problems: readonly string[];
  readonly calls: readonly OutsideCall[];
}

/** How all tests of a definition went, and how much of it they ran through. */
export interface DefinitionTestReport {
  readonly results: readonly TestResult[];
  readonly coverage: Coverage;
}

/**
 * Runs the `tests` of a definition, one after the other, each from nothing: mocked steps give what their mocks say,
 * everything else is the real engine, and a step that would ask a server, a person or a model without a mock fails its
 * test by name; so does a mock that does not fit the form that is asked, or the output schema of the workflow that is
 * called.
 */
export async function runDefinitionTests(
  definition: Definition,
  kinds: StepKindTable,
  outputSchema: (workflow: string) => JsonSchema | undefined = () => undefined,
): Promise<DefinitionTestReport> {
  const results: TestResult[] = [];
  const runs: CoveredRun[] = [];
  for (const test of definition.tests) {
    const { result, run } = await runTest(definition, test, kinds, outputSchema);
    results.push(result);
    runs.push(run);
  }
  return { results, coverage: coverageOf(definition, kinds, runs) };
}

async function runTest(
  definition: Definition,
  test: DefinitionTest,
  kinds: StepKindTable,
  outputSchema: (workflow: string) => JsonSchema | undefined,
): Promise<{ readonly result: TestResult; readonly run: CoveredRun }> {
  const mocks = new Mocks(test.mocks ?? {});
  const ran = new Set<string>();
  const calls: OutsideCall[] = [];
  const lacking = new Map<string, string>();
  const world: OutsideWorld = {
    attempt: (step, _path, items) => {
      ran.add(step);
      return mocks.next(step, items);
    },
    misfit: ({ step }, why) => {
      const text = `the mock of step '${step}' ${why}`;
      lacking.set(step, text);
      throw new StepFailure({ code: 'not_mocked', message: text, step });
    },
    outputSchema,
    called: (call) => {
      calls.push(call);
    },
    unanswered: (call) => {
      const text = `step '${call.step}' would call ${call.text}: give it a mock`;
      lacking.set(call.step, text);
      throw new StepFailure({ code: 'not_mocked', message: text, step: call.step });
    },
  };
  const rehearsal = await rehearse({ definition, kinds, world, input: test.input ?? {} });
  // What follows from a missing mock says nothing more.
  const problems =
    lacking.size > 0 ? [...lacking.values()] : [...unmet(test.expect, { rehearsal, ran: [...ran], calls })];
  const { failure } = rehearsal;
  const told = problems.some((problem) => failure !== undefined && problem.includes(failure.message));
  if (problems.length > 0 && lacking.size === 0 && failure !== undefined && !told) {
    problems.push(`(it ended with: ${describeFailure(failure)})`);
  }
  return {
    result: { name: test.name, passed: problems.length === 0, problems, calls },
    run: { entries: rehearsal.entries, ran },
  };
}
