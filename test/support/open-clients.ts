import type { WireClient } from './wire-client.ts';

/** Clients that a test opens: closed once, by the test itself or by `closeAll` after it. */
export class OpenClients {
  readonly #clients = new Set<WireClient>();

  async tracked(opening: Promise<WireClient>): Promise<WireClient> {
    const client = await opening;
    this.#clients.add(client);
    const close = client.close.bind(client);
    client.close = async () => {
      if (this.#clients.delete(client)) await close();
    };
    return client;
  }

  async closeAll(): Promise<void> {
    for (const client of this.#clients) await client.close();
  }
}
