import type { ModelAnswer, ModelRequest } from '../engine/ports.ts';

/** What a provider says of one turn. Token counts are absent where it says none. */
export interface ProviderAnswer extends Omit<ModelAnswer, 'usage'> {
  readonly tokens?: { readonly input: number; readonly output: number };
}

/** One model of one provider, ready to be called. */
export interface Provider {
  /** One turn, one call, no retry. Rejects with whatever the library throws, and soon after `signal` aborts. */
  ask(request: ModelRequest, signal: AbortSignal): Promise<ProviderAnswer>;
  close(): Promise<void>;
}

/** An entry with its variables filled in. */
export interface ProviderOptions {
  readonly provider: 'anthropic' | 'openai-compatible';
  readonly model: string;
  readonly apiKey?: string;
  readonly baseUrl?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly structuredOutputs: boolean;
}
