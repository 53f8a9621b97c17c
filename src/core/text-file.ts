/** Bytes of a file that are no text we read; fit to be shown. */
export class NotText extends Error {
  override readonly name = 'NotText';
}

/**
 * The text of a file that a person wrote: UTF-8, or UTF-16 as Windows editors write it; a byte order mark is no part of
 * it.
 * @throws NotText for any other encoding, with the line of the first byte that does not fit.
 */
export function decodeText(bytes: Uint8Array): string {
  const [first, second] = bytes;
  // Text that begins with an ASCII character shows its byte order without a mark.
  if ((first === 0xff && second === 0xfe) || (second === 0 && first !== 0 && first !== undefined)) {
    return new TextDecoder('utf-16le').decode(bytes);
  }
  if ((first === 0xfe && second === 0xff) || (first === 0 && second !== 0 && second !== undefined)) {
    return new TextDecoder('utf-16be').decode(bytes);
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const line = new TextDecoder('utf-8').decode(bytes).split('\uFFFD', 1)[0]?.split('\n').length ?? 1;
    throw new NotText(`line ${line} is not UTF-8 text: save the file as UTF-8`);
  }
}
