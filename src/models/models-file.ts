import { z } from 'zod';
import { FORBIDDEN_NAMES, isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { nearest } from '../core/suggest.ts';
import type { Issue } from '../definition/model.ts';
import type { SourceDocument, SourceNode } from '../definition/source/document.ts';
import { offsetOf, Positions } from '../definition/source/positions.ts';
import { readSource } from '../definition/source/read.ts';
import { unknownVariables } from '../downstream/substitution.ts';
import { PROVIDERS, type ModelCatalog, type ModelEntry } from './model-entry.ts';

const positive = z.number().positive();
const dollars = z.number().min(0);

const entrySchema = z
  .object({
    provider: z.enum(PROVIDERS, `expected one of ${PROVIDERS.join(', ')}`),
    model: z.string().min(1),
    api_key: z.string().min(1).optional(),
    base_url: z.string().min(1).optional(),
    headers: z
      .record(
        z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/u, 'a header name has letters, digits and - only'),
        z.string().regex(/^[^\p{Cc}]*$/u, 'a header value has no line ends and control characters'),
      )
      .default({}),
    price: z.strictObject({ input: dollars, output: dollars }).optional(),
    max_concurrent: z.int().positive().default(16),
    timeout_seconds: positive.default(600),
    structured_outputs: z.boolean().default(true),
  })
  .refine(({ provider, base_url: url }) => provider !== 'openai-compatible' || url !== undefined, {
    path: ['base_url'],
    message: "provider 'openai-compatible' needs 'base_url', e.g. http://127.0.0.1:11434/v1",
  });

const KNOWN_KEYS = Object.keys(entrySchema.shape);
/** Keys whose texts may hold variables. */
const FILLED_KEYS = ['model', 'api_key', 'base_url', 'headers'];

/**
 * Reads the text of a models file: `{"models": {name: {provider, model, …}}}`, JSON with comments or YAML. Never
 * throws: an entry with an error is reported and left out, the others are kept. Nothing is filled in, no package is
 * loaded and nobody is called.
 */
export function parseModelsFile(
  source: string,
  file: string,
): { readonly catalog: ModelCatalog; readonly issues: readonly Issue[] } {
  const isJson = /^\uFEFF?\s*(?:\{|\/[/*])/u.test(source);
  const text = source.trim() === '' ? '{}' : source;
  const { document, problems } = readSource(text, isJson ? 'models.json' : 'models.yaml', { comments: true });
  const reader = new Reader(source, document, file);
  for (const { offset, code, message, hint } of problems) reader.report('error', code, message, offset, hint);
  const models = document === undefined ? new Map<string, ModelEntry>() : new Map(reader.models(document.value));
  return { catalog: { file, models }, issues: reader.issues };
}

class Reader {
  readonly issues: Issue[] = [];
  readonly #root: SourceNode;
  readonly #lines: Positions;
  readonly #file: string;

  constructor(source: string, document: SourceDocument | undefined, file: string) {
    this.#root = document?.root ?? { offset: 0 };
    this.#lines = new Positions(source);
    this.#file = file;
  }

  *models(root: JsonValue): Generator<[string, ModelEntry]> {
    const given = isJsonObject(root) ? root['models'] : undefined;
    if (!isJsonObject(given)) {
      const hint = 'write {"models": {"default": {"provider": "…", "model": "…"}}}';
      this.#problem('error', 'no_models', [], "the file has no 'models' object", hint);
      return;
    }
    for (const [name, entry] of Object.entries(given)) {
      const read = this.#entry(name, entry, ['models', name]);
      if (read !== undefined) yield [name, read];
    }
  }

  #entry(name: string, given: JsonValue, at: readonly string[]): ModelEntry | undefined {
    if (FORBIDDEN_NAMES.has(name) || name === '') {
      this.#problem('error', 'reserved_name', at, `'${name}' cannot be the name of a model`);
      return undefined;
    }
    if (!isJsonObject(given)) {
      this.#problem('error', 'invalid_model', at, `model '${name}' must be an object`);
      return undefined;
    }
    this.#warn(name, given, at);
    const parsed = entrySchema.safeParse(given);
    if (!parsed.success) return this.#invalid(name, at, parsed.error);
    const { base_url: url } = parsed.data;
    if (url !== undefined && !url.includes('${') && !/^https?:$/u.test(URL.parse(url)?.protocol ?? '')) {
      const message = `model '${name}': '${url}' is not an http or https URL`;
      this.#problem('error', 'invalid_url', [...at, 'base_url'], message);
      return undefined;
    }
    return entryOf(name, parsed.data);
  }

  #warn(name: string, given: JsonObject, at: readonly string[]): void {
    for (const key of Object.keys(given)) {
      if (KNOWN_KEYS.includes(key)) continue;
      const meant = nearest(key, KNOWN_KEYS);
      const hint = meant === undefined ? `there are: ${KNOWN_KEYS.join(', ')}` : `did you mean '${meant}'?`;
      this.#problem('warning', 'unknown_key', [...at, key], `model '${name}': key '${key}' is not used here`, hint);
    }
    for (const variable of unknownVariables(given, FILLED_KEYS)) {
      const message = `model '${name}' cannot be used: '${variable}' is not read here`;
      const hint = 'write ${NAME} or ${NAME:-default}: it is taken from the environment';
      this.#problem('warning', 'unknown_variable', at, message, hint);
    }
    const key = given['api_key'];
    if (typeof key === 'string' && !key.includes('${')) {
      const message = `model '${name}': the key stands in the file, for everybody who can read it`;
      this.#problem('warning', 'secret_in_file', [...at, 'api_key'], message, 'write ${NAME} and set the variable');
    }
  }

  #invalid(name: string, at: readonly string[], error: z.ZodError): undefined {
    for (const issue of error.issues) {
      const where = issue.path.map((key) => (typeof key === 'number' ? key : String(key)));
      const text = issue.code === 'invalid_key' ? (issue.issues[0]?.message ?? issue.message) : issue.message;
      this.#problem('error', 'invalid_value', [...at, ...where], `model '${name}': ${where.join('.')}: ${text}`);
    }
    return undefined;
  }

  #problem(
    severity: Issue['severity'],
    code: string,
    at: readonly (string | number)[],
    message: string,
    hint?: string,
  ): void {
    this.report(severity, code, message, offsetOf(this.#root, at, true), hint, `/${at.join('/')}`);
  }

  report(
    severity: Issue['severity'],
    code: string,
    message: string,
    offset: number,
    hint?: string,
    path?: string,
  ): void {
    this.issues.push({
      severity,
      file: this.#file,
      ...this.#lines.at(offset),
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(path === undefined ? {} : { path }),
    });
  }
}

function entryOf(name: string, data: z.infer<typeof entrySchema>): ModelEntry {
  return {
    name,
    provider: data.provider,
    model: data.model,
    ...(data.api_key === undefined ? {} : { apiKey: data.api_key }),
    ...(data.base_url === undefined ? {} : { baseUrl: data.base_url }),
    headers: data.headers,
    ...(data.price === undefined ? {} : { price: data.price }),
    maxConcurrent: data.max_concurrent,
    timeoutSeconds: data.timeout_seconds,
    structuredOutputs: data.structured_outputs,
  };
}
