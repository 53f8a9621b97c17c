import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli } from '../../support/cli-process.ts';
import { seedDefinition } from '../../support/seed-definitions.ts';
import { seedTexts } from '../../support/seed-texts.ts';
import { serveEngine, type ServedEngine } from '../../support/served-engine.ts';
import { callAsTask, resultOf } from '../../support/task-calls.ts';
import { newWorkspace, type LedgerEntry, type Workspace, type WorkspaceSetup } from '../../support/workspace.ts';

/** The definition around one fragment, byte for byte inside it. */
function wrapped(fragment: string, name: string): string {
  const piece = seedTexts().find((each) => each.name === fragment);
  if (piece === undefined) throw new Error(`the seed has no ${fragment}`);
  return seedDefinition(piece, name);
}

interface Run {
  readonly result: Awaited<ReturnType<typeof resultOf>>;
  readonly ledger: readonly LedgerEntry[];
  /** `method name {arguments}`. */
  readonly calls: readonly string[];
}

/** Runs the workflow around a fragment over stdio, against stand-ins that answer by `scripts`. */
async function run(fragment: string, scripts: NonNullable<WorkspaceSetup['scripts']> = {}): Promise<Run> {
  const workspace = await newWorkspace({
    definitions: { 'seed.json': wrapped(fragment, 'wrapped') },
    standIns: { 'vision-agent-mcp': {}, 'code-mcp': {} },
    scripts,
  });
  const engine = serveEngine('stdio', workspace.path);
  try {
    const client = await engine.connect();
    const { taskId } = await callAsTask(client, 'wrapped');
    const result = await resultOf(client, taskId);
    const ledger = workspace.ledger();
    const calls = ledger.map((call) => `${call.method} ${call.name} ${JSON.stringify(call.args)}`);
    return { result, ledger, calls };
  } finally {
    await engine.stop();
    await workspace.remove();
  }
}

const fails = { text: 'no such page', is_error: true };
const NAVIGATE = 'tools/call navigate {"url":"https://example.com"}';

describe.concurrent('the fragments of seed 001, as they stand, inside the least of a workflow', () => {
  test('Retry Strategies: three attempts, 5 and 10 seconds apart, with one key; then on_fail', async () => {
    const { result, ledger, calls } = await run('retry', { 'vision-agent-mcp': { tools: { navigate: [fails] } } });
    expect(calls).toEqual([NAVIGATE, NAVIGATE, NAVIGATE, 'tools/call screenshot {}']);
    expect(new Set(ledger.slice(0, 3).map((call) => call.key)).size).toBe(1);
    const at = (index: number): number => ledger[index]?.at ?? Number.NaN;
    expect(at(1) - at(0)).toBeGreaterThanOrEqual(4_990);
    expect(at(2) - at(1)).toBeGreaterThanOrEqual(9_990);
    expect(result.structuredContent).toEqual({ result: 'screenshots/0001.png' });
  });

  test('Retry Strategies: an attempt that succeeds ends the retries, and the fallback does not run', async () => {
    const { result, calls } = await run('retry', {
      'vision-agent-mcp': { tools: { navigate: [fails, { text: 'opened' }] } },
    });
    expect(calls).toEqual([NAVIGATE, NAVIGATE]);
    expect(result.structuredContent).toEqual({ result: 'opened' });
  });

  test('Fallback Steps: the fallback runs when the step fails', async () => {
    const { result, calls } = await run('fallback', { 'vision-agent-mcp': { tools: { screenshot: [fails] } } });
    expect(calls).toEqual(['tools/call screenshot {}', 'tools/call navigate {"url":"https://backup.example.com"}']);
    expect(result.structuredContent).toEqual({ result: 'Opened https://backup.example.com' });
  });

  test('Fallback Steps: the fallback does not run in sequence', async () => {
    const { result, calls } = await run('fallback');
    expect(calls).toEqual(['tools/call screenshot {}']);
    expect(result.structuredContent).toEqual({ result: 'screenshots/0001.png' });
  });

  test('Error Callbacks: the step of on_error runs with the failed step and the message', async () => {
    const { calls } = await run('error-callback', { 'code-mcp': { tools: { execute: [fails] } } });
    expect(calls).toEqual([
      'tools/call execute {"code":"print(\'done\')"}',
      'prompts/get send_alert {"message":"Workflow failed at step work: no such page"}',
    ]);
  });

  test('Error Callbacks: nothing is sent when nothing fails', async () => {
    const { calls } = await run('error-callback');
    expect(calls).toEqual(['tools/call execute {"code":"print(\'done\')"}']);
  });
});

describe('the schedules of seed 001, as they stand', () => {
  let workspace: Workspace;
  let engine: ServedEngine;

  beforeAll(async () => {
    workspace = await newWorkspace({
      definitions: {
        'cron.json': wrapped('cron', 'by_cron'),
        'interval.json': wrapped('interval', 'by_interval'),
        'once.json': wrapped('once', 'once_only'),
      },
      standIns: { 'vision-agent-mcp': {}, 'code-mcp': {} },
    });
    engine = serveEngine('stdio', workspace.path);
  });
  afterAll(async () => {
    await engine.stop();
    await workspace.remove();
  });

  test('a scheduled workflow can be called as any other', async () => {
    const client = await engine.connect();
    for (const name of ['by_cron', 'by_interval', 'once_only']) {
      const { taskId } = await callAsTask(client, name);
      expect((await resultOf(client, taskId)).structuredContent).toEqual({ result: 'done' });
    }
  });

  test('the schedules are known: 9:00 UTC every day, every 300 seconds, and a moment that has passed', async () => {
    const asked = Date.now();
    const listed = await runCli(['schedule', 'list', '--json'], workspace.path);
    const answered = Date.now();
    expect(listed.code).toBe(0);
    const { schedules } = JSON.parse(listed.stdout) as {
      schedules: readonly { workflow: string; next?: { time: string } | null }[];
    };
    const next = new Map(schedules.map((each) => [each.workflow, each.next?.time]));
    expect(next.get('by_cron')).toMatch(/T09:00:00\.000Z$/);
    const soon = Date.parse(next.get('by_interval') ?? '');
    expect(soon).toBeGreaterThan(asked);
    expect(soon).toBeLessThanOrEqual(answered + 300_000);
    expect(next.get('once_only')).toBeUndefined();
  });
});
