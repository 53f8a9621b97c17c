import type { Socket } from 'node:net';

/**
 * Bounds how many connections are open. When there are too many, one of the address that has the most gives way to
 * another address: its oldest; an address that has the most itself is not let in. So one that opens all it can shuts
 * the door for nobody else.
 */
export class ConnectionShares {
  readonly #most: number;
  /** By address, the oldest first. */
  readonly #open = new Map<string, Set<Socket>>();
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** Counts a new connection; ends it, or another one, where there are too many. */
  take(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    const own = this.#open.get(address) ?? new Set();
    if (this.#count >= this.#most) {
      const greediest = mostOf(this.#open);
      const [oldest] = greediest ?? [];
      if (greediest === undefined || oldest === undefined || greediest.size <= own.size + 1) {
        socket.destroy();
        return;
      }
      this.#leave(greediest, oldest);
      oldest.destroy();
    }
    own.add(socket);
    this.#open.set(address, own);
    this.#count += 1;
    socket.once('close', () => {
      this.#leave(own, socket);
      if (own.size === 0) this.#open.delete(address);
    });
  }

  #leave(all: Set<Socket>, socket: Socket): void {
    if (all.delete(socket)) this.#count -= 1;
  }
}

function mostOf(open: ReadonlyMap<string, Set<Socket>>): Set<Socket> | undefined {
  let most: Set<Socket> | undefined;
  for (const sockets of open.values()) if (most === undefined || sockets.size > most.size) most = sockets;
  return most;
}
