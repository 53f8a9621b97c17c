/** The one way to data: /api/v1. A token, where one is asked for, lives in this tab only. */
const BASE = '/api/v1';
const TOKEN = 'mcp-workflow-token';

export type Json = string | number | boolean | null | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json | undefined;
}

export interface Task {
  readonly taskId: string;
  readonly workflow: string;
  readonly status: string;
  readonly statusMessage: string;
  readonly percent: number;
  readonly createdAt: string;
  readonly lastUpdatedAt: string;
  readonly endedAt?: string;
  readonly wakeAt?: string;
  readonly rev: number;
  readonly error?: Failure;
  readonly warnings?: readonly string[];
  readonly parent?: { readonly taskId: string; readonly path: string };
  readonly inputRequests?: Readonly<Record<string, Question>>;
}

export interface Question {
  readonly method: string;
  readonly params: JsonObject;
  readonly path: string;
  readonly requestedAt: string;
  readonly expiresAt?: string;
}

export interface Failure {
  readonly code: string;
  readonly message: string;
  readonly step?: string;
}

/** What the server refused, in its own words. */
export class Refused extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

let onSignIn: () => void = () => undefined;

/** Calls `ask` whenever the server wants a token that this tab does not have. */
export function whenSignInIsAsked(ask: () => void): void {
  onSignIn = ask;
}

export function signIn(token: string): void {
  sessionStorage.setItem(TOKEN, token);
}

function headers(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return { ...more, ...(token !== null && { authorization: `Bearer ${token}` }) };
}

async function refusedOf(response: Response): Promise<Refused> {
  if (response.status === 401) onSignIn();
  const problem: unknown = await response.json().catch(() => null);
  const { code, detail } = (problem ?? {}) as { readonly code?: unknown; readonly detail?: unknown };
  return new Refused(
    response.status,
    typeof code === 'string' ? code : 'unknown',
    typeof detail === 'string' ? detail : `the server answered ${response.status}`,
  );
}

/** Reads JSON. @throws Refused */
export async function get<T>(path: string): Promise<T> {
  const response = await fetch(`${BASE}${path}`, { headers: headers() });
  if (!response.ok) throw await refusedOf(response);
  return (await response.json()) as T;
}

/** @throws Refused */
export async function post<T>(path: string, body: Json = {}, more: Readonly<Record<string, string>> = {}): Promise<T> {
  const response = await fetch(`${BASE}${path}`, {
    method: 'POST',
    headers: headers({ 'content-type': 'application/json', ...more }),
    body: JSON.stringify(body),
  });
  if (!response.ok) throw await refusedOf(response);
  return (await response.json()) as T;
}

/** A picture as an address that an image can have. @throws Refused */
export async function picture(path: string): Promise<string> {
  const response = await fetch(`${BASE}${path}`, { headers: headers() });
  if (!response.ok) throw await refusedOf(response);
  return URL.createObjectURL(await response.blob());
}

export interface StreamEvent {
  readonly event: string;
  readonly data: JsonObject;
}

/**
 * Follows a stream of events and takes it up again behind the last event whenever the connection breaks, until it is
 * stopped or has come to its end. Not an EventSource, which cannot send a token. `connected` is told as that changes.
 * Returns what stops it.
 */
export function follow(
  path: string,
  onEvents: (events: readonly StreamEvent[]) => void,
  connected: (is: boolean) => void,
): () => void {
  const stop = new AbortController();
  let lastId = '';
  let wait = 1000;
  const once = async (): Promise<boolean> => {
    const more = lastId === '' ? {} : { 'last-event-id': lastId };
    const response = await fetch(`${BASE}${path}`, { headers: headers(more), signal: stop.signal });
    if (response.status === 204) return true;
    if (!response.ok || response.body === null) {
      if (response.status === 401) onSignIn();
      return response.status >= 400 && response.status < 500;
    }
    connected(true);
    wait = 1000;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (;;) {
      const piece = await reader.read();
      if (piece.done) return false;
      rest += piece.value;
      const whole = rest.lastIndexOf('\n\n');
      if (whole === -1) continue;
      const events = rest.slice(0, whole).split('\n\n').flatMap(parsed);
      rest = rest.slice(whole + 2);
      for (const { id } of events) if (id !== undefined) lastId = id;
      if (events.length > 0) onEvents(events);
      if (events.at(-1)?.event === 'end') return true;
    }
  };
  const loop = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      const over = await once().catch(() => false);
      if (over) return;
      connected(false);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 2, 10_000);
    }
  };
  void loop();
  return () => stop.abort();
}

function parsed(block: string): readonly (StreamEvent & { readonly id?: string })[] {
  const lines = new Map(
    block.split('\n').map((line): [string, string] => {
      const colon = line.indexOf(': ');
      return [line.slice(0, colon), line.slice(colon + 2)];
    }),
  );
  const [event, data, id] = [lines.get('event'), lines.get('data'), lines.get('id')];
  if (event === undefined || data === undefined) return [];
  return [{ event, data: JSON.parse(data) as JsonObject, ...(id !== undefined && { id }) }];
}
