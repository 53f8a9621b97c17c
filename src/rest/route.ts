import type { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import type { ProblemCode } from './problem.ts';
import type { RestCaller, RestPorts } from './ports.ts';

/** What a handler gives back. `events`: a stream of server-sent events. */
export type Answer =
  | { readonly status: 200 | 201 | 202; readonly body: JsonObject; readonly headers?: Readonly<Record<string, string>> }
  | { readonly status: 204 }
  | { readonly status: 200; readonly text: string; readonly type: string }
  | { readonly status: 200; readonly events: AsyncGenerator<ServerEvent> };

/** One event of a stream. One without an id leaves the client's cursor where it is. */
export interface ServerEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: JsonObject;
}

/** A request, parsed. */
export interface Asked<P, Q, B> {
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly caller: RestCaller;
  /** Aborts when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  readonly header: (name: string) => string | undefined;
}

/** What an answer may be, for the document. */
export interface Described {
  readonly about: string;
  /** The named schema of the JSON body. */
  readonly schema?: z.ZodType;
  /** Another media type. */
  readonly type?: string;
  /** Of a stream: the named schema of each event's data. */
  readonly events?: Readonly<Record<string, z.ZodType>>;
}

type Shape = z.ZodRawShape;

interface RouteHead<P extends Shape, Q extends Shape, B extends z.ZodType> {
  readonly method: 'get' | 'post';
  /** Below the base, parameters as `{name}`. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly params?: z.ZodObject<P>;
  readonly query?: z.ZodObject<Q>;
  /** Headers that matter, with what they are for. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: B;
  /** Absent body = `{}`. */
  readonly bodyOptional?: boolean;
  readonly answers: Readonly<Record<number, Described>>;
  /** Beside those that every route may have. */
  readonly problems?: readonly ProblemCode[];
}

/** A route with the types of its parts put away: the table holds these. */
export interface Route extends RouteHead<Shape, Shape, z.ZodType> {
  readonly handle: (asked: Asked<unknown, unknown, unknown>, ports: RestPorts) => Promise<Answer>;
}

/** Defines a route; its handler gets what the schemas give. */
export function route<P extends Shape = Shape, Q extends Shape = Shape, B extends z.ZodType = z.ZodType>(
  definition: RouteHead<P, Q, B> & {
    readonly handle: (
      asked: Asked<z.infer<z.ZodObject<P>>, z.infer<z.ZodObject<Q>>, z.infer<B>>,
      ports: RestPorts,
    ) => Promise<Answer>;
  },
): Route {
  // The app parses with the very schemas whose output the handler takes.
  return definition as unknown as Route;
}
