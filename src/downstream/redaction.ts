/** What stands in place of a secret. */
const MASK = '***';

/** Encoded forms are looked for only from this length on: a short one would match by chance. */
const ENCODED_FROM = 8;

/**
 * Shorter values (`1`, `de`) and switches are settings and no secrets: to hide them would tear holes into every result.
 */
const SECRET_FROM = 4;
const SWITCH = /^(?:true|false|null)$/i;

/**
 * Takes the values of secrets out of everything that leaves the room. Values are never shown, not even their length.
 */
export interface Redactor {
  /**
   * The text with each occurrence of a secret replaced by `***`, also when it is JSON-escaped, URI-encoded,
   * hexadecimal, or in base64 at whatever place of the encoded text.
   */
  text(text: string): string;
  /**
   * At most so many characters from the beginning of a text, redacted; a secret that the cut would halve is left out
   * whole.
   */
  head(text: string, characters: number): string;
  /**
   * The JSON value with each text in it, keys included, and each number that is a secret, redacted; the same object
   * when there is nothing to hide.
   */
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
    if (typeof value === 'number') return text(String(value)) === String(value) ? value : MASK;
    if (typeof value !== 'object' || value === null) return value;
    // Most values hold no secret: they are handed on as they are, without a copy.
    if (Array.isArray(value)) {
      const items: unknown[] = value.map(walk);
      return items.some((item, index) => item !== value[index]) ? items : value;
    }
    const members = Object.entries(value).map(([key, member]) => [key, text(key), member, walk(member)] as const);
    const hidden = members.some(([key, shown, member, walked]) => key !== shown || member !== walked);
    return hidden ? Object.fromEntries(members.map(([, shown, , walked]) => [shown, walked])) : value;
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
    const hex = bytes.toString('hex');
    const encoded = encodeURIComponent(value);
    const lowerEscapes = encoded.replace(/%[\dA-F]{2}/gu, (byte) => byte.toLowerCase());
    return [
      ...forms,
      encoded,
      lowerEscapes,
      encoded.replaceAll('%20', '+'),
      hex,
      hex.toUpperCase(),
      ...base64Forms(bytes),
    ];
  });
}

/**
 * What base64 makes of the bytes at each of the three places they can have in its groups, without the characters that
 * their neighbours share.
 */
function base64Forms(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((before) => {
    const whole = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    const start = before === 0 ? 0 : before + 1;
    // The last character may hold bits of what follows.
    const end = (before + bytes.length) % 3 === 0 ? whole.length : whole.length - 1;
    const parts = before === 0 ? [whole, whole.slice(0, end)] : [whole.slice(start, end)];
    return parts.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
  });
}

function escape(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
