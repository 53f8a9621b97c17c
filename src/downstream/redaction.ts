/** What stands in place of a secret. */
const MASK = '***';

/** Encoded forms are looked for only from this length on: a short one would match by chance. */
const ENCODED_FROM = 8;

/** Shorter values (`1`, `de`) and switches are settings and no secrets: to hide them would tear holes into every result. */
const SECRET_FROM = 4;
const SWITCH = /^(?:true|false|null)$/i;

/** Takes the values of secrets out of everything that leaves the room. Values are never shown, not even their length. */
export interface Redactor {
  /** The text with each occurrence of a secret replaced by `***`, also when it is JSON-escaped, URI- or base64-encoded. */
  text(text: string): string;
  /** At most so many characters from the beginning of a text, redacted; a secret that the cut would halve is left out whole. */
  head(text: string, characters: number): string;
  /** The JSON value with each string in it, keys included, redacted; the same object when there is nothing to hide. */
  json<T>(value: T): T;
}

/** Hides nothing. */
export const noRedaction: Redactor = {
  text: (text) => text,
  head: (text, characters) => text.slice(0, characters),
  json: (value) => value,
};

/** Values of fewer than four characters and `true`, `false`, `null` are no secrets and are ignored. */
export function createRedactor(secrets: Iterable<string>): Redactor {
  const forms = new Set([...secrets].flatMap(formsOf));
  if (forms.size === 0) return noRedaction;
  // The longest first, so that a secret inside another leaves no rest behind.
  const pattern = [...forms].sort((a, b) => b.length - a.length).map(escape);
  const secretForm = new RegExp(pattern.join('|'), 'g');
  const longest = Math.max(...[...forms].map((form) => form.length));
  const text = (value: string): string => value.replace(secretForm, MASK);
  const head = (value: string, characters: number): string => {
    let end = characters;
    for (const found of value.slice(0, characters + longest).matchAll(secretForm)) {
      if (found.index < characters && found.index + found[0].length > characters) end = found.index;
    }
    return text(value.slice(0, end)).slice(0, characters);
  };
  const walk = (value: unknown): unknown => {
    if (typeof value === 'string') return text(value);
    if (Array.isArray(value)) return value.map(walk);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [text(key), walk(member)]));
  };
  return {
    text,
    head,
    // The shape of a value does not change: strings stay strings and members stay where they are.
    json: <T>(value: T): T => walk(value) as T,
  };
}

/** A secret as it may be met: as it is, encoded, and line by line (a key in PEM form, in what is read by lines). */
function formsOf(secret: string): string[] {
  const lines = secret.split(/[\r\n]+/).map((line) => line.trim());
  const long = lines.length === 1 ? [] : lines.filter((line) => line.length >= ENCODED_FROM);
  return [secret, ...long].flatMap((value) => {
    if (value.length < SECRET_FROM || SWITCH.test(value)) return [];
    const escaped = JSON.stringify(value).slice(1, -1);
    // JSON inside JSON is common in texts of servers.
    const forms = [value, escaped, JSON.stringify(escaped).slice(1, -1)];
    if (value.length < ENCODED_FROM) return forms;
    const bytes = Buffer.from(value, 'utf8');
    const base64 = bytes.toString('base64').replace(/=+$/, '');
    return [...forms, encodeURIComponent(value), base64, bytes.toString('base64url')];
  });
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
