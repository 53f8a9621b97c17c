/** The text of the answer to a request, as it goes over the wire. */
export function answerOf(what: string, request: unknown): string;
