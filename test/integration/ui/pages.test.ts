import { mkdir, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../../src/core/json.ts';
import { textAt } from '../../support/api-check.ts';
import { accessibilityProblems, newPerson, scrollsSideways, startBrowser } from '../../support/browser.ts';
import { startBuiltServer, type BuiltServer, type Workspace } from '../../support/built-server.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const EVIL = `<img src=x onerror="alert(1)"><script>alert(2)</script>"'><svg onload=alert(3)> javascript:alert(4)`;

const DEFINITIONS: Readonly<Record<string, string>> = {
  greet: `description: Says hello.
input_schema:
  type: object
  properties:
    who: { type: string, description: Whom to greet }
    times: { type: integer, default: 1 }
    tone: { type: string, enum: [warm, cold] }
  required: [who]
steps:
  - { id: hello, type: set, values: { text: 'Hello {{input.who}}' } }
output: '{{hello.output.text}}'
`,
  asks: `steps:
  - id: ask
    type: elicit
    message: Your name?
    schema: { type: object, properties: { name: { type: string } }, required: [name] }
output: '{{ask.output.name}}'
`,
  waits: `steps:
  - { id: nap, type: wait, seconds: 3600 }
`,
  breaks: `steps:
  - { id: break, type: fail, message: no good }
`,
  nightly: `schedule: { type: cron, expression: '0 3 * * *' }
steps:
  - { id: note, type: set, values: { n: 1 } }
`,
  each: `input_schema: { type: object, properties: { count: { type: integer } }, required: [count] }
steps:
  - id: all
    type: loop
    max_iterations: '{{input.count}}'
    steps:
      - { id: one, type: set, values: { n: 1 } }
`,
  big: `input_schema: { type: object, properties: { text: { type: string } }, required: [text] }
steps:
  - { id: large, type: set, values: { text: '{{input.text}}{{input.text}}{{input.text}}' } }
output: '{{large.output.text}}'
`,
  hostile: `title: ${JSON.stringify(EVIL)}
description: ${JSON.stringify(EVIL)}
tags: [evil]
input_schema:
  type: object
  properties: { text: { type: string, title: ${JSON.stringify(EVIL)}, description: ${JSON.stringify(EVIL)} } }
steps:
  - { id: note, type: set, values: { text: '{{input.text}}' } }
  - { id: say, type: emit, message: '{{input.text}}' }
  - id: ask
    type: elicit
    message: ${JSON.stringify(EVIL)}
    schema: { type: object, properties: { name: { type: string, title: ${JSON.stringify(EVIL)} } } }
  - { id: break, type: fail, message: '{{input.text}}' }
`,
};

let browser: Browser;
let folder: Awaited<ReturnType<typeof tempDir>>;
let workspace: Workspace;
let server: BuiltServer | undefined;
let origin = '';

beforeAll(async () => {
  browser = await startBrowser();
});
afterAll(() => browser.close());

beforeEach(async () => {
  folder = await tempDir();
  const definitions = join(folder.path, 'definitions');
  await mkdir(definitions);
  await mkdir(join(folder.path, 'data'));
  await writeFile(
    join(folder.path, 'servers.json'),
    JSON.stringify({ mcpServers: { files: { command: process.execPath, args: ['-e', ''] } } }),
  );
  for (const [name, text] of Object.entries(DEFINITIONS)) {
    await writeFile(join(definitions, `${name}.yaml`), `name: ${name}\n${text}`);
  }
  workspace = { dir: folder.path, definitions, remove: () => folder.remove() };
});
afterEach(async () => {
  for (const context of browser.contexts()) await context.close();
  await server?.kill();
  server = undefined;
  await workspace.remove();
});

async function start(options: Parameters<typeof startBuiltServer>[1] = {}): Promise<void> {
  server = await startBuiltServer(workspace, options);
  ({ origin } = new URL(server.url));
}

/** The same address, after a kill. */
async function startAgain(): Promise<void> {
  await server?.kill();
  await start({ flags: ['--http', new URL(origin).host] });
}

async function api(path: string, body?: JsonObject): Promise<JsonObject> {
  const response = await fetch(`${origin}/api/v1${path}`, {
    ...(body !== undefined && {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  return (await response.json()) as JsonObject;
}

async function begin(workflow: string, input: JsonObject = {}): Promise<string> {
  return textAt(await api(`/workflows/${workflow}/tasks`, { input }), 'taskId');
}

async function ended(taskId: string, status: string): Promise<void> {
  await waitUntil(`${taskId} is ${status}`, async () => (await api(`/tasks/${taskId}`))['status'] === status);
}

describe('every page', () => {
  it.each([
    { dark: false, width: 1280 },
    { dark: true, width: 360 },
  ])('has no accessibility finding, no error and no sideways scrolling (dark: $dark, $width px)', async (look) => {
    await start();
    const [asks, failed, done] = [await begin('asks'), await begin('breaks'), await begin('greet', { who: 'Ann' })];
    await ended(asks, 'input_required');
    await ended(failed, 'failed');
    await ended(done, 'completed');
    const { page, errors } = await newPerson(browser, look);
    const pages: readonly (readonly [string, string])[] = [
      ['/ui/', 'text=3 runs'],
      [`/ui/tasks/${asks}`, 'text=Your name?'],
      [`/ui/tasks/${failed}#step=break`, 'section[aria-label="Step break"]'],
      [`/ui/tasks/${done}#step=hello`, 'section[aria-label="Step hello"]'],
      ['/ui/inbox', 'text=1 open questions'],
      ['/ui/workflows', 'text=Says hello.'],
      ['/ui/workflows/greet', 'img.graph'],
      ['/ui/schedules', 'text=1 schedules'],
      ['/ui/servers', 'text=1 servers'],
      ['/ui/nowhere', 'text=There is no such page'],
    ];
    for (const [path, shows] of pages) {
      await page.goto(`${origin}${path}`);
      await page.waitForSelector(shows);
      expect([path, await accessibilityProblems(page)]).toEqual([path, []]);
      const wide = await scrollsSideways(page);
      expect([path, wide]).toEqual([path, false]);
    }
    expect(errors).toEqual([]);
  });

  it('comes with a policy that lets nothing run but its own files', async () => {
    await start();
    const shell = await fetch(`${origin}/ui/tasks/any`);
    expect(shell.headers.get('content-security-policy')).toMatch(/default-src 'none'; script-src 'self';/u);
    expect(shell.headers.get('content-security-policy')).not.toMatch(/unsafe|https?:/u);
    expect(await shell.text()).not.toMatch(/<script(?![^>]*src=)|\son\w+=|style=/u);
    expect((await fetch(`${origin}/`)).url).toBe(`${origin}/ui/`);
    for (const path of ['/ui/assets/none.js', '/ui/assets/..%2f..%2fcli.js', '/ui/assets/main.js.map']) {
      expect((await fetch(`${origin}${path}`)).status).toBe(404);
    }
  });

  it('may be called by the name that it is served by, and by no page of another host', async () => {
    await start({ flags: ['--allowed-hosts', 'flows.example'] });
    const status = (from: string): Promise<number> =>
      new Promise((resolve, reject) => {
        const headers = { host: 'flows.example', origin: from };
        const sent = request(`${origin}/api/v1/workflows/waits/tasks`, { method: 'POST', headers }, (answer) => {
          answer.resume();
          resolve(answer.statusCode ?? 0);
        });
        sent.on('error', reject);
        sent.end();
      });
    expect(await status('https://flows.example')).toBe(201);
    for (const from of ['https://other.example', 'https://flows.example.evil.example', 'null']) {
      expect(await status(from)).toBe(403);
    }
  });

  it('is not there with --no-ui', async () => {
    await start({ flags: ['--no-ui'] });
    expect((await fetch(`${origin}/ui/`)).status).toBe(404);
    expect((await fetch(`${origin}/api/v1/workflows`)).status).toBe(200);
  });
});

describe('the list of runs', () => {
  it('shows a run as it comes and changes, filters by state, and leads to the run by keyboard', async () => {
    await start();
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/`);
    await page.waitForSelector('text=live');
    const asks = await begin('asks');
    await page.waitForSelector('.runs .status.input_required');
    await begin('greet', { who: 'Ann' });
    await page.waitForSelector('.runs .status.completed');
    await page.getByLabel('State').selectOption('input_required');
    await page.waitForSelector('text=1 runs');
    await page.getByRole('link', { name: 'asks' }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${origin}/ui/tasks/${asks}`);
    await page.waitForSelector('text=Your name?');
    await page.goBack();
    await page.waitForSelector('h1:has-text("Runs")');
    expect(errors).toEqual([]);
  });

  it('cancels all open runs that show, once it was asked twice', async () => {
    await start();
    const ids = [await begin('waits'), await begin('waits')];
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/`);
    await page.getByRole('button', { name: 'Cancel 2 open' }).click();
    await page.getByRole('button', { name: 'Really cancel 2 open' }).click();
    for (const id of ids) await ended(id, 'cancelled');
    await page.waitForSelector('.runs .status.cancelled');
  });
});

describe('a run', () => {
  it('is answered by its form and shows its result, live', async () => {
    await start();
    const id = await begin('asks');
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    await page.getByLabel('name (required)').fill('Ann');
    await page.getByRole('button', { name: 'Answer' }).click();
    await page.waitForSelector('h1 .status.completed');
    await page.waitForSelector('pre:has-text("Ann")');
    await page.waitForSelector('text=Your name?', { state: 'detached' });
    expect(errors).toEqual([]);
  });

  it('asks for what is missing before anything is sent', async () => {
    await start();
    const id = await begin('asks');
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    await page.getByRole('button', { name: 'Answer' }).click();
    await page.waitForSelector('text=This is needed.');
    expect((await api(`/tasks/${id}`))['status']).toBe('input_required');
  });

  it('takes the first of two people, and tells the second that it is too late', async () => {
    await start();
    const id = await begin('asks');
    const [ann, bob] = [await newPerson(browser), await newPerson(browser)];
    for (const { page } of [ann, bob]) {
      await page.goto(`${origin}/ui/tasks/${id}`);
      await page.getByLabel('name (required)').waitFor();
    }
    // The second does not hear of the first: its events are held.
    await bob.context.route('**/events', (route) => route.abort());
    await bob.page.reload({ waitUntil: 'commit' });
    await bob.page.getByLabel('name (required)').fill('Bob');
    await ann.page.getByLabel('name (required)').fill('Ann');
    await ann.page.getByRole('button', { name: 'Answer' }).click();
    await ended(id, 'completed');
    await bob.page.getByRole('button', { name: 'Answer' }).click();
    await bob.page.waitForSelector('text=was answered, has expired or never existed');
    expect((await api(`/tasks/${id}`))['output']).toEqual({ result: 'Ann' });
  });

  it('is cancelled, and a failed one is resumed', async () => {
    await start();
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${await begin('waits')}`);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.waitForSelector('h1 .status.cancelled');
    const failed = await begin('breaks');
    await ended(failed, 'failed');
    await page.goto(`${origin}/ui/tasks/${failed}`);
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.waitForSelector('text=It runs again.');
    const journal = await api(`/tasks/${failed}/journal`);
    expect(JSON.stringify(journal)).toContain('"resumed"');
  });

  it('goes on in the page after a kill of the server, and no entry of the journal is missing', async () => {
    await start();
    const id = await begin('asks');
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    await page.waitForSelector('text=live');
    await startAgain();
    await page.getByLabel('name (required)').fill('Ann');
    await page.getByRole('button', { name: 'Answer' }).click();
    await page.waitForSelector('h1 .status.completed');
    const { entries } = await api(`/tasks/${id}/journal`);
    const count = Array.isArray(entries) ? entries.length : 0;
    await page.waitForSelector(`text=Journal: ${count} entries`);
    await page.locator('summary', { hasText: 'Journal' }).click();
    const seqs = await page.locator('.journal .rows .row > :first-child').allTextContents();
    expect(seqs).toEqual(Array.from({ length: count }, (_none, index) => String(index + 1)));
    expect(errors).toEqual([]);
  });

  it('is drawn with its steps in colour, and drawn anew as it goes on', async () => {
    await start();
    const id = await begin('asks');
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    await page.locator('summary', { hasText: 'Graph' }).click();
    const first = await page.locator('img.graph').getAttribute('src');
    await page.getByLabel('name (required)').fill('Ann');
    await page.getByRole('button', { name: 'Answer' }).click();
    await waitUntil('another picture', async () => (await page.locator('img.graph').getAttribute('src')) !== first);
    await page.locator('summary', { hasText: 'Journal' }).click();
    await page.locator('.journal .rows .row').first().waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(errors).toEqual([]);
  });

  it('of ten thousand iterations keeps a few rows in the page and reaches the last', async () => {
    await start();
    const id = await begin('each', { count: 10_000 });
    await ended(id, 'completed');
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    await page.waitForSelector('text=10001 steps');
    const rows = page.locator('.steps .rows .row');
    expect(await rows.count()).toBeLessThan(60);
    await page.locator('.steps .rows').evaluate((box) => box.scrollTo(0, box.scrollHeight));
    await page.waitForSelector('.steps >> text=all[9999]/one');
    expect(await rows.count()).toBeLessThan(60);
    expect(errors).toEqual([]);
  });

  it('loads five megabytes of a result when they are opened, and not before', async () => {
    await start();
    const id = await begin('big', { text: 'x'.repeat(1_700_000) });
    await ended(id, 'completed');
    const { page, answers } = await newPerson(browser);
    await page.goto(`${origin}/ui/tasks/${id}`);
    const load = page.getByRole('button', { name: 'Load 4.9 MB' });
    await load.waitFor();
    await page.getByRole('button', { name: 'large' }).click();
    await page.waitForSelector('section[aria-label="Step large"]');
    expect(Math.max(...answers.values())).toBeLessThan(500_000);
    await load.click();
    await page.getByRole('button', { name: /Show all 4\.9 MB/u }).waitFor();
    await waitUntil('the result was read', () => (answers.get(`/api/v1/tasks/${id}/result`) ?? 0) > 5_000_000);
  });
});

describe('workflows, the inbox and schedules', () => {
  it('start a run by the form of the workflow, with numbers as numbers and empty fields left out', async () => {
    await start();
    const { page, errors } = await newPerson(browser);
    await page.goto(`${origin}/ui/workflows/greet`);
    await page.getByLabel('who (required)').fill('Ann');
    await page.getByLabel('times').fill('2');
    await page.getByRole('button', { name: 'Start' }).click();
    await page.waitForSelector('h1 .status.completed');
    const id = new URL(page.url()).pathname.split('/').at(-1) ?? '';
    expect((await api(`/tasks/${id}`))['input']).toEqual({ who: 'Ann', times: 2 });
    expect(errors).toEqual([]);
  });

  it('show a question as it comes, and no more once it is answered elsewhere', async () => {
    await start();
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/inbox`);
    await page.waitForSelector('text=0 open questions');
    const id = await begin('asks');
    await page.waitForSelector('text=Your name?');
    await api(`/tasks/${id}/cancel`, {});
    await page.waitForSelector('text=0 open questions');
  });

  it('pause a schedule, let it go on, and run it now', async () => {
    await start();
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/schedules`);
    await page.getByRole('button', { name: 'Pause nightly' }).click();
    await page.waitForSelector('text=nightly is paused.');
    expect((await api('/schedules/nightly'))['state']).toBe('paused');
    await page.getByRole('button', { name: 'Go on nightly' }).click();
    await page.waitForSelector('text=nightly goes on.');
    await page.getByRole('button', { name: 'Run now nightly' }).click();
    await page.waitForSelector('text=nightly has begun a run.');
    expect(JSON.stringify(await api('/tasks?workflow=nightly'))).toContain('"workflow":"nightly"');
  });
});

describe('with tokens', () => {
  it('the page asks for one, and shows the runs of its caller', async () => {
    const secret = 'the-secret-token-of-alice';
    await start({ token: { name: 'alice', secret } });
    const { page } = await newPerson(browser);
    await page.goto(`${origin}/ui/`);
    await page.getByLabel('Token').fill(secret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.waitForSelector('text=0 runs');
    await page.waitForSelector('text=live');
    const made = await fetch(`${origin}/api/v1/workflows/waits/tasks`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
    });
    expect(made.status).toBe(201);
    await page.waitForSelector('text=1 runs');
  });
});

describe('hostile texts', () => {
  it('of definitions, inputs, questions, messages and errors stay texts on every page', async () => {
    await start();
    const id = await begin('hostile', { text: EVIL });
    await ended(id, 'input_required');
    const { page, errors } = await newPerson(browser);
    const look = async (path: string): Promise<void> => {
      await page.goto(`${origin}${path}`);
      await page.getByText('onerror').first().waitFor();
      expect(await page.locator('main script, main svg, main [onerror], main img:not(.graph)').count()).toBe(0);
    };
    for (const path of ['/ui/inbox', '/ui/workflows', '/ui/workflows/hostile', `/ui/tasks/${id}#step=note`])
      await look(path);
    await page.getByRole('button', { name: 'Answer' }).click();
    await ended(id, 'failed');
    for (const path of ['/ui/', `/ui/tasks/${id}#step=break`]) await look(path);
    expect(errors).toEqual([]);
  });
});
