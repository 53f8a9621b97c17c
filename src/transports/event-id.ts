/** The stream that belongs to no request, as the SDK calls it. */
export const OWN_STREAM = '_GET_stream';

/**
 * Where an event stands among all of its session: in which life of the session it was made, and how manyeth it was
 * there.
 */
export interface EventPlace {
  /** Grows from each process that takes a session over to the next. */
  readonly epoch: number;
  readonly sequence: number;
}

/**
 * The id of an event: its stream and its place. A place is given once, so that an id never comes again, not even when
 * the process dies before the event is stored; and a client can go on behind an id whether its event is kept or not.
 */
export function eventId(streamId: string, { epoch, sequence }: EventPlace): string {
  return `${streamId}_${epoch.toString(36)}_${sequence.toString(36)}`;
}

/** `undefined` for what cannot be an id of ours. */
export function parseEventId(id: string): (EventPlace & { readonly streamId: string }) | undefined {
  const match = /^(?<streamId>_GET_stream|[0-9a-z-]{1,64})_(?<epoch>[0-9a-z]{1,10})_(?<sequence>[0-9a-z]{1,10})$/u.exec(
    id,
  )?.groups;
  if (match === undefined) return undefined;
  const { streamId = '', epoch = '', sequence = '' } = match;
  return { streamId, epoch: Number.parseInt(epoch, 36), sequence: Number.parseInt(sequence, 36) };
}

/** The place as a text that sorts like the places do. */
export function placeKey({ epoch, sequence }: EventPlace): string {
  return `${epoch.toString(36).padStart(10, '0')}:${sequence.toString(36).padStart(10, '0')}`;
}

/** The opposite of `placeKey`. `undefined` for another text. */
export function parsePlaceKey(key: string): EventPlace | undefined {
  const match = /^(?<epoch>[0-9a-z]{10}):(?<sequence>[0-9a-z]{10})$/u.exec(key)?.groups;
  if (match === undefined) return undefined;
  const { epoch = '', sequence = '' } = match;
  return { epoch: Number.parseInt(epoch, 36), sequence: Number.parseInt(sequence, 36) };
}

/** Negative when `a` comes before `b`. */
export function comparePlaces(a: EventPlace, b: EventPlace): number {
  return a.epoch - b.epoch || a.sequence - b.sequence;
}
