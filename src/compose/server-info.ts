import { readFileSync } from 'node:fs';
import { isJsonObject } from '../core/json.ts';
import { PRODUCT } from '../core/product.ts';

/** Name and version as package.json has them. */
export function serverInfo(): { readonly name: string; readonly version: string } {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  const version = isJsonObject(manifest) ? manifest['version'] : undefined;
  return { name: PRODUCT, version: typeof version === 'string' ? version : '0.0.0' };
}
