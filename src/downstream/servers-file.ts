import { createReadStream } from 'node:fs';
import { decodeText } from '../core/text-file.ts';

const LIMIT_BYTES = 1024 * 1024;

/**
 * The text of a servers file, or of a pipe (`--servers <(…)`); `undefined` when nothing has the name. Rejects when it
 * cannot be read, is larger than 1 MiB (then somebody named the wrong thing), or is no UTF-8 or UTF-16 text.
 */
export async function readServersFile(file: string): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(file)) {
      // Without an encoding a file stream gives buffers.
      const part = chunk as Buffer;
      bytes += part.length;
      if (bytes > LIMIT_BYTES) throw new Error('larger than 1 MiB: is it the right file?');
      chunks.push(part);
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
  return decodeText(Buffer.concat(chunks));
}
