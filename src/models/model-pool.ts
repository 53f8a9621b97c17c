import type { Clock } from '../core/clock.ts';
import { messageOf, stepFailure, StepFailure } from '../core/failure.ts';
import { DeadlinePassed, withDeadline } from '../downstream/deadline.ts';
import { createRedactor, type Redactor } from '../downstream/redaction.ts';
import { Substitution, type Environment } from '../downstream/substitution.ts';
import { Turnstile } from '../downstream/turnstile.ts';
import type { ModelAnswer, ModelBound, ModelCall, ModelRequest, Models, ModelUsage } from '../engine/ports.ts';
import { dollars, mostOf } from './bound.ts';
import { toStepFailure } from './failures.ts';
import { ModelMetrics } from './metrics.ts';
import type { ModelCatalog, ModelEntry } from './model-entry.ts';
import type { Provider, ProviderAnswer, ProviderOptions } from './provider.ts';

export interface ModelPoolOptions {
  readonly catalog: ModelCatalog;
  readonly environment: Environment;
  readonly clock: Clock;
  /** Makes a provider ready; loads its package. Default: the library's. */
  readonly open?: (options: ProviderOptions) => Promise<Provider>;
}

/** A model that was called: its way out, and what must not be seen of it. */
interface Ready {
  readonly provider: Provider;
  readonly redactor: Redactor;
}

/**
 * The models of the models file. Nothing of a provider is loaded, and no variable is read, before its model is first
 * called; what then fails is tried again by the next call. `close` cuts the calls that are under way.
 */
export class ModelPool implements Models {
  readonly metrics = new ModelMetrics();
  readonly #options: ModelPoolOptions;
  readonly #ready = new Map<string, Promise<Ready>>();
  readonly #places = new Map<string, Turnstile>();

  constructor(options: ModelPoolOptions) {
    this.#options = options;
  }

  get names(): readonly string[] {
    return [...this.#options.catalog.models.keys()];
  }

  has(name: string): boolean {
    return this.#options.catalog.models.has(name);
  }

  most(name: string, request: ModelRequest): ModelBound {
    return mostOf(request, this.#entry(name).price);
  }

  async ask(name: string, request: ModelRequest, { signal, onTurn, workflow = '' }: ModelCall): Promise<ModelAnswer> {
    const entry = this.#entry(name);
    const { provider, redactor } = await this.#open(entry);
    const leave = await this.#placeOf(entry).enter(signal);
    try {
      if (onTurn !== undefined) await onTurn();
      signal.throwIfAborted();
      const answer = redactor.json(await this.#turn(entry, provider, redactor, request, signal, workflow));
      const { tokens, ...said } = answer;
      const usage = usageOf(entry, request, said.text, tokens);
      this.metrics.answered(name, workflow, usage);
      return { ...said, usage };
    } finally {
      leave();
    }
  }

  async close(): Promise<void> {
    const opened = [...this.#ready.values()];
    this.#ready.clear();
    await Promise.allSettled(opened.map(async (ready) => (await ready).provider.close()));
  }

  async #turn(
    { name, timeoutSeconds }: ModelEntry,
    provider: Provider,
    redactor: Redactor,
    request: ModelRequest,
    signal: AbortSignal,
    workflow: string,
  ): Promise<ProviderAnswer> {
    const { clock } = this.#options;
    try {
      return await withDeadline(clock, timeoutSeconds * 1000, signal, (own) => provider.ask(request, own));
    } catch (error) {
      this.metrics.failed(name, workflow);
      signal.throwIfAborted();
      if (error instanceof DeadlinePassed) {
        throw stepFailure('timeout', `model '${name}' did not answer within ${timeoutSeconds} seconds`);
      }
      throw toStepFailure(error, name, redactor, clock);
    }
  }

  #entry(name: string): ModelEntry {
    const entry = this.#options.catalog.models.get(name);
    if (entry === undefined) throw stepFailure('no_model', `${this.#options.catalog.file} has no model '${name}'`);
    return entry;
  }

  #placeOf({ name, maxConcurrent }: ModelEntry): Turnstile {
    const place = this.#places.get(name) ?? new Turnstile(maxConcurrent);
    this.#places.set(name, place);
    return place;
  }

  #open(entry: ModelEntry): Promise<Ready> {
    const known = this.#ready.get(entry.name);
    if (known !== undefined) return known;
    const ready = this.#made(entry).catch((error: unknown) => {
      this.#ready.delete(entry.name);
      throw error;
    });
    this.#ready.set(entry.name, ready);
    return ready;
  }

  async #made(entry: ModelEntry): Promise<Ready> {
    const { environment, open = openByLibrary } = this.#options;
    const words = {
      entry: `model '${entry.name}'`,
      file: 'models file',
      cannot: 'be used',
      code: 'no_model' as const,
    };
    const secret = new Substitution(environment, words);
    // Which model answers is shown; it is no secret, wherever its name comes from.
    const shown = new Substitution(environment, words);
    const filled: ProviderOptions = {
      provider: entry.provider,
      model: shown.text(entry.model),
      headers: secret.record(entry.headers),
      structuredOutputs: entry.structuredOutputs,
      ...(entry.apiKey === undefined ? {} : { apiKey: secret.text(entry.apiKey) }),
      ...(entry.baseUrl === undefined ? {} : { baseUrl: secret.text(entry.baseUrl) }),
    };
    // A key that stands in the file is a secret as well.
    if (filled.apiKey !== undefined) secret.secrets.add(filled.apiKey);
    try {
      return { provider: await open(filled), redactor: createRedactor(secret.secrets) };
    } catch (error) {
      throw error instanceof StepFailure ? error : notLoaded(entry, error);
    }
  }
}

/** The packages of the library by provider, in the versions that package.json names. */
const PACKAGES: Readonly<Record<ModelEntry['provider'], string>> = {
  anthropic: 'ai@6 @ai-sdk/anthropic@3',
  'openai-compatible': 'ai@6 @ai-sdk/openai-compatible@2',
};

function notLoaded({ name, provider }: ModelEntry, error: unknown): StepFailure {
  const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
  return stepFailure(
    'no_model',
    isMissing
      ? `model '${name}' needs packages that are not installed: npm install ${PACKAGES[provider]}`
      : `model '${name}' cannot be used: ${messageOf(error)}`,
  );
}

async function openByLibrary(options: ProviderOptions): Promise<Provider> {
  const { openProvider } = await import('./ai-provider.ts');
  return await openProvider(options);
}

const CHARACTERS_A_TOKEN = 4;

/** What the provider counted, or one token for four characters where it does not count. */
function usageOf(
  { price }: ModelEntry,
  { messages, system = '' }: ModelRequest,
  text: string,
  tokens: ProviderAnswer['tokens'],
): ModelUsage {
  const input = tokens?.input ?? Math.ceil((JSON.stringify(messages).length + system.length) / CHARACTERS_A_TOKEN);
  const output = tokens?.output ?? Math.ceil(text.length / CHARACTERS_A_TOKEN);
  const usd = dollars(price, input, output);
  return {
    input_tokens: input,
    output_tokens: output,
    total_tokens: input + output,
    ...(usd === undefined ? {} : { usd }),
    ...(tokens === undefined ? { estimated: true as const } : {}),
  };
}
