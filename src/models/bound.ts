import type { ModelBound, ModelRequest } from '../engine/ports.ts';
import type { Price } from './model-entry.ts';

/** What providers put around the texts of a request. */
const AROUND_REQUEST = 200;
const AROUND_MESSAGE = 16;
/** More than any provider counts for one picture or sound, whose bytes say little. */
const MEDIA_TOKENS = 30_000;

const MILLION = 1_000_000;

/**
 * The most that a turn can take. A token is at least one byte of text for every tokenizer in use, so the bytes of the
 * request bound what goes in;
 * `maxTokens` bounds what comes out. A schema is counted twice: it may stand in the prompt too.
 */
export function mostOf(request: ModelRequest, price: Price | undefined): ModelBound {
  const { messages, system = '', schema, maxTokens } = request;
  const schemaBytes = schema === undefined ? 0 : Buffer.byteLength(JSON.stringify(schema));
  const media = messages.flatMap(({ content }) => content).filter(isMedia).length;
  const input =
    AROUND_REQUEST +
    AROUND_MESSAGE * messages.length +
    Buffer.byteLength(JSON.stringify(messages)) +
    Buffer.byteLength(system) +
    2 * schemaBytes +
    MEDIA_TOKENS * media;
  const usd = dollars(price, input, maxTokens);
  return { tokens: input + maxTokens, ...(usd === undefined ? {} : { usd }) };
}

/** What so many tokens cost; `undefined` without a price. */
export function dollars(price: Price | undefined, input: number, output: number): number | undefined {
  if (price === undefined) return undefined;
  return Number(((price.input * input + price.output * output) / MILLION).toFixed(12));
}

function isMedia(block: unknown): boolean {
  return typeof block === 'object' && block !== null && 'data' in block;
}
