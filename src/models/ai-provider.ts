/**
 * The one file that knows the library. It is imported when a model is first called, never at a start: its packages are
 * optional. Models are always objects of a provider's package: a bare name would go to a gateway of the library's
 * maker.
 */
import { generateText, jsonSchema, Output, type LanguageModel } from 'ai';
import type { ModelRequest } from '../engine/ports.ts';
import { BoundedFetch } from './bounded-fetch.ts';
import { toModelMessages } from './messages.ts';
import type { Provider, ProviderAnswer, ProviderOptions } from './provider.ts';
import { fitsStrictMode } from './strict-schema.ts';

/** The name of ours under which the library takes options for an OpenAI-compatible server. */
const OPTIONS_NAME = 'openaiCompatible';

// Its warnings go to standard output, which on stdio belongs to the protocol.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false });

type Model = Exclude<LanguageModel, string>;

/** Loads the provider's package. Rejects as `import` does when it is not installed. */
export async function openProvider(options: ProviderOptions): Promise<Provider> {
  const http = new BoundedFetch();
  const model = await modelOf(options, http.fetch);
  return {
    ask: (request, signal) => ask(model, request, signal),
    close: () => http.close(),
  };
}

async function modelOf(options: ProviderOptions, fetch: BoundedFetch['fetch']): Promise<Model> {
  const { provider, model, apiKey, baseUrl, headers, structuredOutputs } = options;
  switch (provider) {
    case 'anthropic': {
      const { createAnthropic } = await import('@ai-sdk/anthropic');
      const given = {
        headers: { ...headers },
        fetch,
        // Without these two the library would look into the environment.
        apiKey: apiKey ?? '',
        baseURL: baseUrl ?? 'https://api.anthropic.com/v1',
      };
      return createAnthropic(given)(model);
    }
    case 'openai-compatible': {
      const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
      return createOpenAICompatible({
        name: OPTIONS_NAME,
        baseURL: baseUrl ?? '',
        headers: { ...headers },
        fetch,
        supportsStructuredOutputs: structuredOutputs,
        ...(apiKey === undefined ? {} : { apiKey }),
      })(model);
    }
  }
}

async function ask(model: Model, request: ModelRequest, signal: AbortSignal): Promise<ProviderAnswer> {
  const { system, schema, maxTokens, temperature } = request;
  const result = await generateText({
    model,
    messages: toModelMessages(request.messages),
    maxOutputTokens: maxTokens,
    // Another try is the engine's to decide, and a turn is what it makes a checkpoint of.
    maxRetries: 0,
    abortSignal: signal,
    ...(system === undefined ? {} : { system }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(schema === undefined ? {} : { output: unchecked(schema) }),
    ...(schema === undefined || fitsStrictMode(schema)
      ? {}
      : { providerOptions: { [OPTIONS_NAME]: { strictJsonSchema: false } } }),
  });
  const { text, finishReason, response, usage } = result;
  const { inputTokens: input, outputTokens: output } = usage;
  return {
    text,
    model: response.modelId,
    stop_reason: STOP_REASONS[finishReason] ?? finishReason,
    ...(input === undefined || output === undefined ? {} : { tokens: { input, output } }),
  };
}

/** In the words of MCP's sampling. */
const STOP_REASONS: Readonly<Record<string, string>> = {
  stop: 'endTurn',
  length: 'maxTokens',
  'tool-calls': 'toolUse',
  'content-filter': 'refusal',
};

/**
 * Asks for the schema and gives the text as it came: whether it fits is looked at by the step, which can say so to the
 * model.
 */
function unchecked(schema: NonNullable<ModelRequest['schema']>): Output.Output<string, string> {
  return {
    name: 'unchecked',
    // The library types a schema by draft 7; it hands it on as it is.
    responseFormat: Output.object({ schema: jsonSchema(schema as Parameters<typeof jsonSchema>[0]) }).responseFormat,
    parseCompleteOutput: ({ text }) => Promise.resolve(text),
    parsePartialOutput: ({ text }) => Promise.resolve({ partial: text }),
    createElementStreamTransform: () => undefined,
  };
}
