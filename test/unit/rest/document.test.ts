import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { isJsonObject, type JsonObject } from '../../../src/core/json.ts';
import { openApiDocument } from '../../../src/rest/document.ts';
import { PROBLEMS } from '../../../src/rest/problem.ts';
import { ROUTES } from '../../../src/rest/routes/index.ts';
import { API, RestWorld } from '../../support/rest-world.ts';

const document = openApiDocument('1.2.3');
const page = readFileSync(new URL('../../../docs/rest.md', import.meta.url), 'utf8');

function references(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (!isJsonObject(value)) return [];
  const { $ref } = value;
  return [...(typeof $ref === 'string' ? [$ref] : []), ...Object.values(value).flatMap(references)];
}

describe('the OpenAPI document', () => {
  it('is served at its route', async () => {
    const world = new RestWorld();
    await world.start();
    const { status, object } = await world.ask('/openapi.json');
    await world.dispose();
    expect(status).toBe(200);
    expect(object).toEqual({ ...document, info: { ...(document['info'] as JsonObject), version: '0.0.0-test' } });
  });

  it('has only references that lead somewhere, and schemas that are JSON Schema 2020-12', () => {
    const { schemas } = document['components'] as { readonly schemas: JsonObject };
    const missing = references(document).filter(
      (ref) => !Object.hasOwn(schemas, ref.replace('#/components/schemas/', '')),
    );
    expect(missing).toEqual([]);
    const ajv = new Ajv2020({ strict: false });
    formats.default.default(ajv);
    expect(Object.values(schemas).filter((schema) => !ajv.validateSchema(schema as JsonObject))).toEqual([]);
  });

  it('gives every operation a name of its own and every parameter of its path', () => {
    const ids = ROUTES.map(({ operationId }) => operationId);
    expect(new Set(ids).size).toBe(ids.length);
    const loose = ROUTES.filter(({ path, params }) => {
      const named = [...path.matchAll(/\{(?<name>\w+)\}/gu)].map(({ groups }) => groups?.['name']);
      return named.toString() !== Object.keys(params?.shape ?? {}).toString();
    });
    expect(loose.map(({ path }) => path)).toEqual([]);
  });
});

describe('docs/rest.md', () => {
  it('lists every route once, with its summary, and no other', () => {
    const listed = [...page.matchAll(/^\| `(?<method>GET|POST) (?<path>\/\S+)`/gmu)].map(
      ({ groups }) => `${groups?.['method'] ?? ''} ${groups?.['path'] ?? ''}`,
    );
    const routes = ROUTES.map(({ method, path }) => `${method.toUpperCase()} ${path}`);
    expect(listed.toSorted()).toEqual([...routes, 'GET /openapi.json'].toSorted());
  });

  it('lists every code of a problem with its status', () => {
    const listed = [...page.matchAll(/^\| `(?<code>[a-z_]+)` +\| (?<status>\d{3}) /gmu)].map(
      ({ groups }) => `${groups?.['code'] ?? ''} ${groups?.['status'] ?? ''}`,
    );
    expect(listed.toSorted()).toEqual(
      Object.entries(PROBLEMS)
        .map(([code, { status }]) => `${code} ${status}`)
        .toSorted(),
    );
    expect(page).toContain(API);
  });
});
