import path from 'node:path';
import { z } from 'zod';
import { FORBIDDEN_NAMES, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import type { Issue } from '../definition/model.ts';
import type { SourceDocument, SourceNode } from '../definition/source/document.ts';
import { offsetOf, Positions } from '../definition/source/positions.ts';
import { readSource } from '../definition/source/read.ts';
import { inHostWords, PASSED_OVER, serversOf } from './host-words.ts';
import type { ServerCatalog, ServerConfig } from './server-config.ts';
import { mayHoldSecret, unknownVariables } from './substitution.ts';

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
  start_timeout_seconds: positive.default(60),
  max_concurrent: z.int().positive().default(16),
  max_response_bytes: z
    .int()
    .min(1024)
    .default(10 * 1024 * 1024),
  max_response_values: z.int().min(1000).default(250_000),
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
  envFile: z.string().min(1).optional(),
});

const httpEntry = z.object({
  ...limits,
  type: z.literal('http').optional(),
  url: z.string().min(1),
  headers: headerFields.default({}),
});

const KNOWN_KEYS = new Set([...Object.keys(stdioEntry.shape), ...Object.keys(httpEntry.shape)]);

/**
 * Reads the text of a servers file (the `mcpServers` object of MCP hosts; `servers` is accepted too). Never throws: an
 * entry with an error is reported and left out, the others are kept. Nothing is substituted and nothing is started;
 * relative `cwd` and `command` paths are resolved against the folder of `file`.
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
  // Hosts' files are JSON with comments, whatever they are called; anything else is YAML.
  const isJson = /^\uFEFF?\s*(?:\{|\/[/*])/u.test(source);
  // An empty file has no servers; that is said below.
  const text = source.trim() === '' ? '{}' : source;
  const { document, problems } = readSource(text, isJson ? 'servers.json' : 'servers.yaml', { comments: true });
  const reader = new Reader(source, document, file);
  for (const { offset, code, message, hint } of problems) {
    reader.report('error', code, message, offset, hint);
  }
  const servers = new Map<string, ServerConfig>();
  if (document !== undefined) {
    for (const [name, config] of reader.servers(document.value)) servers.set(name, config);
  }
  return { catalog: { file, servers }, issues: reader.issues, positions: reader.positions };
}

class Reader {
  readonly issues: Issue[] = [];
  readonly positions = new Map<string, { readonly line: number; readonly column: number }>();
  private readonly root: SourceNode;
  private readonly lines: Positions;
  private readonly file: string;

  constructor(source: string, document: SourceDocument | undefined, file: string) {
    this.root = document?.root ?? { offset: 0 };
    this.lines = new Positions(source);
    this.file = file;
  }

  *servers(root: JsonValue): Generator<[string, ServerConfig]> {
    const found = serversOf(root);
    if (found === undefined) {
      this.problem(
        'error',
        'no_servers',
        [],
        "the file has no 'mcpServers' object",
        'write {"mcpServers": {"name": {"command": "…"}}}',
      );
      return;
    }
    for (const [name, entry] of Object.entries(found.servers)) {
      const at = [found.key, name];
      this.positions.set(name, this.lines.at(offsetOf(this.root, at, true)));
      const config = this.entry(name, entry, at);
      if (config !== undefined) yield [name, config];
    }
  }

  private entry(name: string, given: JsonValue, at: readonly string[]): ServerConfig | undefined {
    if (FORBIDDEN_NAMES.has(name) || name.length === 0) {
      this.problem('error', 'reserved_name', at, `'${name}' cannot be the name of a server`);
      return undefined;
    }
    if (!isJsonObject(given)) {
      this.problem('error', 'invalid_server', at, `server '${name}' must be an object`);
      return undefined;
    }
    const entry = inHostWords(given);
    for (const key of Object.keys(entry)) {
      if (KNOWN_KEYS.has(key)) continue;
      const meant = PASSED_OVER.has(key) ? undefined : nearest(key, KNOWN_KEYS);
      const hint = meant === undefined ? undefined : `did you mean '${meant}'?`;
      this.problem('warning', 'unknown_key', [...at, key], `server '${name}': key '${key}' is not used here`, hint);
    }
    for (const variable of unknownVariables(entry)) {
      this.problem(
        'warning',
        'unknown_variable',
        at,
        `server '${name}' cannot be used: '${variable}' is not read here`,
        'write ${NAME} or ${NAME:-default}: it is taken from the environment',
      );
    }
    this.warnOfSecretsInArguments(name, entry, at);
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

  /**
   * The arguments of a program can be read by every user of the machine; its environment cannot. What says where things
   * are is no secret.
   */
  private warnOfSecretsInArguments(name: string, entry: JsonObject, at: readonly string[]): void {
    const { args } = entry;
    const shown = (Array.isArray(args) ? args : []).find(
      (argument: JsonValue) => typeof argument === 'string' && mayHoldSecret(argument),
    );
    if (shown === undefined) return;
    this.problem(
      'warning',
      'secret_in_arguments',
      [...at, 'args'],
      `server '${name}': every user of the machine sees 'args' (in ps), and one of them holds a variable`,
      "hand secrets on in 'env'",
    );
  }

  private stdio(name: string, entry: object, at: readonly string[]): ServerConfig | undefined {
    const parsed = stdioEntry.safeParse(entry);
    if (!parsed.success) return this.invalid(name, at, parsed.error);
    const { command, args, env, cwd, envFile } = parsed.data;
    const folder = path.dirname(path.resolve(this.file));
    return {
      ...common(name, parsed.data),
      kind: 'stdio',
      command,
      args,
      env,
      cwd: cwd ?? '.',
      folder,
      ...(envFile === undefined ? {} : { envFile }),
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
    const folder = path.dirname(path.resolve(this.file));
    return { ...common(name, parsed.data), kind: 'http', url, headers, folder };
  }

  private invalid(name: string, at: readonly string[], error: z.ZodError): undefined {
    for (const issue of error.issues) {
      const where = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
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
    at: readonly (string | number)[],
    message: string,
    hint?: string,
  ): void {
    this.report(severity, code, message, offsetOf(this.root, at, true), hint, `/${at.join('/')}`);
  }

  report(
    severity: Issue['severity'],
    code: string,
    message: string,
    offset: number,
    hint?: string,
    where?: string,
  ): void {
    this.issues.push({
      severity,
      file: this.file,
      ...this.lines.at(offset),
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(where === undefined ? {} : { path: where }),
    });
  }
}

function common(name: string, data: z.infer<z.ZodObject<typeof limits>>) {
  return {
    name,
    timeoutSeconds: data.timeout_seconds,
    startTimeoutSeconds: data.start_timeout_seconds,
    maxConcurrent: data.max_concurrent,
    maxResponseBytes: data.max_response_bytes,
    maxResponseValues: data.max_response_values,
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
