import { nearest } from '../../core/suggest.ts';
import type { DocumentPath, Finding } from '../finding.ts';

/** Shorthands for findings. */
export function error(code: string, path: DocumentPath, message: string, hint?: string): Finding {
  return { severity: 'error', code, path, message, ...(hint === undefined ? {} : { hint }) };
}

export function warning(code: string, path: DocumentPath, message: string, hint?: string): Finding {
  return { severity: 'warning', code, path, message, ...(hint === undefined ? {} : { hint }) };
}

/** `did you mean 'list'?`, or a list of what there is when nothing is near. */
export function suggestion(word: string, candidates: Iterable<string>, what: string): string | undefined {
  const all = [...candidates];
  const near = nearest(word, all);
  if (near !== undefined) return `did you mean '${near}'?`;
  if (all.length === 0) return undefined;
  return `${what}: ${all.slice(0, 12).map(shorten).join(', ')}${all.length > 12 ? ', …' : ''}`;
}

/** The one wording for a step id that names nothing. */
export function unknownStep(id: string, ids: Iterable<string>, path: DocumentPath): Finding {
  return error('unknown_step', path, `step '${shorten(id)}' unknown`, suggestion(id, ids, 'steps'));
}

/** A name as a message shows it. */
export function shorten(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}

/**
 * A check stops after this many findings: a person mends the first ones first, and a hostile file gets no more of our
 * time.
 */
export const MAX_FINDINGS = 100;

/** Collects what `check` finds in each item until there are enough findings. */
export function findIn<T>(items: Iterable<T>, check: (item: T) => readonly Finding[]): Finding[] {
  const findings: Finding[] = [];
  for (const item of items) {
    findings.push(...check(item));
    if (findings.length >= MAX_FINDINGS) break;
  }
  return findings;
}
