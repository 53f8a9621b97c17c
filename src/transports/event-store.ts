import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

/** The events of one session's streams, for clients that resume a broken one by `Last-Event-ID`. */
export interface SessionEvents extends EventStore {
  getStreamIdForEventId(eventId: string): Promise<string | undefined>;
}

/** Bounds of one session: the oldest events are forgotten first. */
const MAX_EVENTS = 512;
const MAX_CHARS = 2 * 1024 * 1024;

interface StoredEvent {
  readonly id: string;
  readonly streamId: string;
  /** `undefined` for the empty event that only hands out an id. */
  readonly message: JSONRPCMessage | undefined;
  readonly chars: number;
}

/**
 * Events in memory, one store for each session, so that no id leads into another session. An id leads to the later events of
 * its own stream only. A client that resumes later than the bounds reach is told that its id is unknown; it can ask for the
 * task again, since nothing but the stream is lost.
 */
export class MemoryEvents implements SessionEvents {
  readonly #events = new Map<string, StoredEvent>();
  #chars = 0;
  #sequence = 0;

  storeEvent(streamId: string, message: JSONRPCMessage): Promise<string> {
    this.#sequence += 1;
    const id = `${streamId}_${this.#sequence}`;
    const priming = Object.keys(message).length === 0;
    const chars = priming ? 2 : JSON.stringify(message).length;
    this.#events.set(id, { id, streamId, message: priming ? undefined : message, chars });
    this.#chars += chars;
    this.#forget();
    return Promise.resolve(id);
  }

  getStreamIdForEventId(eventId: string): Promise<string | undefined> {
    return Promise.resolve(this.#events.get(eventId)?.streamId);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const last = this.#events.get(lastEventId);
    if (last === undefined) throw new Error('unknown event id');
    let after = false;
    for (const event of this.#events.values()) {
      if (after && event.streamId === last.streamId && event.message !== undefined) {
        await send(event.id, event.message);
      }
      after ||= event.id === lastEventId;
    }
    return last.streamId;
  }

  #forget(): void {
    for (const [id, event] of this.#events) {
      if (this.#events.size <= MAX_EVENTS && this.#chars <= MAX_CHARS) return;
      this.#events.delete(id);
      this.#chars -= event.chars;
    }
  }
}
