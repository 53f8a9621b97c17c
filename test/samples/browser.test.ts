import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import type { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newSampleWorkspace, type SampleWorkspace } from '../support/sample-workspace.ts';
import { serveEngine, type ServedEngine } from '../support/served-engine.ts';
import { callAsTask, resultOf } from '../support/task-calls.ts';
import { waitUntil } from '../support/wait-until.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47]);

let sample: SampleWorkspace | undefined;
let engine: ServedEngine | undefined;
let site: ChildProcess | undefined;
let client: Client;
let address: string;

beforeAll(async () => {
  if (!existsSync(CHROMIUM)) {
    throw new Error(
      `No Chromium at ${CHROMIUM}. The site checks run in a real browser: install one (Debian and Ubuntu: ` +
        'apt-get install chromium), or name yours in CHROMIUM_PATH.',
    );
  }
  address = await startSite();
  sample = await newSampleWorkspace({ CHROMIUM_PATH: CHROMIUM });
  engine = serveEngine('stdio', sample.path, sample.env);
  client = await engine.connect();
});
afterAll(async () => {
  await engine?.stop();
  site?.kill();
  await sample?.remove();
});

/** Starts the demo site as a user does, on a free port; resolves with its address. */
async function startSite(): Promise<string> {
  const child = spawn(process.execPath, [resolve(import.meta.dirname, '../../scripts/demo-site.mjs'), '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  site = child;
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return waitUntil('the demo site is up', () => /http:\S+/.exec(text)?.[0]);
}

/** An address at which nobody listens. */
async function deadAddress(): Promise<string> {
  const probe = createServer();
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done));
  const { port } = probe.address() as AddressInfo;
  await new Promise((done) => probe.close(done));
  return `http://127.0.0.1:${port}/`;
}

async function run(name: string, args: object): Promise<Record<string, unknown>> {
  const { taskId } = await callAsTask(client, name, args);
  const result = await resultOf(client, taskId);
  expect(result.isError ?? false, JSON.stringify(result.content)).toBe(false);
  return result.structuredContent ?? {};
}

test('daily_site_check: a page that is fine, with its title and a screenshot in work/screenshots', async () => {
  const output = await run('daily_site_check', { site_url: address });
  const screenshot = String(output['screenshot']);
  expect(output).toEqual({ status: 'OK', site: address, page: 'Demo shop', screenshot });
  expect(screenshot).toMatch(/^work\/screenshots\/site-check-[\w-]+\.png$/);
  expect((await readFile(join(sample?.path ?? '', screenshot))).subarray(0, 4)).toEqual(PNG);
});

test('daily_site_check: a page without the expected text', async () => {
  const output = await run('daily_site_check', { site_url: `${address}broken.html` });
  expect(output).toMatchObject({
    status: "FAILED: 'All systems normal' is not on the page",
    page: 'Demo shop error',
  });
});

test('multi_site_check: good, bad and unreachable pages in one report', async () => {
  const sites = [address, `${address}status.html`, `${address}broken.html`, await deadAddress()];
  expect(await run('multi_site_check', { sites })).toEqual({
    checked: 4,
    unreachable: 1,
    sites: [{ site: sites[0], ok: true }, { site: sites[1], ok: true }, { site: sites[2], ok: false }, null],
  });
});
