import { isJsonObject } from '../core/json.ts';

/**
 * The ids of the requests that a session puts to its client. The SDK numbers them from 0 in every process, and a client
 * may answer one of the process before when this one has asked something else under that number.
 *
 * Q1 an answer reaches the question that it was given to, or none.
 */
export class QuestionIds {
  /**
   * In front of the ids of this process; `undefined` in the process that opened the session, whose ids are as the SDK
   * makes them.
   */
  readonly #life: string | undefined;

  constructor(life: string | undefined) {
    this.#life = life;
  }

  /** A message to the client: a question, or its withdrawal, with the id that the client sees. */
  outgoing<T extends object>(message: T): T {
    if (this.#life === undefined || !('method' in message)) return message;
    if ('id' in message && message.id !== undefined) return { ...message, id: this.#seen(message.id) };
    if (message.method !== 'notifications/cancelled' || !('params' in message)) return message;
    const { params } = message;
    if (!isJsonObject(params) || params['requestId'] === undefined) return message;
    return { ...message, params: { ...params, requestId: this.#seen(params['requestId']) } };
  }

  /** A message from the client: an answer, with the id that the SDK waits for, or one that it does not know. */
  incoming(message: unknown): unknown {
    if (this.#life === undefined || !isJsonObject(message) || 'method' in message) return message;
    const { id } = message;
    if (id === undefined || id === null) return message;
    const own = typeof id === 'string' && id.startsWith(`${this.#life}.`);
    return { ...message, id: own ? Number(id.slice(this.#life.length + 1)) : 'of another process' };
  }

  #seen(id: unknown): string {
    return `${this.#life}.${String(id)}`;
  }
}
