/**
 * Step paths (E2): unique in a task and independent of timing. Ids joined by `/`; a 0-based iteration in brackets on
 * the block step (`poll[3]/check`); attempt n ≥ 2 of a block in its children's paths (`poll#2[0]/check`); a step that
 * ran because several places can target it as `id@place`; clean-up under `cleanup/`; notes of a step behind `!`.
 */

/** First segment of everything that runs to compensate and to clean up. */
export const CLEAN_UP = 'cleanup';

/**
 * Names bound at a step inside an iteration are noted with its checkpoint under this word, so that undoing it sees
 * them.
 */
export const NAMES_NOTE = 'names';

/** A `try` whose `finally` is still to run, with the names bound around it. */
export const FINALLY_NOTE = 'finally';

/** The path of a step that stands directly under `prefix` (`''` = the top level). */
export function childPath(prefix: string, name: string): string {
  return prefix === '' ? name : `${prefix}/${name}`;
}

/**
 * What precedes the children of one attempt: the path itself for the first, `path#n` for later ones, so that no attempt
 * meets another's checkpoints.
 */
export function attemptPath(path: string, attempt: number): string {
  return attempt <= 1 ? path : `${path}#${attempt}`;
}

/** The prefix of the children of one iteration. */
export function iterationPath(attempt: string, index: number): string {
  return `${attempt}[${index}]`;
}

/** The path of a note that a step keeps beside its checkpoint. */
export function notePath(path: string, word: string): string {
  return `${path}!${word}`;
}

/** The word under which a `wait` step notes its timer. */
export const WAIT_NOTE = 'wait';

/**
 * The scope in which the step of this path runs: everything up to its innermost iteration, `''` at the top. Clean-up
 * runs in the scope of what it cleans up.
 */
export function scopeOf(path: string): string {
  const plain = mainPath(path);
  return plain.slice(0, plain.lastIndexOf(']') + 1);
}

/** The path without what marks it as clean-up. */
export function mainPath(path: string): string {
  return path.startsWith(`${CLEAN_UP}/`) ? path.slice(CLEAN_UP.length + 1) : path;
}

/** The scope around an iteration scope. */
export function outerScope(scope: string): string {
  return scope.slice(0, scope.lastIndexOf(']', scope.length - 2) + 1);
}

/** A path of clean-up for what ran under `prefix`. */
export function cleanUpPrefix(prefix: string): string {
  return prefix === '' ? CLEAN_UP : `${CLEAN_UP}/${prefix}`;
}

/** What stands before the last `/`, or `''`. */
export function prefixOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

/** What stands behind the last `/`. */
export function lastSegment(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The iterations that a path goes through, the outermost first. */
export function iterationsOf(path: string): readonly number[] {
  return [...path.matchAll(/\[(\d+)\]/gu)].map(([, index]) => Number(index));
}

/** The id of the step that a segment of a path belongs to. */
export function stepIdIn(segment: string): string {
  return /^[^[@#!]*/u.exec(segment)?.[0] ?? segment;
}

/** A free text (a conditional's name) as part of a path. */
export function pathWord(text: string): string {
  return encodeURIComponent(text).replace(/!/gu, '%21');
}
