/** What stands in place of a secret. */
const MASK = '***';

/** Encoded forms are looked for only from this length on: a short one would match by chance. */
const ENCODED_FROM = 8;

/** Takes the values of secrets out of everything that leaves the room. Values are never shown, not even their length. */
export interface Redactor {
  /** The text with each occurrence of a secret replaced by `***`, also when it is JSON-escaped, URI- or base64-encoded. */
  text(text: string): string;
  /** The JSON value with each string in it, keys included, redacted; the same object when there is nothing to hide. */
  json<T>(value: T): T;
}

/** Hides nothing. */
export const noRedaction: Redactor = { text: (text) => text, json: (value) => value };

/** Empty values are no secrets and are ignored. */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = new Set<string>();
  for (const secret of secrets) {
    if (secret.length === 0) continue;
    forms.add(secret);
    forms.add(JSON.stringify(secret).slice(1, -1));
    if (secret.length < ENCODED_FROM) continue;
    forms.add(encodeURIComponent(secret));
    forms.add(Buffer.from(secret, 'utf8').toString('base64').replace(/=+$/, ''));
    forms.add(Buffer.from(secret, 'utf8').toString('base64url'));
  }
  if (forms.size === 0) return noRedaction;
  // The longest first, so that a secret inside another leaves no rest behind.
  const pattern = [...forms].sort((a, b) => b.length - a.length).map(escape);
  const secretForm = new RegExp(pattern.join('|'), 'g');
  const text = (value: string): string => value.replace(secretForm, MASK);
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), walk(member)]));
  };
  return {
    text,
    // The shape of a value does not change: strings stay strings and members stay where they are.
    json: <T>(value: T): T => walk(value) as T,
  };
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
