import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import { BASE, PROBLEMS, type ProblemCode } from './problem.ts';
import type { Described, Route } from './route.ts';
import { ROUTES } from './routes/index.ts';
import { components, nameOf, Problem } from './schemas.ts';

/** What any route may answer, because it stands behind the same guards. */
const ALWAYS: readonly ProblemCode[] = [
  'invalid_request',
  'unauthorized',
  'forbidden',
  'internal_error',
  'store_unavailable',
  'stopping',
];
const WITH_BODY: readonly ProblemCode[] = ['body_too_large', 'unsupported_media_type'];

/**
 * The OpenAPI 3.1 document of the API, made from the routes and the schemas that parse requests and describe answers.
 */
export function openApiDocument(version: string): JsonObject {
  const paths: Record<string, Record<string, JsonObject>> = {};
  for (const route of ROUTES) (paths[`${BASE}${route.path}`] ??= {})[route.method] = operation(route);
  const document = answerOf({ about: 'This document.' }, { 'application/json': { schema: { type: 'object' } } });
  paths[`${BASE}/openapi.json`] = {
    get: { operationId: 'getDocument', summary: 'This document', responses: { 200: document, ...problems(ALWAYS) } },
  };
  return {
    openapi: '3.1.1',
    info: {
      title: 'mcp-workflow-engine',
      version,
      summary: 'Workflows as durable tasks, over plain HTTP.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    // Where no tokens are configured nobody is asked.
    security: [{ bearer: [] }, {}],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: schemas(),
    },
  };
}

/** The named schemas, as JSON Schema 2020-12. Answers may have further members in later releases. */
function schemas(): JsonObject {
  const { schemas: made } = z.toJSONSchema(components, { uri: refOf, io: 'input' });
  return Object.fromEntries(Object.entries(made).map(([name, schema]) => [name, plain(schema)]));
}

function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

/** Without what only stands alone: `$schema` and `$id`. */
function plain(schema: unknown): JsonObject {
  const { $schema: _dialect, $id: _id, ...rest } = isJsonObject(schema) ? schema : {};
  return rest;
}

function operation(route: Route): JsonObject {
  const { operationId, summary, params, query, headers = {}, body, bodyOptional, answers } = route;
  const parameters = [
    ...parametersOf('path', params),
    ...parametersOf('query', query),
    ...Object.entries(headers).map(([name, description]) => ({
      name,
      in: 'header',
      required: false,
      description,
      schema: { type: 'string' },
    })),
  ];
  const also = [...ALWAYS, ...(body === undefined ? [] : WITH_BODY), ...(route.problems ?? [])];
  return {
    operationId,
    summary,
    ...(parameters.length > 0 && { parameters }),
    ...(body !== undefined && {
      requestBody: {
        required: bodyOptional !== true,
        content: { 'application/json': { schema: { $ref: refOf(nameOf(body)) } } },
      },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, described(answer)])),
      ...problems(also),
    },
  };
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined): readonly JsonObject[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, member]) => {
    // The members of an object schema are schemas.
    const { description, ...rest } = plain(z.toJSONSchema(member as z.ZodType, { io: 'output' }));
    const required = place === 'path';
    return { name, in: place, required, ...(description !== undefined && { description }), schema: rest };
  });
}

function described(answer: Described): JsonObject {
  const { schema, type, events } = answer;
  if (schema !== undefined)
    return answerOf(answer, { 'application/json': { schema: { $ref: refOf(nameOf(schema)) } } });
  if (type !== undefined) return answerOf(answer, { [type]: { schema: { type: 'string' } } });
  if (events === undefined) return answerOf(answer);
  const data = Object.entries(events).map(([name, event]) => [name, { $ref: refOf(nameOf(event)) }]);
  // OpenAPI 3.1 has no word for events; the schema of each one's data stands in an extension.
  return answerOf(answer, {
    'text/event-stream': { schema: { type: 'string' }, 'x-events': Object.fromEntries(data) as JsonObject },
  });
}

function answerOf({ about }: Described, content?: JsonObject): JsonObject {
  return { description: about, ...(content !== undefined && { content }) };
}

/** Problems by their status; those of one status share a line. */
function problems(codes: readonly ProblemCode[]): JsonObject {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) {
    const { status } = PROBLEMS[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  const content = { 'application/problem+json': { schema: { $ref: refOf(nameOf(Problem)) } } };
  return Object.fromEntries(
    [...byStatus].map(([status, each]) => [
      status,
      answerOf({ about: each.map((code) => `\`${code}\`: ${PROBLEMS[code].title}.`).join(' ') }, content),
    ]),
  );
}
