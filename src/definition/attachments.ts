/** The files beside a definition that its resources name. */
import { isUtf8 } from 'node:buffer';
import { realpath } from 'node:fs/promises';
import path from 'node:path';
import { deepFreeze } from '../core/json.ts';
import { readInside } from './definition-files.ts';
import type { AttachedFile, Issue, LoadedDefinition, MissingFile } from './model.ts';
import type { Attachment, ParseResult } from './parse.ts';

/** Where a definition stands on disk. */
export interface DefinitionPlace {
  /** The folder that its files must be in. */
  readonly folder: string;
  /** The definition's own file; what it names is relative to it. */
  readonly file: string;
}

/**
 * Reads the files that a definition names, each a regular file of at most 1 MiB inside the folder, with no name on its
 * way that begins with a dot. One that cannot be had is an error at the place that names it, and the definition has the
 * reason in its place: a workflow runs without its documents. `before` are the files as they were: one that was there
 * keeps its content, as a definition with a broken edit does. Never rejects.
 */
export async function attachFiles(
  parsed: ParseResult,
  place: DefinitionPlace,
  before: LoadedDefinition['files'] = {},
): Promise<ParseResult> {
  const { loaded, attachments } = parsed;
  if (loaded === undefined || attachments === undefined) return parsed;
  const folder = await realpath(place.folder).catch(() => path.resolve(place.folder));
  const files: [string, AttachedFile | MissingFile][] = [];
  const issues: Issue[] = [];
  for (const attachment of attachments) {
    const read = await readAttached(attachment, folder, place.file);
    if ('content' in read) files.push([attachment.path, read.content]);
    else {
      issues.push({ ...read.issue, ...positionOf(attachment, loaded.file) });
      const problem: MissingFile = { problem: read.issue.message };
      files.push([
        attachment.path,
        Object.hasOwn(before, attachment.path) ? (before[attachment.path] ?? problem) : problem,
      ]);
    }
  }
  return {
    ...parsed,
    issues: [...parsed.issues, ...issues],
    loaded: deepFreeze({ ...loaded, files: Object.fromEntries(files) }),
  };
}

type ReadFile = { readonly content: AttachedFile } | { readonly issue: Pick<Issue, 'severity' | 'code' | 'message'> };

async function readAttached({ path: named }: Attachment, folder: string, file: string): Promise<ReadFile> {
  const refused = (code: string, message: string): ReadFile => ({
    issue: { severity: 'error', code, message: `the file '${named}': ${message}` },
  });
  if (path.isAbsolute(named)) return refused('outside_folder', 'the path must be relative to this file');
  if (named.split(/[/\\]/).some((part) => part.startsWith('.') && part !== '.' && part !== '..')) {
    return refused('outside_folder', 'names that begin with a dot are not published');
  }
  const read = await readInside(folder, attachedPath(file, named));
  if (!Buffer.isBuffer(read)) return refused(read.code, read.message);
  return { content: isUtf8(read) ? { text: read.toString('utf8') } : { blob: read.toString('base64') } };
}

function positionOf({ line, column }: Attachment, file: string): Pick<Issue, 'file' | 'line' | 'column'> {
  return { file, line, column };
}

function attachedPath(file: string, named: string): string {
  return path.join(path.dirname(file), named);
}

/** One file of a folder of definitions, read as one. */
export interface ReadDefinition {
  readonly file: string;
  readonly result: ParseResult;
  readonly good?: LoadedDefinition;
}

/**
 * Everything that is wrong with the files of a folder. A file that another one names as its resource, and that is no
 * definition, is data: nothing is wrong with it.
 */
export function issuesOf(files: Iterable<ReadDefinition>): Issue[] {
  const all = [...files];
  const named = new Set(
    all.flatMap(({ file, result }) => (result.attachments ?? []).map((entry) => attachedPath(file, entry.path))),
  );
  return all.flatMap(({ file, result, good }) => (good === undefined && named.has(file) ? [] : result.issues));
}
