import { isUtf8 } from 'node:buffer';
import { lstat, readdir, readFile, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { messageOf } from '../core/failure.ts';
import type { Issue } from './model.ts';
import { SOURCE_LIMITS } from './source/document.ts';

/** A file of the definitions folder with its text. */
export interface DefinitionFile {
  /** Path for messages: the folder as given, then the path inside it. */
  readonly file: string;
  readonly text: string;
}

const EXTENSION = /\.(?:json|ya?ml)$/i;
/** Schemas for editors stand beside the definitions that name them. */
const NO_DEFINITION = /\.schema\.json$/i;
const MAX_FILES = 10_000;
const MAX_FOLDER_DEPTH = 16;

/** The definitions folder cannot be read at all. The message says what to do. */
export class DefinitionsFolderError extends Error {
  override readonly name = 'DefinitionsFolderError';
}

/**
 * Reads every `*.json`, `*.yaml` and `*.yml` of a folder and its sub-folders, by name. Only regular files; a link is
 * followed when it stays inside the folder. `*.schema.json` is no definition. What is refused or cannot be read is an
 * issue. Names that begin with a dot are passed over.
 * @throws DefinitionsFolderError when there is no such folder
 */
export async function readDefinitionFiles(
  dir: string,
): Promise<{ readonly files: readonly DefinitionFile[]; readonly issues: readonly Issue[] }> {
  const root = await realFolder(dir);
  const issues: Issue[] = [];
  const files: DefinitionFile[] = [];
  for (const relative of (await filesIn(root, '', 0)).sort()) {
    const file = path.join(dir, relative);
    if (files.length >= MAX_FILES) {
      issues.push(fileIssue(file, 'too_many_files', `more than ${MAX_FILES} definition files`));
      break;
    }
    const read = await readOne(root, relative);
    if (typeof read === 'string') files.push({ file, text: read });
    else issues.push(fileIssue(file, read.code, read.message));
  }
  return { files, issues };
}

async function realFolder(dir: string): Promise<string> {
  try {
    const root = await realpath(dir);
    if ((await stat(root)).isDirectory()) return root;
  } catch (error) {
    const ways = 'mcp-workflow new makes it with a first definition, --definitions names another';
    const advice = why(error) === MISSING ? `: ${ways}` : '';
    throw new DefinitionsFolderError(`the definitions folder '${dir}' cannot be read: ${why(error)}${advice}`, {
      cause: error,
    });
  }
  throw new DefinitionsFolderError(`'${dir}' is not a folder; --definitions names the folder with the definitions`);
}

async function filesIn(root: string, relative: string, depth: number): Promise<string[]> {
  const entries = await readdir(path.join(root, relative), { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith('.') || entry.name === 'node_modules') continue;
    const inside = path.join(relative, entry.name);
    if (entry.isDirectory()) {
      if (depth < MAX_FOLDER_DEPTH) found.push(...(await filesIn(root, inside, depth + 1)));
    } else if (EXTENSION.test(entry.name) && !NO_DEFINITION.test(entry.name)) found.push(inside);
  }
  return found;
}

async function readOne(root: string, relative: string): Promise<string | FileProblem> {
  return textOf(await readInside(root, path.join(root, relative)));
}

/** The text of one file, wherever it is, under the bounds of a file of the folder. */
export async function readDefinitionFile(file: string): Promise<string | FileProblem> {
  try {
    return textOf(await readBounded(await realpath(file)));
  } catch (error) {
    return { code: 'unreadable', message: `the file cannot be read: ${why(error)}` };
  }
}

function textOf(read: Buffer | FileProblem): string | FileProblem {
  if (!Buffer.isBuffer(read)) return read;
  // Decoded all the same, every letter beyond ASCII would silently be another one.
  if (isUtf8(read)) return read.toString('utf8');
  return { code: 'not_utf8', message: 'the file is not UTF-8; save it as UTF-8' };
}

/** Why a file is not read: the code and message of an issue. */
export interface FileProblem {
  readonly code: 'outside_folder' | 'not_a_file' | 'too_large' | 'unreadable' | 'not_utf8';
  readonly message: string;
}

/**
 * The bytes of a regular file of at most 1 MiB inside a folder, whose real path `root` is; links are followed as long
 * as they stay in it.
 */
export async function readInside(root: string, file: string): Promise<Buffer | FileProblem> {
  try {
    const real = await realpath(file);
    if (real !== root && !real.startsWith(root.endsWith(path.sep) ? root : root + path.sep)) {
      return { code: 'outside_folder', message: 'it leads out of the definitions folder' };
    }
    return await readBounded(real);
  } catch (error) {
    return { code: 'unreadable', message: `the file cannot be read: ${why(error)}` };
  }
}

async function readBounded(real: string): Promise<Buffer | FileProblem> {
  const entry = await lstat(real);
  if (!entry.isFile()) return { code: 'not_a_file', message: 'not a regular file' };
  if (entry.size > SOURCE_LIMITS.bytes) {
    return { code: 'too_large', message: `the file is larger than ${SOURCE_LIMITS.bytes} bytes` };
  }
  return readFile(real);
}

/** An issue about a file as a whole. */
export function fileIssue(file: string, code: string, message: string, hint?: string): Issue {
  return { severity: 'error', file, line: 1, column: 1, code, message, ...(hint === undefined ? {} : { hint }) };
}

const SYSTEM_WORDS: ReadonlyMap<string, string> = new Map([
  ['ELOOP', 'too many symbolic links'],
  ['ENOTDIR', 'something on its way is not a folder'],
  ['ENAMETOOLONG', 'its name is too long'],
  ['EISDIR', 'it is a folder'],
  ['EMFILE', 'too many files are open'],
]);

const MISSING = 'it does not exist';

function why(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return MISSING;
  if (code === 'EACCES') return 'permission denied';
  // The system's own text names the whole path, which is nobody's business over the wire.
  if (typeof code === 'string') return SYSTEM_WORDS.get(code) ?? `error ${code}`;
  return messageOf(error);
}
