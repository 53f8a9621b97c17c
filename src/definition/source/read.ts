import { messageOf } from '../../core/failure.ts';
import { SOURCE_LIMITS, SourceStop, type SourceDocument, type SourceProblem } from './document.ts';
import { readJson, type JsonReading } from './json-reader.ts';
import { readYaml } from './yaml-reader.ts';

/**
 * Reads a definition's text: JSON when the file name ends in `.json`, else YAML (of which JSON is a part). Never
 * throws.
 */
export function readSource(
  text: string,
  file: string,
  reading: JsonReading = {},
): { readonly document?: SourceDocument; readonly problems: readonly SourceProblem[] } {
  if (text.length > SOURCE_LIMITS.bytes || Buffer.byteLength(text) > SOURCE_LIMITS.bytes) {
    const message = `the file is larger than ${SOURCE_LIMITS.bytes} bytes`;
    return { problems: [{ offset: 0, code: 'too_large', message }] };
  }
  try {
    const isJson = file.toLowerCase().endsWith('.json') || looksLikeJson(text);
    const document = isJson ? readJson(text, reading) : readYaml(text);
    return document.problems.length > 0 ? { problems: document.problems } : { document, problems: [] };
  } catch (error) {
    if (error instanceof SourceStop) return { problems: [error.problem] };
    if (error instanceof RangeError) {
      return { problems: [{ offset: 0, code: 'too_deep', message: `nested deeper than ${SOURCE_LIMITS.depth}` }] };
    }
    return { problems: [{ offset: 0, code: 'syntax', message: `it cannot be read: ${messageOf(error)}` }] };
  }
}

/**
 * JSON in a file with another name: the strict reader is many times faster. YAML flow collections that are not JSON go
 * to YAML.
 */
function looksLikeJson(text: string): boolean {
  if (!/^\uFEFF?\s*\{/.test(text)) return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
