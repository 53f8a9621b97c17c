import { readFile, stat } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { messageOf } from '../core/failure.ts';
import { attachFiles, issuesOf, type ReadDefinition } from '../definition/attachments.ts';
import { DefinitionsFolderError, fileIssue, readDefinitionFiles } from '../definition/definition-files.ts';
import type { DefinitionFile } from '../definition/definition-files.ts';
import type { Issue, LoadedDefinition } from '../definition/model.ts';
import { parseDefinition } from '../definition/parse.ts';
import type { ParseOptions } from '../definition/parse.ts';
import { publishedTwice } from '../definition/published.ts';
import { parseServersFile } from '../downstream/catalog.ts';
import { readServersFile } from '../downstream/servers-file.ts';
import { stepSyntaxes } from '../steps/index.ts';
import { usageError } from './exit.ts';
import type { CommandError } from './exit.ts';

/** Everything that was read, and everything that is wrong with it. */
export interface Validation {
  readonly files: number;
  readonly workflows: readonly string[];
  /** The definitions without an error, in the order in which they were read. */
  readonly loaded: readonly LoadedDefinition[];
  readonly issues: readonly Issue[];
}

/**
 * Checks files and folders as they are named; messages name them the same way.
 * @throws CommandError (2) when one of them, or a servers file that was named, cannot be read
 */
export async function validatePaths(paths: readonly string[], config: Config, cwd: string): Promise<Validation> {
  const { options, issues } = await serverNames(config, cwd);
  const found: Issue[] = [...issues];
  const owners = new Map<string, string>();
  const loaded: LoadedDefinition[] = [];
  let files = 0;
  for (const path of paths) {
    const source = await readPath(path, cwd, config.definitions);
    found.push(...source.issues);
    const read: ReadDefinition[] = [];
    for (const { file, text } of source.files) {
      const parsed = parseDefinition(text, file, stepSyntaxes, options);
      const result = await attachFiles(parsed, { folder: source.folder, file: resolve(cwd, file) });
      read.push({ file, result, ...(result.loaded === undefined ? {} : { good: result.loaded }) });
    }
    files += read.length;
    found.push(...issuesOf(read));
    for (const { file, good } of read) {
      if (good === undefined) continue;
      loaded.push(good);
      const { name } = good.definition;
      const owner = owners.get(name);
      if (owner === undefined) owners.set(name, file);
      else
        found.push(
          fileIssue(
            file,
            'duplicate_name',
            `the workflow '${name}' is also in ${owner}`,
            'give one of them another name',
          ),
        );
    }
  }
  // Of two with one name the second is not served.
  found.push(...publishedTwice(loaded.filter(({ definition, file }) => owners.get(definition.name) === file)));
  return { files, workflows: [...owners.keys()].sort(), loaded, issues: found };
}

/**
 * What the servers file says, when there is one. A server that it does not list is an error if somebody named the file: the default
 * one is often just not the one that these definitions are for.
 */
async function serverNames(config: Config, cwd: string): Promise<{ options: ParseOptions; issues: readonly Issue[] }> {
  const unreadable = (why: string): CommandError => usageError(`--servers: cannot read ${config.servers} (${why})`);
  const text = await readServersFile(config.servers).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (text === undefined) {
    if (config.serversGiven) throw unreadable('it does not exist');
    return { options: {}, issues: [] };
  }
  const { catalog, issues } = parseServersFile(text, shown(config.servers, cwd));
  const servers = new Set(catalog.servers.keys());
  return { options: { servers, unknownServer: config.serversGiven ? 'error' : 'warning' }, issues };
}

async function readPath(
  path: string,
  cwd: string,
  definitions: string,
): Promise<{ readonly folder: string; readonly files: readonly DefinitionFile[]; readonly issues: readonly Issue[] }> {
  const full = resolve(cwd, path);
  try {
    if ((await stat(full)).isFile()) {
      const folder = shown(full, definitions) === full ? dirname(full) : definitions;
      return { folder, files: [{ file: path, text: await readFile(full, 'utf8') }], issues: [] };
    }
    const read = await readDefinitionFiles(full);
    const named = <T extends { readonly file: string }>(entry: T): T => ({
      ...entry,
      file: join(path, relative(full, entry.file)),
    });
    return { folder: full, files: read.files.map(named), issues: read.issues.map(named) };
  } catch (error) {
    if (error instanceof DefinitionsFolderError) throw usageError(error.message);
    throw usageError(`${path}: cannot be read (${messageOf(error)})`);
  }
}

/** Relative to the current folder where it is inside, as people name files. */
export function shown(path: string, cwd: string): string {
  const inside = relative(cwd, path);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}
