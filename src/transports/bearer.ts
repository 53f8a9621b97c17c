import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { LOCAL_PRINCIPAL, type Principal } from '../tasks/task.ts';
import { refusal, type Refusal } from './http-guards.ts';

/**
 * Secret tokens by the name of the caller they stand for. The name is the principal; the token itself is kept as a
 * hash.
 */
export class BearerTokens {
  readonly #hashes: readonly { readonly principal: Principal; readonly hash: Buffer }[];

  constructor(tokens: ReadonlyMap<string, string>) {
    this.#hashes = [...tokens].map(([principal, token]) => ({ principal, hash: hashOf(token) }));
  }

  /** True when callers are told apart. */
  get required(): boolean {
    return this.#hashes.length > 0;
  }

  /**
   * Who sends the request: the name of its token, or `local` where no tokens are configured. A missing, malformed or
   * unknown token is one and the same refusal; tokens in the query string are not looked at.
   */
  authenticate(request: IncomingMessage): { readonly principal: Principal } | { readonly refusal: Refusal } {
    if (!this.required) return { principal: LOCAL_PRINCIPAL };
    const token = /^Bearer ([^\s]+)$/iu.exec(request.headers.authorization ?? '')?.[1];
    const hash = hashOf(token ?? '');
    const found = this.#hashes.find((known) => timingSafeEqual(known.hash, hash));
    if (token === undefined || found === undefined) {
      return { refusal: refusal(401, 'A valid bearer token is required', { 'www-authenticate': 'Bearer' }) };
    }
    return { principal: found.principal };
  }
}

function hashOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
