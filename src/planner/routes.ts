import { z } from 'zod';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { StoreError } from '../store/task-store.ts';
import { invalidParameters } from './arguments.ts';
import type { Planner, PlannerCaller } from './planner.ts';
import { PlannerRefusal } from './refusal.ts';

/** An answer over HTTP: status and JSON body. */
export interface RouteAnswer {
  readonly status: number;
  readonly body: JsonValue;
}

/** Answers the JSON body of a POST. */
export type PlannerRoute = (body: unknown, caller: PlannerCaller) => Promise<RouteAnswer>;

const IDEMPOTENCY_KEY = 'dev.mcp-workflow/idempotency-key';

const listBody = z.looseObject({ method: z.literal('tools/list') });
const callBody = z.looseObject({
  method: z.literal('tools/call'),
  params: z.looseObject({
    name: z.string(),
    arguments: z.custom<JsonObject>(isJsonObject, 'an object is expected').optional(),
    _meta: z.looseObject({ [IDEMPOTENCY_KEY]: z.string().min(1).optional() }).optional(),
  }),
});

/**
 * `POST /list-tools` and `POST /call-tool` of seed 002: bodies in the form of JSON-RPC requests, answers without an
 * envelope. 400 with `{error}` for what cannot be met, 503 while the store cannot be used. Anything else that goes
 * wrong rejects.
 */
export function plannerRoutes(planner: Planner): ReadonlyMap<string, PlannerRoute> {
  return new Map([
    ['/list-tools', (body) => answering(() => listTools(body, planner))],
    ['/call-tool', (body, caller) => answering(() => callTool(body, caller, planner))],
  ] satisfies readonly (readonly [string, PlannerRoute])[]);
}

function listTools(body: unknown, { tools }: Planner): JsonObject {
  parse(listBody, body);
  return { tools: tools.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })) };
}

async function callTool(body: unknown, caller: PlannerCaller, planner: Planner): Promise<JsonObject> {
  const { name, arguments: args = {}, _meta: meta } = parse(callBody, body).params;
  return await planner.answer(name, args, caller, meta?.[IDEMPOTENCY_KEY]);
}

function parse<T>(schema: z.ZodType<T>, body: unknown): T {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  throw invalidParameters('', parsed.error);
}

async function answering(act: () => JsonObject | Promise<JsonObject>): Promise<RouteAnswer> {
  try {
    return { status: 200, body: await act() };
  } catch (error) {
    if (error instanceof PlannerRefusal) return { status: 400, body: { error: error.message } };
    if (error instanceof StoreError) {
      const unknown = 'The store cannot be used now, and the outcome of this call is not known. Look, then try again';
      return { status: 503, body: { error: unknown } };
    }
    throw error;
  }
}
