/** What a secret is replaced by. */
export const REDACTED = '***';

/** Shorter texts are not looked for: they would tear holes into every line. */
const MIN_SECRET_LENGTH = 4;

/**
 * Replaces every secret in a line of log by `***`, as it is and as JSON text escapes it. Longer secrets go first, so
 * that one that contains another leaves nothing behind.
 */
export function redact(line: string, secrets: Iterable<string>): string {
  const forms = [...secrets]
    .flatMap((secret) => {
      if (secret.length < MIN_SECRET_LENGTH) return [];
      const escaped = JSON.stringify(secret).slice(1, -1);
      // JSON inside JSON is common in errors of servers.
      return [secret, escaped, JSON.stringify(escaped).slice(1, -1)];
    })
    .sort((a, b) => b.length - a.length);
  return forms.reduce((text, form) => text.replaceAll(form, REDACTED), line);
}
