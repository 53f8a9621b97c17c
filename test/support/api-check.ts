import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import * as formats from 'ajv-formats';
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/core/json.ts';

/** One event of a stream, as a client reads it. */
export interface ReadEvent {
  readonly event: string;
  readonly id?: string;
  readonly data: JsonValue;
}

/** An answer, read whole. */
export interface ReadAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly body: JsonValue;
}

/**
 * Holds answers to an OpenAPI document: the path, the method, the status and the media type have to be described, and
 * the body has to fit its schema. More than the document promises: a member that is not described is an error too.
 */
export class ApiCheck {
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #paths: readonly { readonly pattern: RegExp; readonly literal: number; readonly operations: JsonObject }[];
  /** `method path status` of each answer that was checked. */
  readonly seen = new Set<string>();

  constructor(document: JsonObject) {
    formats.default.default(this.#ajv);
    this.#ajv.addSchema({ ...asObject(closed(document)), $id: 'api' });
    this.#paths = Object.entries(objectAt(document, 'paths'))
      .map(([path, operations]) => ({
        pattern: new RegExp(`^${path.replaceAll('.', '\\.').replaceAll(/\{\w+\}/gu, '[^/]+')}$`, 'u'),
        literal: path.replaceAll(/\{\w+\}/gu, '').length,
        operations: { ...asObject(operations), path },
      }))
      // `/tasks/events` before `/tasks/{id}`.
      .sort((a, b) => b.literal - a.literal);
  }

  /** @throws Error that says what of the answer the document does not describe. */
  check(method: string, url: string, status: number, type: string | null, text: string): void {
    const { content, name } = this.#described(method, url, status);
    this.seen.add(name);
    const media = (type ?? '').split(';', 1)[0] ?? '';
    if (content === undefined) {
      if (text !== '') throw new Error(`${name}: a body that is not described: ${text}`);
      return;
    }
    const described = objectAt(content, media === '' ? 'none' : media);
    if (media.endsWith('json')) this.#fits(name, objectAt(described, 'schema'), JSON.parse(text) as JsonValue);
  }

  /** The same for one event of a stream. */
  checkEvent(url: string, { event, data }: ReadEvent): void {
    const { content, name } = this.#described('GET', url, 200);
    const events = objectAt(objectAt(content ?? {}, 'text/event-stream'), 'x-events');
    this.#fits(`${name} event ${event}`, objectAt(events, event), data);
    this.seen.add(`${name} ${event}`);
  }

  /** All answers but problems that the document describes, as `seen` names them. */
  promised(): readonly string[] {
    return this.#paths.flatMap(({ operations }) =>
      ['get', 'post'].flatMap((method) => {
        const operation = operations[method];
        if (!isJsonObject(operation)) return [];
        return Object.keys(objectAt(operation, 'responses'))
          .filter((status) => status < '300')
          .map((status) => `${method.toUpperCase()} ${textAt(operations, 'path')} ${status}`);
      }),
    );
  }

  #described(
    method: string,
    url: string,
    status: number,
  ): { readonly content: JsonObject | undefined; readonly name: string } {
    const path = url.split('?', 1)[0] ?? url;
    const found = this.#paths.find(({ pattern }) => pattern.test(path));
    if (found === undefined) throw new Error(`${path} is not described`);
    const operation = objectAt(found.operations, method.toLowerCase());
    const answer = objectAt(objectAt(operation, 'responses'), String(status));
    const content = answer['content'];
    return {
      content: isJsonObject(content) ? content : undefined,
      name: `${method} ${textAt(found.operations, 'path')} ${status}`,
    };
  }

  #fits(name: string, schema: JsonObject, value: JsonValue): void {
    const reference = schema['$ref'];
    const validate: ValidateFunction | undefined =
      typeof reference === 'string' ? this.#ajv.getSchema(`api${reference}`) : this.#ajv.compile(schema);
    if (validate === undefined) throw new Error(`${name}: there is no schema ${JSON.stringify(schema)}`);
    if (validate(value)) return;
    throw new Error(`${name}: ${this.#ajv.errorsText(validate.errors)} in ${JSON.stringify(value)}`);
  }
}

/** The events of a piece of a stream; comments and `retry` are passed over. */
export function eventsIn(text: string): readonly ReadEvent[] {
  return text
    .split('\n\n')
    .map((block) => new Map(block.split('\n').map((line) => line.split(/: (.*)/su, 2) as [string, string])))
    .flatMap((lines) => {
      const [event, data, id] = [lines.get('event'), lines.get('data'), lines.get('id')];
      if (event === undefined || data === undefined) return [];
      return [{ event, data: JSON.parse(data) as JsonValue, ...(id !== undefined && { id }) }];
    });
}

/** Reads a stream of events until it ends, or `enough` says so; then it is let go. */
export async function readEvents(
  body: ReadableStream<Uint8Array> | null,
  enough: (events: readonly ReadEvent[]) => boolean = () => false,
): Promise<readonly ReadEvent[]> {
  if (body === null) throw new Error('there is no stream');
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const events: ReadEvent[] = [];
  while (!enough(events)) {
    const piece = await reader.read();
    if (piece.done) return events;
    text += decoder.decode(piece.value, { stream: true });
    const whole = text.lastIndexOf('\n\n') + 2;
    if (whole === 1) continue;
    events.push(...eventsIn(text.slice(0, whole)));
    text = text.slice(whole);
  }
  await reader.cancel();
  return events;
}

/** The document with its answers' objects closed: a member that has no schema does not fit. */
function closed(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map((each: JsonValue) => closed(each));
  if (!isJsonObject(value)) return value;
  const members = Object.fromEntries(Object.entries(value).map(([name, member]) => [name, closed(member)]));
  const open =
    isJsonObject(value['properties']) && value['type'] === 'object' && value['additionalProperties'] === undefined;
  return open ? { ...members, additionalProperties: false } : members;
}

/** A text member. @throws Error when it is none. */
export function textAt(value: JsonValue | undefined, name: string): string {
  const member = isJsonObject(value) ? value[name] : undefined;
  if (typeof member !== 'string') throw new Error(`'${name}' is no text in ${JSON.stringify(value)}`);
  return member;
}

function asObject(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function objectAt(value: JsonObject, name: string): JsonObject {
  const member = value[name];
  if (!isJsonObject(member)) throw new Error(`'${name}' is not described; there is ${Object.keys(value).join(', ')}`);
  return member;
}
