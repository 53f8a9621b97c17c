/** The providers there are. A new one is a word here, its package in `provider.ts` and its row in docs/models.md. */
export const PROVIDERS = ['anthropic', 'openai-compatible'] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** US dollars for a million tokens. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

/** One entry of `models.json`, as it stands there: `${NAME}` is not filled in. Times in seconds. */
export interface ModelEntry {
  readonly name: string;
  readonly provider: ProviderName;
  /** The provider's own id of the model. */
  readonly model: string;
  readonly apiKey?: string;
  readonly baseUrl?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly price?: Price;
  /** Calls that are under way at the same time in this process. */
  readonly maxConcurrent: number;
  /** Of one call, from when it is sent. */
  readonly timeoutSeconds: number;
  /** Whether the server takes a JSON Schema for its answer (`response_format`). */
  readonly structuredOutputs: boolean;
}

/** The entry that answers a step which names no other. */
export const DEFAULT_MODEL = 'default';

/** The models of the models file by name. */
export interface ModelCatalog {
  /** The file, for messages; it need not exist. */
  readonly file: string;
  readonly models: ReadonlyMap<string, ModelEntry>;
}
