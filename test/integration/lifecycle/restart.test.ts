import { afterEach, describe, expect, test } from 'vitest';
import { serveEngine, type Reach, type ServedEngine } from '../../support/served-engine.ts';
import { callAsTask, pollUntil, resultOf, stepTable, type StepRow } from '../../support/task-calls.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace, type LedgerEntry, type Workspace } from '../../support/workspace.ts';

/** A workflow, the moment to kill the server in it, and what must have been called when it is over. */
interface Shape {
  readonly definition: string;
  /** True while the task is in the middle of what the shape is about. */
  readonly now: (labels: readonly string[], steps: readonly StepRow[]) => boolean;
  /** The labels of the whole ledger, sorted: calls in flight at the kill twice, every other once. */
  readonly calls: readonly string[];
  /** How many steps (each in its iteration) made these calls: the number of different idempotency keys. */
  readonly callers: number;
  /** Steps that had their outcome at the kill: their calls' labels, which must not be called again. */
  readonly committed: readonly string[];
  readonly output: object;
}

// A call in flight may be repeated only where that is safe: `idempotent` says so.
const SHAPES: Readonly<Record<string, Shape>> = {
  sequence: {
    definition: `
steps:
  - { id: first, server: ledger, action: record, arguments: { label: first } }
  - { id: second, server: ledger, action: record, idempotent: true, arguments: { label: second, held: 1 } }
  - { id: third, server: ledger, action: record, arguments: { label: third } }
output: { first: '{{first.text}}', second: '{{second.text}}', third: '{{third.text}}' }
`,
    now: (labels) => labels.includes('second'),
    calls: ['first', 'second', 'second', 'third'],
    callers: 3,
    committed: ['first'],
    output: { first: 'record first #1', second: 'record second #2', third: 'record third #1' },
  },
  parallel: {
    definition: `
steps:
  - id: fan
    type: parallel
    tasks:
      - { id: quick, server: ledger, action: record, arguments: { label: quick } }
      - { id: slow_a, server: ledger, action: record, idempotent: true, arguments: { label: slow_a, held: 1 } }
      - { id: slow_b, server: ledger, action: record, idempotent: true, arguments: { label: slow_b, held: 1 } }
  - { id: after, server: ledger, action: record, arguments: { label: after } }
output: { quick: '{{quick.text}}', a: '{{slow_a.text}}', b: '{{slow_b.text}}', after: '{{after.text}}' }
`,
    now: (labels, steps) =>
      labels.includes('slow_a') &&
      labels.includes('slow_b') &&
      steps.some((step) => step.path === 'fan/quick' && step.status === 'completed'),
    calls: ['after', 'quick', 'slow_a', 'slow_a', 'slow_b', 'slow_b'],
    callers: 4,
    committed: ['quick'],
    output: { quick: 'record quick #1', a: 'record slow_a #2', b: 'record slow_b #2', after: 'record after #1' },
  },
  loop: {
    definition: `
steps:
  - id: laps
    type: loop
    max_iterations: 3
    steps:
      - { id: lap, server: ledger, action: record, arguments: { label: lap } }
      - { id: nap, server: ledger, action: record, idempotent: true, arguments: { label: nap, held: 2 } }
output: { laps: '{{laps.iterations}}', last: '{{lap.text}}' }
`,
    now: (labels) => labels.filter((label) => label === 'nap').length === 2,
    calls: ['lap', 'lap', 'lap', 'nap', 'nap', 'nap', 'nap'],
    callers: 6,
    committed: ['lap'],
    output: { laps: 3, last: 'record lap #3' },
  },
  'retry wait': {
    definition: `
steps:
  - { id: before, server: ledger, action: record, arguments: { label: before } }
  - id: flaky
    server: ledger
    action: flaky
    arguments: { label: flaky, fail_times: 2 }
    retry: { max_attempts: 3, delay_seconds: 2 }
output: { flaky: '{{flaky.text}}', attempts: '{{flaky.attempts}}' }
`,
    now: (labels, steps) =>
      labels.includes('flaky') && steps.some((step) => step.path === 'flaky' && step.status === 'waiting'),
    calls: ['before', 'flaky', 'flaky', 'flaky'],
    callers: 2,
    committed: ['before'],
    output: { flaky: 'ok flaky', attempts: 3 },
  },
};

let workspace: Workspace | undefined;
let engine: ServedEngine | undefined;

afterEach(async () => {
  await engine?.stop();
  await workspace?.remove();
  workspace = engine = undefined;
});

async function begin(reach: Reach, definition: string): Promise<{ workspace: Workspace; engine: ServedEngine }> {
  workspace = await newWorkspace({
    definitions: { 'job.yaml': `name: job\n${definition}` },
    standIns: { ledger: {} },
  });
  engine = serveEngine(reach, workspace.path);
  return { workspace, engine };
}

function labelsOf(ledger: readonly LedgerEntry[]): string[] {
  return ledger.map((call) => String(call.args['label']));
}

describe.each(['stdio', 'HTTP'] as const)('SIGKILL over %s, a new connection, the old task id', (reach) => {
  test.each(Object.entries(SHAPES))(
    'in the middle of a %s: the task completes, and no committed step was called again (D3)',
    async (name, shape) => {
      const running = await begin(reach, shape.definition);
      const first = await running.engine.connect();
      const { taskId } = await callAsTask(first, 'job');
      const broken = resultOf(first, taskId).then(
        () => 'answered',
        () => 'broken',
      );
      await waitUntil('the middle', async () => {
        const steps = await stepTable(first, taskId);
        return shape.now(labelsOf(running.workspace.ledger()), steps);
      });
      await running.engine.kill();
      running.workspace.release();
      const before = running.workspace.ledger();
      expect(await broken).toBe('broken');

      // One asks again and again, one waits in tasks/result: both have nothing but the id.
      const second = await running.engine.connect();
      const [task, result] = await Promise.all([
        pollUntil(second, taskId, 'completed', 'failed', 'cancelled', 'input_required'),
        resultOf(second, taskId),
      ]);
      expect(task.status).toBe('completed');
      expect(result.structuredContent).toEqual(shape.output);

      const after = running.workspace.ledger();
      expect(labelsOf(after).sort()).toEqual(shape.calls);
      for (const call of before.filter((each) => shape.committed.includes(String(each.args['label'])))) {
        expect(after.filter((each) => each.key === call.key)).toHaveLength(1);
      }
      // What was called again was called with the key it had before (D5).
      expect(new Set(after.map((call) => call.key)).size).toBe(shape.callers);
      if (name === 'retry wait') expect(gapBetweenAttempts(after)).toBeGreaterThanOrEqual(1_990);
    },
  );

  test('in the middle of a wait: it ends no earlier than it would have, and nothing before it runs again', async () => {
    const running = await begin(
      reach,
      `
steps:
  - { id: before, server: ledger, action: record, arguments: { label: before } }
  - { id: pause, type: wait, seconds: 3 }
  - { id: after, server: ledger, action: record, arguments: { label: after } }
`,
    );
    const first = await running.engine.connect();
    const { taskId } = await callAsTask(first, 'job');
    await waitUntil('it waits', async () =>
      (await stepTable(first, taskId)).some((step) => step.path === 'pause' && step.status === 'waiting'),
    );
    await running.engine.kill();
    const second = await running.engine.connect();
    expect((await resultOf(second, taskId)).structuredContent).toEqual({ result: 'record after #1' });
    const [before, after] = running.workspace.ledger();
    expect(labelsOf(running.workspace.ledger())).toEqual(['before', 'after']);
    expect((after?.at ?? 0) - (before?.at ?? Infinity)).toBeGreaterThanOrEqual(2_990);
  });

  test('after the end: the result is still there, and nothing is called again', async () => {
    const running = await begin(reach, SHAPES['sequence']?.definition ?? '');
    running.workspace.release();
    const first = await running.engine.connect();
    const { taskId } = await callAsTask(first, 'job');
    const result = await resultOf(first, taskId);
    await running.engine.kill();
    const second = await running.engine.connect();
    expect(await resultOf(second, taskId)).toEqual(result);
    expect(labelsOf(running.workspace.ledger())).toEqual(['first', 'second', 'third']);
  });

  test('after tasks/cancel was answered: the task stays cancelled, and no step starts (D8)', async () => {
    const running = await begin(reach, SHAPES['sequence']?.definition ?? '');
    const first = await running.engine.connect();
    const { taskId } = await callAsTask(first, 'job');
    await waitUntil('the second call', () => labelsOf(running.workspace.ledger()).includes('second'));
    await first.experimental.tasks.cancelTask(taskId);
    await running.engine.kill();
    running.workspace.release();
    const second = await running.engine.connect();
    expect((await second.experimental.tasks.getTask(taskId)).status).toBe('cancelled');
    // A later task has run to its end: what was to go on would have begun by now.
    await resultOf(second, (await callAsTask(second, 'job')).taskId);
    expect(labelsOf(running.workspace.ledger())).toEqual(['first', 'second', 'first', 'second', 'third']);
  });
});

function gapBetweenAttempts(ledger: readonly LedgerEntry[]): number {
  const attempts = ledger.filter((call) => call.tool === 'flaky');
  return (attempts[1]?.at ?? 0) - (attempts[0]?.at ?? Infinity);
}
