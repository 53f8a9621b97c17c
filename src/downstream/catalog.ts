import path from 'node:path';
import { isMap, isPair, isScalar, LineCounter, parseDocument, type Document } from 'yaml';
import { z } from 'zod';
import { messageOf } from '../core/failure.ts';
import { FORBIDDEN_NAMES } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import type { Issue } from '../definition/model.ts';
import { readSource } from '../definition/source/read.ts';
import type { ServerCatalog, ServerConfig } from './server-config.ts';

const positive = z.number().positive();

/** What stands in a header field: a token, and a value on one line. */
const headerFields = z.record(
  z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/u, 'a header name has letters, digits and - only'),
  z.string().regex(/^[^\p{Cc}]*$/u, 'a header value has no line ends and control characters'),
);
const variables = z.record(
  z.string().regex(/^[^=\0]+$/u, 'the name of a variable has no ='),
  z.string().regex(/^[^\0]*$/u, 'the value of a variable has no null character'),
);

const limits = {
  timeout_seconds: positive.default(300),
  start_timeout_seconds: positive.default(30),
  max_concurrent: z.int().positive().default(16),
  max_response_bytes: z
    .int()
    .min(1024)
    .default(10 * 1024 * 1024),
  rate_per_minute: positive.optional(),
  circuit_breaker: z.strictObject({ failures: z.int().positive(), reset_seconds: positive }).optional(),
  trusted: z.boolean().default(false),
  disabled: z.boolean().default(false),
  protocol: z.enum(['auto', '2025-11-25', '2026-07-28']).optional(),
};

const stdioEntry = z.object({
  ...limits,
  type: z.literal('stdio').optional(),
  command: z.string().min(1),
  args: z.array(z.string()).default([]),
  env: variables.default({}),
  cwd: z.string().min(1).optional(),
});

const httpEntry = z.object({
  ...limits,
  type: z.enum(['http', 'streamable-http', 'streamableHttp']).optional(),
  url: z.string().min(1),
  headers: headerFields.default({}),
});

const KNOWN_KEYS = new Set([...Object.keys(stdioEntry.shape), ...Object.keys(httpEntry.shape)]);

/**
 * Reads the text of a servers file (the `mcpServers` object of MCP hosts; `servers` is accepted too).
 * Never throws: an entry with an error is reported and left out, the others are kept. Nothing is substituted and nothing is
 * started; relative `cwd` and `command` paths are resolved against the folder of `file`.
 */
export function parseServersFile(
  source: string,
  file: string,
): {
  readonly catalog: ServerCatalog;
  readonly issues: readonly Issue[];
  /** Where each server stands in the file, from 1. */
  readonly positions: ReadonlyMap<string, { readonly line: number; readonly column: number }>;
} {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines });
  const reader = new Reader(document, lines, file);
  for (const { offset, message } of syntaxProblems(source, document)) {
    reader.report('error', 'syntax', message, lines.linePos(offset));
  }
  const servers = new Map<string, ServerConfig>();
  if (document.errors.length === 0) {
    for (const [name, config] of reader.servers()) servers.set(name, config);
  }
  return { catalog: { file, servers }, issues: reader.issues, positions: reader.positions };
}

/** In the words of JSON where it was meant to be JSON; several errors of YAML are mostly one. */
function syntaxProblems(
  source: string,
  document: Document.Parsed,
): readonly { readonly offset: number; readonly message: string }[] {
  if (document.errors.length === 0) return [];
  const json = /^\s*\{/u.test(source) ? readSource(source, 'servers.json').problems : [];
  if (json.length > 0) return json;
  return document.errors.map((error) => ({
    offset: error.pos[0],
    message: (error.message.split('\n')[0] ?? error.message).replace(/ at line.*$/, ''),
  }));
}

interface Position {
  readonly line: number;
  readonly col: number;
}

class Reader {
  readonly issues: Issue[] = [];
  readonly positions = new Map<string, { readonly line: number; readonly column: number }>();
  private readonly document: Document.Parsed;
  private readonly lines: LineCounter;
  private readonly file: string;

  constructor(document: Document.Parsed, lines: LineCounter, file: string) {
    this.document = document;
    this.lines = lines;
    this.file = file;
  }

  *servers(): Generator<[string, ServerConfig]> {
    const root = this.root();
    const key =
      isRecord(root) && !Object.hasOwn(root, 'mcpServers') && Object.hasOwn(root, 'servers') ? 'servers' : 'mcpServers';
    const entries = isRecord(root) ? root[key] : undefined;
    if (!isRecord(entries)) {
      this.problem(
        'error',
        'no_servers',
        [],
        "the file has no 'mcpServers' object",
        'write {"mcpServers": {"name": {"command": "…"}}}',
      );
      return;
    }
    for (const [name, entry] of Object.entries(entries)) {
      const { line, col } = this.position([key, name]);
      this.positions.set(name, { line, column: col });
      const config = this.entry(name, entry, [key, name]);
      if (config !== undefined) yield [name, config];
    }
  }

  private root(): unknown {
    try {
      // Aliases are no JSON and can multiply without end.
      return this.document.contents === null ? null : this.document.toJS({ maxAliasCount: 0 });
    } catch (error) {
      this.problem('error', 'syntax', [], messageOf(error));
      return undefined;
    }
  }

  private entry(name: string, entry: unknown, at: readonly string[]): ServerConfig | undefined {
    if (FORBIDDEN_NAMES.has(name) || name.length === 0) {
      this.problem('error', 'reserved_name', at, `'${name}' cannot be the name of a server`);
      return undefined;
    }
    if (!isRecord(entry)) {
      this.problem('error', 'invalid_server', at, `server '${name}' must be an object`);
      return undefined;
    }
    for (const key of Object.keys(entry)) {
      if (KNOWN_KEYS.has(key)) continue;
      const meant = nearest(key, KNOWN_KEYS);
      const hint = meant === undefined ? undefined : `did you mean '${meant}'?`;
      this.problem('warning', 'unknown_key', [...at, key], `server '${name}': key '${key}' is not used here`, hint);
    }
    if (entry['type'] === 'sse') {
      const hint = 'use the Streamable HTTP endpoint of the server with "type": "http"';
      // Files of hosts have such entries: no reason to do without the others.
      this.problem(
        'warning',
        'unsupported_transport',
        [...at, 'type'],
        `server '${name}' is left out: the old SSE transport is not supported`,
        hint,
      );
      return undefined;
    }
    const hasCommand = entry['command'] !== undefined;
    if (hasCommand === (entry['url'] !== undefined)) {
      this.problem(
        'error',
        'invalid_server',
        at,
        `server '${name}' needs either 'command' or 'url'${hasCommand ? ', not both' : ''}`,
      );
      return undefined;
    }
    return hasCommand ? this.stdio(name, entry, at) : this.http(name, entry, at);
  }

  private stdio(name: string, entry: object, at: readonly string[]): ServerConfig | undefined {
    const parsed = stdioEntry.safeParse(entry);
    if (!parsed.success) return this.invalid(name, at, parsed.error);
    const { command, args, env, cwd } = parsed.data;
    const folder = path.dirname(path.resolve(this.file));
    return {
      ...common(name, parsed.data),
      kind: 'stdio',
      // A bare name is looked up in PATH; `./server` means the file beside the servers file, wherever `cwd` points.
      command: /^\.{1,2}[/\\]/.test(command) ? path.resolve(folder, command) : command,
      args,
      env,
      cwd: path.resolve(folder, cwd ?? '.'),
    };
  }

  private http(name: string, entry: object, at: readonly string[]): ServerConfig | undefined {
    const parsed = httpEntry.safeParse(entry);
    if (!parsed.success) return this.invalid(name, at, parsed.error);
    const { url, headers } = parsed.data;
    if (!url.includes('${') && !/^https?:$/.test(URL.parse(url)?.protocol ?? '')) {
      this.problem('error', 'invalid_url', [...at, 'url'], `server '${name}': '${url}' is not an http or https URL`);
      return undefined;
    }
    return { ...common(name, parsed.data), kind: 'http', url, headers };
  }

  private invalid(name: string, at: readonly string[], error: z.ZodError): undefined {
    for (const issue of error.issues) {
      const where = issue.path.map(String);
      this.problem(
        'error',
        'invalid_value',
        [...at, ...where],
        `server '${name}': ${where.join('.')}: ${issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message}`,
      );
    }
    return undefined;
  }

  private problem(
    severity: Issue['severity'],
    code: string,
    at: readonly string[],
    message: string,
    hint?: string,
  ): void {
    this.report(severity, code, message, this.position(at), hint, `/${at.join('/')}`);
  }

  report(
    severity: Issue['severity'],
    code: string,
    message: string,
    at: Position,
    hint?: string,
    where?: string,
  ): void {
    this.issues.push({
      severity,
      file: this.file,
      line: at.line,
      column: at.col,
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(where === undefined ? {} : { path: where }),
    });
  }

  /** Where the key of a path stands; of its nearest existing parent when the path does not exist. */
  private position(at: readonly string[]): Position {
    let node: unknown = this.document.contents;
    let offset = 0;
    for (const segment of at) {
      if (!isMap(node)) break;
      const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === segment);
      if (pair === undefined) break;
      if (isScalar(pair.key)) offset = pair.key.range?.[0] ?? offset;
      node = pair.value;
    }
    const position = this.lines.linePos(offset);
    return position.line === 0 ? { line: 1, col: 1 } : position;
  }
}

function common(name: string, data: z.infer<z.ZodObject<typeof limits>>) {
  return {
    name,
    timeoutSeconds: data.timeout_seconds,
    startTimeoutSeconds: data.start_timeout_seconds,
    maxConcurrent: data.max_concurrent,
    maxResponseBytes: data.max_response_bytes,
    trusted: data.trusted,
    disabled: data.disabled,
    ...(data.rate_per_minute === undefined ? {} : { ratePerMinute: data.rate_per_minute }),
    ...(data.circuit_breaker === undefined
      ? {}
      : {
          circuitBreaker: { failures: data.circuit_breaker.failures, resetSeconds: data.circuit_breaker.reset_seconds },
        }),
    ...(data.protocol === undefined ? {} : { protocol: data.protocol }),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
