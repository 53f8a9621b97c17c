import { Hono, type Context } from 'hono';
import type { z } from 'zod';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { UnknownScheduleError } from '../schedule/schedules.ts';
import { StoreError } from '../store/task-store.ts';
import { TaskError } from '../tasks/task.ts';
import { openApiDocument } from './document.ts';
import { eventBody } from './events/stream.ts';
import type { RestCaller, RestPorts } from './ports.ts';
import { BASE, ProblemError, problemResponse, refusedBody, type ProblemMore } from './problem.ts';
import type { Answer, Route } from './route.ts';
import { ROUTES } from './routes/index.ts';

type Env = { readonly Bindings: { readonly caller: RestCaller } };

/** The REST API: mounted behind the guards of the HTTP front, at `/api/v1`. */
export interface RestApi {
  /** Answers one request. Never rejects. Who asks has been found out before; the request's signal ends its streams. */
  fetch(request: Request, caller: RestCaller): Promise<Response>;
  /** The body for what a guard refused before `fetch`, so that all refusals have one form, with its media type. */
  refused(status: number, message: string): { readonly type: string; readonly body: JsonObject };
}

/** Builds the API. Holds nothing open: no timer, no subscription beyond the streams that are being read. */
export function createRestApi(ports: RestPorts): RestApi {
  const app = new Hono<Env>().basePath(BASE);
  const methods = new Map<string, string[]>();
  for (const route of ROUTES) {
    const path = honoPath(route.path);
    methods.set(path, [...(methods.get(path) ?? []), route.method.toUpperCase()]);
    app.on(route.method.toUpperCase(), path, (context) => answer(route, context, ports));
  }
  let document: string | undefined;
  app.get('/openapi.json', () => {
    document ??= JSON.stringify(openApiDocument(ports.serverInfo.version));
    return jsonResponse(200, document);
  });
  for (const [path, allowed] of methods) {
    const allow = allowed.includes('GET') ? [...allowed, 'HEAD'].join(', ') : allowed.join(', ');
    app.all(path, ({ req }) => {
      throw new ProblemError('method_not_allowed', `${req.method} is not one of ${allow}`, { allow });
    });
  }
  app.notFound(() => problemResponse(new ProblemError('unknown_route', 'there is nothing at this path')));
  app.onError((error) => problemResponse(problemOf(error, ports)));
  return {
    fetch: async (request, caller) => await app.fetch(request, { caller }),
    refused: (status, message) => ({ type: 'application/problem+json', body: refusedBody(status, message) }),
  };
}

/** `/tasks/{id}/steps/{path}` → `/tasks/:id/steps/:path{.+}`: the path of a step has slashes of its own. */
function honoPath(path: string): string {
  return path.replace('{path}', ':path{.+}').replaceAll(/\{(?<name>\w+)\}(?!\})/gu, ':$<name>');
}

async function answer(route: Route, context: Context<Env>, ports: RestPorts): Promise<Response> {
  const { req, env } = context;
  const gone = new AbortController();
  const asked = {
    params: parsed('path', route.params, req.param()),
    query: parsed('query', route.query, req.query()),
    body: await bodyOf(route, req.raw),
    caller: env.caller,
    signal: AbortSignal.any([req.raw.signal, gone.signal]),
    header: (name: string) => req.header(name),
  };
  const given = await route.handle(asked, ports);
  if (!('events' in given)) return responseOf(given);
  const failed = (error: unknown): void => {
    // A stream that ends because the server stops, or because its task is no more, is no fault.
    if (!asked.signal.aborted && !(error instanceof TaskError)) problemOf(error, ports);
  };
  const body = eventBody(given.events, ports.clock, () => gone.abort(new Error('the reader has gone')), failed);
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store', 'x-accel-buffering': 'no' },
  });
}

function responseOf(given: Exclude<Answer, { readonly events: unknown }>): Response {
  if ('text' in given) return textResponse(given.text, given.type);
  if (!('body' in given)) return new Response(null, { status: given.status });
  return jsonResponse(given.status, JSON.stringify(given.body), given.headers);
}

function jsonResponse(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(body, {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

function textResponse(text: string, type: string): Response {
  return new Response(text, { headers: { 'content-type': type, 'cache-control': 'no-store' } });
}

async function bodyOf({ body: schema, bodyOptional }: Route, request: Request): Promise<unknown> {
  const text = await request.text();
  if (schema === undefined) {
    if (text.trim() !== '' && text.trim() !== '{}') throw invalid('body', [{ path: '', message: 'none is taken' }]);
    return undefined;
  }
  if (text === '' && bodyOptional === true) return parsed('body', schema, {});
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid('body', [{ path: '', message: 'it is not JSON' }]);
  }
  return parsed('body', schema, value);
}

function parsed(place: string, schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) {
    const stray = typeof value === 'object' && value !== null ? Object.keys(value) : [];
    if (stray.length === 0) return {};
    throw invalid(
      place,
      stray.map((name) => ({ path: `/${name}`, message: 'there is no such parameter' })),
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    place,
    result.error.issues.map(({ path, message }) => ({
      path: path.map((part) => `/${String(part)}`).join(''),
      message,
    })),
  );
}

function invalid(place: string, found: readonly { readonly path: string; readonly message: string }[]): ProblemError {
  const errors = found.map(({ path, message }) => ({ in: place, path, message }));
  return new ProblemError(
    'invalid_request',
    errors.map((each) => `${each.in}${each.path}: ${each.message}`).join('; '),
    { errors },
  );
}

/** Expected errors keep their text; anything else is a bug: outside sees an id, the log has the cause under it. */
function problemOf(error: unknown, { logger, ids }: Pick<RestPorts, 'logger' | 'ids'>): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof TaskError) {
    if (error.code === 'not_found') return new ProblemError('not_found', 'Task not found');
    return new ProblemError(error.code, error.message, detailsOf(error.data));
  }
  if (error instanceof UnknownScheduleError) return new ProblemError('unknown_schedule', error.message);
  if (error instanceof StoreError) {
    logger.error({ kind: error.kind, cause: error.message }, 'the store failed during a request');
    return new ProblemError('store_unavailable', 'the outcome of this request is not known; look, then try again');
  }
  const correlationId = ids();
  logger.error({ err: error, correlationId }, 'a request failed unexpectedly');
  return new ProblemError('internal_error', 'the cause is in the log of the server', { correlationId });
}

function detailsOf(data: JsonValue | undefined): ProblemMore {
  return data === undefined ? {} : { details: data };
}
