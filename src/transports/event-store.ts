import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import { isJsonObject, type JsonObject } from '../core/json.ts';
import type { ProgressTick } from '../protocol/progress.ts';
import { comparePlaces, eventId, OWN_STREAM, parseEventId, type EventPlace } from './event-id.ts';
import type { SavedEvents, SessionEvent } from './saved-events.ts';

/** Bounds of one session. */
const MAX_EVENTS = 512;
const MAX_CHARS = 2 * 1024 * 1024;
const MAX_STREAMS = 2_048;

type RequestId = string | number;

interface KeptEvent extends SessionEvent {
  /** In the store, or to be. */
  saved: boolean;
}

interface Stream {
  /** Part of its events' ids, in every process. */
  readonly id: string;
  /** What the SDK calls it, in this process. */
  readonly sdkId: string;
  /** Its request is here, or was. */
  readonly here: boolean;
  answered: boolean;
  /** Its request was cancelled: nothing comes any more. */
  withdrawn: boolean;
  /** In order. */
  events: KeptEvent[];
}

/** What a stream has behind an event of it. */
export interface Rest {
  readonly streamId: string;
  /** More can come. */
  readonly open: boolean;
  /** It has ended with the answer to its request. */
  readonly answered: boolean;
  /** Its request was cancelled. */
  readonly withdrawn: boolean;
  /** How many events are kept behind that one. */
  readonly left: number;
}

/**
 * The events of one session's streams, for clients that resume a broken one by `Last-Event-ID`. They are in memory, and
 * what the next process may be asked for goes to `saved` as well. An id leads to the later events of its own stream
 * only, and into no other session.
 *
 * V1 an id is given once, in all processes. V2 bounded: what was surely sent gives way first, then what is oldest; a
 *    client that resumes behind what is kept gets what is left. V3 an answer that was handed over before its time to be
 *    written is never written. V4 a request of ours, and its withdrawal, dies with this process, which alone waits for
 *    the answer.
 */
export class SessionEvents implements EventStore {
  readonly #sessionId: string;
  readonly #epoch: number;
  readonly #saved: SavedEvents | undefined;
  readonly #streams = new Map<string, Stream>();
  /** Those that the SDK calls otherwise. */
  readonly #adopted = new Map<string, Stream>();
  /** Those that have ended, by the request that was answered. */
  readonly #answers = new Map<RequestId, Stream>();
  /** Their answer was handed over; the oldest first. */
  readonly #sent = new Set<Stream>();
  #count = 0;
  #chars = 0;
  #sequence = 0;
  /** The name for the stream that the SDK opens next. */
  #adopting: string | undefined;
  #listening: boolean;
  #closed = false;

  /**
   * @param epoch larger than that of every process before
   * @param listening whether the client has ever opened the session's own stream: until then it has no id to resume
   *   that by
   */
  constructor(sessionId: string, epoch: number, listening: boolean, saved: SavedEvents | undefined) {
    this.#sessionId = sessionId;
    this.#epoch = epoch;
    this.#listening = listening;
    this.#saved = saved;
    this.#own();
  }

  /** The client opens the session's own stream. */
  listen(): void {
    this.#listening = true;
  }

  /** Nothing of this session is written or removed from now on. */
  close(): void {
    this.#closed = true;
  }

  /** An id on the session's own stream, behind everything there is. */
  here(): string {
    this.#sequence += 1;
    return eventId(OWN_STREAM, { epoch: this.#epoch, sequence: this.#sequence });
  }

  /** Runs `begin`; the stream that the SDK opens in it goes on with the events of this one. */
  adopt<T>(streamId: string, begin: () => T): T {
    this.#adopting = streamId;
    try {
      return begin();
    } finally {
      this.#adopting = undefined;
    }
  }

  /** What clients know the stream by that the SDK calls so. */
  streamOf(sdkId: string): string {
    return this.#stream(sdkId).id;
  }

  storeEvent(sdkId: string, message: JSONRPCMessage): Promise<string> {
    const stream = this.#stream(sdkId);
    this.#sequence += 1;
    const place = { epoch: this.#epoch, sequence: this.#sequence };
    // The empty event only hands out an id.
    if (Object.keys(message).length > 0) this.#keep(stream, message, place);
    return Promise.resolve(eventId(stream.id, place));
  }

  getStreamIdForEventId(id: string): Promise<string | undefined> {
    return Promise.resolve(this.#streams.get(parseEventId(id)?.streamId ?? '')?.sdkId);
  }

  async replayEventsAfter(
    lastEventId: string,
    { send }: { send: (eventId: string, message: JSONRPCMessage) => Promise<void> },
  ): Promise<string> {
    const place = parseEventId(lastEventId);
    const stream = this.#streams.get(place?.streamId ?? '');
    if (place === undefined || stream === undefined) throw new Error('unknown event id');
    // Events can come and go meanwhile.
    for (let event = behind(stream, place)[0]; event !== undefined; event = behind(stream, event)[0]) {
      await send(eventId(stream.id, event), event.message);
    }
    return stream.sdkId;
  }

  /**
   * What there is behind an event, also of other processes. `undefined` for what is no id. Rejects with `StoreError`.
   */
  async rest(id: string): Promise<Rest | undefined> {
    const place = parseEventId(id);
    if (place === undefined) return undefined;
    if (place.epoch !== this.#epoch) await this.load();
    const { streamId } = place;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return { streamId, open: false, answered: false, withdrawn: false, left: 0 };
    const { answered, withdrawn } = stream;
    return {
      streamId,
      open: stream.here && !answered && !withdrawn,
      answered,
      withdrawn,
      left: behind(stream, place).length,
    };
  }

  /** The last progress on a stream, as far as its events are kept. */
  progressOn(streamId: string): ProgressTick | undefined {
    const last = this.#streams
      .get(streamId)
      ?.events.findLast(({ message }) => 'method' in message && message.method === 'notifications/progress');
    const params: unknown = last !== undefined && 'params' in last.message ? last.message.params : undefined;
    if (!isJsonObject(params)) return undefined;
    const { progress, total, message } = params;
    if (typeof progress !== 'number') return undefined;
    return {
      progress,
      ...(typeof total === 'number' ? { total } : {}),
      ...(typeof message === 'string' ? { message } : {}),
    };
  }

  /** The state of a task that the session's own stream told last, as far as its events are kept. */
  lastStatus(taskId: string): JsonObject | undefined {
    const last = this.#own().events.findLast(({ message }) => statusOf(message)?.['taskId'] === taskId);
    return last === undefined ? undefined : statusOf(last.message);
  }

  /** Takes up what other processes have stored of this session. Rejects with `StoreError`. */
  async load(): Promise<void> {
    const events = await this.#saved?.load(this.#sessionId);
    for (const event of events ?? []) {
      if (event.epoch === this.#epoch) continue;
      const stream = this.#streams.get(event.streamId) ?? this.#open(event.streamId, event.streamId, false);
      const at = stream.events.findLastIndex((each) => comparePlaces(each, event) <= 0);
      const before = stream.events[at];
      if (before !== undefined && comparePlaces(before, event) === 0) continue;
      stream.events.splice(at + 1, 0, { ...event, saved: true });
      stream.answered ||= answeredBy(event.message) !== undefined;
      this.#count += 1;
      this.#chars += event.chars;
    }
    this.#forget();
  }

  /** The answer to this request has left this process on the connection that its client had open. */
  sent(requestId: RequestId): void {
    const stream = this.#answers.get(requestId);
    if (stream === undefined) return;
    this.#answers.delete(requestId);
    // V3
    for (const event of stream.events) if (this.#saved?.withdraw(event) === true) event.saved = false;
    if (this.#streams.get(stream.id) === stream) this.#sent.add(stream);
  }

  /** The request of this stream was cancelled. Its events are of use to nobody; that it was stays known for a while. */
  withdrawn(streamId: string): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.withdrawn = true;
    for (const event of stream.events.splice(0)) this.#forgotten(event);
  }

  #keep(stream: Stream, message: JSONRPCMessage, place: EventPlace): void {
    const saved = !this.#closed && this.#saved !== undefined && this.#isForOthers(stream, message);
    const event = { ...place, streamId: stream.id, message, chars: JSON.stringify(message).length, saved };
    stream.events.push(event);
    this.#count += 1;
    this.#chars += event.chars;
    const answered = answeredBy(message);
    if (answered !== undefined) {
      stream.answered = true;
      this.#answers.set(answered, stream);
    }
    if (saved) this.#saved?.add(this.#sessionId, event);
    this.#forget();
  }

  #isForOthers(stream: Stream, message: JSONRPCMessage): boolean {
    if (stream.id === OWN_STREAM && !this.#listening) return false;
    // V4
    return !('method' in message) || !('id' in message || message.method === 'notifications/cancelled');
  }

  #own(): Stream {
    return this.#streams.get(OWN_STREAM) ?? this.#open(OWN_STREAM, OWN_STREAM, true);
  }

  #stream(sdkId: string): Stream {
    const known = this.#streams.get(sdkId) ?? (this.#adopted.size > 0 ? this.#adopted.get(sdkId) : undefined);
    return known ?? this.#open(this.#adopting ?? sdkId, sdkId, true);
  }

  #open(id: string, sdkId: string, here: boolean): Stream {
    const stream = { id, sdkId, here, answered: false, withdrawn: false, events: this.#streams.get(id)?.events ?? [] };
    this.#streams.set(id, stream);
    if (id !== sdkId) this.#adopted.set(sdkId, stream);
    // A request that was withdrawn is never answered.
    if (this.#streams.size > MAX_STREAMS) {
      for (const each of this.#streams.values()) {
        if (each.id === OWN_STREAM) continue;
        this.#drop(each);
        break;
      }
    }
    return stream;
  }

  /** V2 */
  #forget(): void {
    while (this.#count > MAX_EVENTS || this.#chars > MAX_CHARS) {
      const [sent] = this.#sent;
      if (sent !== undefined) this.#drop(sent);
      else if (!this.#forgetOldest()) return;
    }
  }

  #forgetOldest(): boolean {
    let oldest: Stream | undefined;
    let place: EventPlace | undefined;
    for (const stream of this.#streams.values()) {
      const [first] = stream.events;
      if (first === undefined || (place !== undefined && comparePlaces(place, first) < 0)) continue;
      [oldest, place] = [stream, first];
    }
    const event = oldest?.events.shift();
    if (oldest === undefined || event === undefined) return false;
    this.#forgotten(event);
    if (oldest.events.length === 0 && (oldest.answered || !oldest.here)) this.#drop(oldest);
    return true;
  }

  #drop(stream: Stream): void {
    this.#streams.delete(stream.id);
    if (stream.id !== stream.sdkId) this.#adopted.delete(stream.sdkId);
    if (!this.#sent.delete(stream) && stream.answered) {
      for (const [requestId, each] of this.#answers) if (each === stream) this.#answers.delete(requestId);
    }
    for (const event of stream.events) this.#forgotten(event);
    stream.events = [];
  }

  #forgotten(event: KeptEvent): void {
    this.#count -= 1;
    this.#chars -= event.chars;
    if (event.saved && !this.#closed) this.#saved?.remove(this.#sessionId, event);
  }
}

/** The events of a stream behind a place. */
function behind(stream: Stream, place: EventPlace): readonly SessionEvent[] {
  return stream.events.slice(stream.events.findLastIndex((event) => comparePlaces(event, place) <= 0) + 1);
}

/** The request that a message answers. */
function answeredBy(message: JSONRPCMessage): RequestId | undefined {
  return 'method' in message || !('id' in message) ? undefined : message.id;
}

/** The state that a message tells. */
function statusOf(message: JSONRPCMessage): JsonObject | undefined {
  if (!('method' in message) || message.method !== 'notifications/tasks/status') return undefined;
  const params: unknown = message.params;
  return isJsonObject(params) ? params : undefined;
}
