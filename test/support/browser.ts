import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type BrowserContext, type Page } from 'playwright-core';
import { PATIENCE_MS } from './patience.ts';

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A page in a real browser that notes everything that went wrong in it. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors of scripts, of the console, of the security policy, and dialogs, which nothing of ours opens. */
  readonly errors: string[];
  /** Bytes of each answer of the API, by its path. */
  readonly answers: Map<string, number>;
}

/** Starts Chromium without a window. */
export async function startBrowser(): Promise<Browser> {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`No Chromium at ${CHROMIUM}: install one, or name yours in CHROMIUM_PATH.`);
  }
  return await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A person of their own: no cookie, no storage of another. */
export async function newPerson(
  browser: Browser,
  options: { readonly dark?: boolean; readonly width?: number } = {},
): Promise<WatchedPage & { readonly context: BrowserContext }> {
  const context = await browser.newContext({
    colorScheme: options.dark === true ? 'dark' : 'light',
    viewport: { width: options.width ?? 1280, height: 800 },
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const page = await context.newPage();
  const errors: string[] = [];
  const answers = new Map<string, number>();
  page.on('pageerror', (error) => errors.push(`script: ${error.message}`));
  page.on('console', (message) => {
    // What the server refuses, and a server that is away, the browser itself writes there.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      errors.push(`console: ${message.text()}`);
    }
  });
  page.on('dialog', (dialog) => {
    errors.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('response', (response) => {
    const { pathname } = new URL(response.url());
    if (!pathname.startsWith('/api/') || pathname.endsWith('/events')) return;
    void response.body().then(
      (body) => answers.set(pathname, Math.max(body.length, answers.get(pathname) ?? 0)),
      () => undefined,
    );
  });
  return { context, page, errors, answers };
}

/** What axe-core finds against WCAG 2.2 AA, one line a finding. */
export async function accessibilityProblems(page: Page): Promise<readonly string[]> {
  // Through the debugger, which the page's policy does not bind.
  await page.evaluate(AXE);
  return await page.evaluate(async () => {
    interface Found {
      readonly id: string;
      readonly help: string;
      readonly nodes: readonly { readonly html: string }[];
    }
    const { axe } = globalThis as unknown as {
      readonly axe: { run(options: object): Promise<{ readonly violations: readonly Found[] }> };
    };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run({ runOnly: { type: 'tag', values: tags } });
    return violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
  });
}

/** Whether a person has to scroll sideways to read the page. */
export async function scrollsSideways(page: Page): Promise<boolean> {
  const wide = await page.locator('html').evaluate((root) => root.scrollWidth - root.clientWidth);
  return wide > 0;
}
