import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * A folder of the outside suite that the environment variable leads to: a checkout of its repository.
 * @throws Error that says what to do, where the variable is missing: a suite that is not there does not pass.
 */
export function suiteFolder(variable: string, repository: string, inside: string): string {
  const checkout = process.env[variable];
  if (checkout === undefined || checkout === '')
    throw new Error(`${variable} has to name a checkout of ${repository}: git clone it, and say where`);
  return join(checkout, inside);
}

/** A file of a suite; the test says what its format is. */
export function readSuite(...path: readonly string[]): unknown {
  return JSON.parse(readFileSync(join(...path), 'utf8'));
}

/** The names of the JSON files of a folder without their ending, in order. */
export function jsonFiles(folder: string): readonly string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.json'))
    .map((name) => name.slice(0, -'.json'.length))
    .toSorted();
}
