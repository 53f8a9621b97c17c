import { afterEach, describe, expect, test } from 'vitest';
import { seedTexts } from '../../support/seed-texts.ts';
import { serveEngine, type ServedEngine } from '../../support/served-engine.ts';
import { callAsTask, resultOf, stepTable } from '../../support/task-calls.ts';
import { waitUntil } from '../../support/wait-until.ts';
import { newWorkspace, type Workspace } from '../../support/workspace.ts';

let workspace: Workspace | undefined;
let engine: ServedEngine | undefined;

afterEach(async () => {
  await engine?.stop();
  await workspace?.remove();
  workspace = engine = undefined;
});

interface Run {
  readonly result: Awaited<ReturnType<typeof resultOf>>;
  /** `server method name {arguments}`, in the order in which the stand-ins noted them. */
  readonly calls: readonly string[];
  /** `path status attempts`. */
  readonly steps: readonly string[];
}

interface Setting {
  readonly input?: object;
  readonly pages?: Readonly<Record<string, string>>;
  readonly tools?: object;
  /** While it runs, before it is waited for. */
  readonly meanwhile?: (running: Workspace) => Promise<void>;
}

/** Serves one document of the seed, byte for byte, over stdio, and runs its workflow as a task to the end. */
async function run(
  document: string,
  name: string,
  { input = {}, pages = {}, tools, meanwhile }: Setting = {},
): Promise<Run> {
  const piece = seedTexts().find((each) => each.name === document);
  workspace = await newWorkspace({
    definitions: { 'seed.json': piece?.text ?? '' },
    standIns: { 'vision-agent-mcp': { PAGES: JSON.stringify(pages) }, 'code-mcp': {} },
    ...(tools === undefined ? {} : { scripts: { 'vision-agent-mcp': { tools } } }),
  });
  engine = serveEngine('stdio', workspace.path);
  const client = await engine.connect();
  const { taskId } = await callAsTask(client, name, input);
  await meanwhile?.(workspace);
  const result = await resultOf(client, taskId);
  const steps = await stepTable(client, taskId);
  return {
    result,
    calls: workspace.ledger().map((call) => `${call.server} ${call.method} ${call.name} ${JSON.stringify(call.args)}`),
    steps: steps.map((step) => `${step.path} ${step.status} ${step.attempts}`),
  };
}

const sendAlert = 'vision-agent-mcp prompts/get send_alert {"message":"Error detected!"}';

describe('the documents of seed 001, as they stand, against stand-ins for their servers', () => {
  test('Simple Chain: calls in order, the resource read, the code to the letter, variables.output as the result', async () => {
    const { result, calls } = await run('simple-chain', 'daily_site_check');
    expect(calls).toEqual([
      'vision-agent-mcp tools/call navigate {"url":"https://example.com"}',
      'vision-agent-mcp tools/call screenshot {}',
      'vision-agent-mcp resources/read screenshots/latest {}',
      `code-mcp tools/call execute {"code":"import json; print(json.dumps({'status': 'OK', 'timestamp': '2026-02-04'}))"}`,
    ]);
    expect(result.structuredContent).toEqual({
      screenshot_path: 'screenshots/0001.png',
      analysis_result: '{"status":"OK","timestamp":"2026-02-04"}',
      screenshot_data: 'screenshot 1 of https://example.com: Welcome to https://example.com',
    });
  });

  test('Simple Chain: an argument of the call beats the default of the document', async () => {
    const { calls } = await run('simple-chain', 'daily_site_check', { input: { site_url: 'https://other.example' } });
    expect(calls[0]).toBe('vision-agent-mcp tools/call navigate {"url":"https://other.example"}');
  });

  test('Conditional Workflow: a check that fails goes to on_error, and the alert is sent once', async () => {
    const { result, calls, steps } = await run('conditional', 'check_and_alert');
    expect(calls).toEqual(['vision-agent-mcp tools/call verify {"text":"Error"}', sendAlert]);
    expect(steps).toEqual(['check failed 1', 'alert_step@check completed 1']);
    expect(result.structuredContent).toEqual({ result: 'Asks to send an alert. message: Error detected!' });
  });

  test('Conditional Workflow: a check that finds Error goes to if_true by its condition', async () => {
    const { result, calls } = await run('conditional', 'check_and_alert', { pages: { 'about:blank': 'Error 500' } });
    expect(calls).toEqual(['vision-agent-mcp tools/call verify {"text":"Error"}', sendAlert]);
    expect(result.structuredContent).toEqual({ result: 'Asks to send an alert. message: Error detected!' });
  });

  test('Conditional Workflow: a check that says nothing of Error sends no alert', async () => {
    const { result, calls } = await run('conditional', 'check_and_alert', {
      tools: { verify: [{ text: 'all well' }] },
    });
    expect(calls).toEqual(['vision-agent-mcp tools/call verify {"text":"Error"}']);
    expect(result.structuredContent).toEqual({ result: 'all well' });
  });

  test('Parallel Execution: three checks at the same time, then the aggregate with its code to the letter', async () => {
    const { calls, steps } = await run('parallel', 'multi_site_check', {
      tools: { verify: [{ held: true, text: 'OK' }] },
      // No answer before all three are asked.
      meanwhile: async (running) => {
        await waitUntil('three checks are in flight', () => running.ledger().length >= 3);
        running.release();
      },
    });
    expect(calls.slice(0, 3).sort()).toEqual([
      'vision-agent-mcp tools/call verify {"url":"https://site1.com"}',
      'vision-agent-mcp tools/call verify {"url":"https://site2.com"}',
      'vision-agent-mcp tools/call verify {"url":"https://site3.com"}',
    ]);
    expect(calls[3]).toContain('code-mcp tools/call execute {"code":"import json; results = [check_site1.output,');
    expect(calls).toHaveLength(4);
    expect(steps).toContain('aggregate completed 1');
  });

  test('Loop Until Condition: repeats its body, a second apart, until the condition holds', async () => {
    const screenshot = [{ text: 'nothing yet' }, { text: 'still nothing' }, { text: 'here is the Expected Text' }];
    const { calls, steps } = await run('loop', 'wait_for_element', { tools: { screenshot } });
    const iteration = [
      'vision-agent-mcp tools/call screenshot {}',
      'vision-agent-mcp resources/read screenshots/latest {}',
    ];
    expect(calls).toEqual([...iteration, ...iteration, ...iteration]);
    expect(steps.at(-1)).toBe('wait_loop completed 1');
    const noted = workspace?.ledger().map((call) => call.at) ?? [];
    for (const second of [2, 4]) {
      expect((noted[second] ?? 0) - (noted[second - 1] ?? Infinity)).toBeGreaterThanOrEqual(990);
    }
  });

  test('Daily Website Check: braces that are no path stay as they are', async () => {
    const { result, calls } = await run('daily-site-check', 'daily_site_check');
    expect(calls).toEqual([
      'vision-agent-mcp tools/call navigate {"url":"https://mysite.com"}',
      'vision-agent-mcp tools/call screenshot {}',
      'vision-agent-mcp prompts/get analyze_dashboard {"dashboard_url":"https://mysite.com"}',
      `code-mcp tools/call execute {"code":"with open('/tmp/check_result.txt', 'w') as f: f.write(json.dumps({{'timestamp': '2026-02-04', 'status': 'OK'}}))"}`,
    ]);
    expect(result.structuredContent).toEqual({ result: 'executed 112 characters' });
  });

  test('Multi-Server Form Test: a value that is one template keeps its type', async () => {
    const { result, calls } = await run('form-test', 'form_test_workflow');
    expect(calls).toEqual([
      'vision-agent-mcp tools/call navigate {"url":"https://example.com/form"}',
      'vision-agent-mcp tools/call fill_form {"url":"https://example.com/form","fields":{"username":"test","password":"test"}}',
      'vision-agent-mcp tools/call screenshot {}',
      'vision-agent-mcp tools/call verify {"text":"Success"}',
      `code-mcp tools/call execute {"code":"print('Form test passed')"}`,
    ]);
    expect(result.structuredContent).toEqual({ result: 'Form test passed' });
  });

  test('Multi-Server Form Test: a check that fails ends the task, with step and message in the result', async () => {
    const missing = [{ text: "Text 'Success' is not there", is_error: true }];
    const { result, calls } = await run('form-test', 'form_test_workflow', { tools: { verify: missing } });
    expect(calls.at(-1)).toBe('vision-agent-mcp tools/call verify {"text":"Success"}');
    expect(result.isError).toBe(true);
    expect(result.content).toEqual([
      { type: 'text', text: "step 'verify' failed (tool_error): Text 'Success' is not there" },
    ]);
  });

  test('Parallel Site Comparison: members of a list by index, and the whole list as text for the prompt', async () => {
    const { result, calls } = await run('compare-sites', 'compare_sites');
    expect(calls.slice(0, 3).sort()).toEqual([
      'vision-agent-mcp tools/call navigate {"url":"https://site1.com"}',
      'vision-agent-mcp tools/call navigate {"url":"https://site2.com"}',
      'vision-agent-mcp tools/call navigate {"url":"https://site3.com"}',
    ]);
    const sites = '["https://site1.com","https://site2.com","https://site3.com"]';
    expect(calls.slice(3)).toEqual([
      `vision-agent-mcp prompts/get compare_multiple_sites ${JSON.stringify({ sites })}`,
    ]);
    expect(result.structuredContent).toEqual({ result: `Asks for a comparison of sites. sites: ${sites}` });
  });
});
