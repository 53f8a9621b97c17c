import { createRequire } from 'node:module';
import { readFile } from 'node:fs/promises';
import { SHELL } from './shell.ts';
import { STYLE } from './style.ts';

/** Where the pages live. */
export const UI_BASE = '/ui';

/**
 * The strictest policy that works: everything from this server, nothing inline, no frame, no form that leads away. A
 * text that became markup by a mistake could still run nothing.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS = {
  'content-security-policy': POLICY,
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // A new release is seen at the next visit.
  'cache-control': 'no-cache',
};

/**
 * The pages: code and style, no data. They get all data from `/api/v1`, behind its guards, so they are the same for
 * everybody.
 */
export interface UiPages {
  fetch(request: Request): Promise<Response>;
}

/**
 * Serves the pages below `/ui`, and leads `/` to them.
 *
 * @param modules the folder of the compiled modules of `page/`
 */
export function createUiPages(modules: URL): UiPages {
  return {
    fetch: async (request) => {
      if (request.method !== 'GET' && request.method !== 'HEAD') {
        return new Response(null, { status: 405, headers: { allow: 'GET, HEAD' } });
      }
      const { pathname } = new URL(request.url);
      if (pathname === '/' || pathname === UI_BASE) {
        return new Response(null, { status: 302, headers: { ...HEADERS, location: `${UI_BASE}/` } });
      }
      const asset = /^\/ui\/assets\/(?<name>[a-z][a-z0-9-]*\.(?:js|css))$/u.exec(pathname)?.groups?.['name'];
      if (asset !== undefined) return await assetOf(asset, modules);
      if (pathname.startsWith(`${UI_BASE}/assets/`)) return missing();
      // Every other address is one of the page's own: it shows what the address says.
      return answer(SHELL, 'text/html; charset=utf-8');
    },
  };
}

async function assetOf(name: string, modules: URL): Promise<Response> {
  if (name === 'style.css') return answer(STYLE, 'text/css; charset=utf-8');
  try {
    return answer(await readFile(fileOf(name, modules), 'utf8'), 'text/javascript; charset=utf-8');
  } catch {
    return missing();
  }
}

/** `preact.js` is the library itself, whose module imports nothing: a browser has no way from its name to a package. */
function fileOf(name: string, modules: URL): URL | string {
  return name === 'preact.js' ? createRequire(import.meta.url).resolve('preact') : new URL(name, modules);
}

function answer(text: string, type: string): Response {
  return new Response(text, { headers: { ...HEADERS, 'content-type': type } });
}

function missing(): Response {
  return new Response('not found', { status: 404, headers: { ...HEADERS, 'content-type': 'text/plain' } });
}
