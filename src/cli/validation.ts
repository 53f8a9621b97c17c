import { stat } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Config } from '../config.ts';
import { messageOf } from '../core/failure.ts';
import { attachFiles, issuesOf, type ReadDefinition } from '../definition/attachments.ts';
import {
  DefinitionsFolderError,
  fileIssue,
  readDefinitionFile,
  readDefinitionFiles,
} from '../definition/definition-files.ts';
import type { DefinitionFile } from '../definition/definition-files.ts';
import type { KnownServers } from '../definition/known-tools.ts';
import type { Issue, LoadedDefinition } from '../definition/model.ts';
import { parseDefinition, serversNamedIn } from '../definition/parse.ts';
import type { ParseOptions, ParseResult } from '../definition/parse.ts';
import { publishedTwice } from '../definition/published.ts';
import type { OtherWorkflow } from '../definition/validate.ts';
import { parseServersFile } from '../downstream/catalog.ts';
import type { ServerCatalog } from '../downstream/server-config.ts';
import { readServersFile } from '../downstream/servers-file.ts';
import { readModels, type ModelsRead } from '../models/open.ts';
import { stepSyntaxes } from '../steps/index.ts';
import { usageError } from './exit.ts';
import type { CommandError } from './exit.ts';
import { shownPath } from './shown-path.ts';

/** Everything that was read, and everything that is wrong with it. */
export interface Validation {
  readonly files: number;
  readonly workflows: readonly string[];
  /** The definitions without an error, in the order in which they were read. */
  readonly loaded: readonly LoadedDefinition[];
  readonly issues: readonly Issue[];
}

/** Files and folders as somebody named them, read. */
export interface Source {
  readonly folder: string;
  /** All definitions there are stand in it: a folder, and none inside of the one of the configuration. */
  readonly whole: boolean;
  readonly files: readonly DefinitionFile[];
  readonly issues: readonly Issue[];
}

/** The servers file as far as checks need it. `catalog` is absent where there is no file and nobody named one. */
export interface ServersRead {
  readonly catalog?: ServerCatalog;
  readonly file: string;
  readonly positions: ReadonlyMap<string, { readonly line: number; readonly column: number }>;
  readonly issues: readonly Issue[];
}

/**
 * Checks files and folders as they are named; messages name them the same way.
 * @throws CommandError (2) when one of them, or a servers file that was named, cannot be read
 */
export async function validatePaths(paths: readonly string[], config: Config, cwd: string): Promise<Validation> {
  const [servers, models] = [await readServers(config, cwd), await readModelsFile(config, cwd)];
  return await validateSources(await readSources(paths, config, cwd), { servers, models }, config, cwd, new Map());
}

/** @throws CommandError (2) when something cannot be read */
export async function readSources(paths: readonly string[], config: Config, cwd: string): Promise<readonly Source[]> {
  const sources: Source[] = [];
  const known = new Set<string>();
  // `validate definitions definitions/a.yaml` names a file twice; it is one all the same.
  const isNew = ({ file }: { readonly file: string }): boolean => !known.has(resolve(cwd, file));
  for (const path of paths) {
    const source = await readPath(path, cwd, config.definitions);
    const fresh = { ...source, files: source.files.filter(isNew), issues: source.issues.filter(isNew) };
    for (const { file } of [...fresh.files, ...fresh.issues]) known.add(resolve(cwd, file));
    sources.push(fresh);
  }
  return sources;
}

/** The servers that the definitions name, each once, in the order of the files. */
export function serversNamed(sources: readonly Source[]): readonly string[] {
  const files = sources.flatMap((source) => source.files);
  return [...new Set(files.flatMap(({ file, text }) => serversNamedIn(text, file, stepSyntaxes)))];
}

/**
 * Checks what was read, against each other, the servers file, and what is known of tools. A server that the file does
 * not list is an error if somebody named the file: the default one is often just not the one that these definitions are
 * for.
 */
export async function validateSources(
  sources: readonly Source[],
  { servers, models }: { readonly servers: ServersRead; readonly models: ModelsRead },
  config: Config,
  cwd: string,
  known: KnownServers,
): Promise<Validation> {
  const found: Issue[] = [...servers.issues, ...models.issues];
  const owners = new Map<string, string>();
  const loaded: LoadedDefinition[] = [];
  let files = 0;
  const options: ParseOptions = {
    known,
    models: new Set(models.catalog?.models.keys()),
    ...(servers.catalog === undefined
      ? {}
      : {
          servers: new Set(servers.catalog.servers.keys()),
          unknownServer: config.serversGiven ? ('error' as const) : ('warning' as const),
        }),
  };
  const parse = parserOf(sources, options);
  for (const source of sources) {
    found.push(...source.issues);
    const read: ReadDefinition[] = [];
    for (const { file, text } of source.files) {
      const parsed = parse(text, file);
      const result = await attachFiles(parsed, { folder: source.folder, file: resolve(cwd, file) });
      read.push({ file, result, ...(result.loaded === undefined ? {} : { good: result.loaded }) });
    }
    files += read.length;
    found.push(...issuesOf(read));
    loaded.push(...read.flatMap(({ good }) => good ?? []));
    found.push(...duplicates(read, owners));
  }
  // Of two with one name the second is not served.
  found.push(...publishedTwice(loaded.filter(({ definition, file }) => owners.get(definition.name) === file)));
  const workflows = [...new Set(loaded.map(({ definition }) => definition.name))].sort();
  return { files, workflows, loaded, issues: found };
}

/** Names that an earlier file has too, whether the files are right or not. `owners` is the first file of each name. */
function duplicates(read: readonly ReadDefinition[], owners: Map<string, string>): Issue[] {
  return read.flatMap(({ file, result: { named } }) => {
    if (named === undefined) return [];
    const { name, ...position } = named;
    const owner = owners.get(name);
    if (owner === undefined) {
      owners.set(name, file);
      return [];
    }
    const message = `the workflow '${name}' is also in ${owner}`;
    return [{ ...fileIssue(file, 'duplicate_name', message, 'give one of them another name'), ...position }];
  });
}

/** A definition that may call others is read a second time, when those are known. */
function parserOf(sources: readonly Source[], options: ParseOptions): (text: string, file: string) => ParseResult {
  const first = new Map<string, ParseResult>();
  const workflows = new Map<string, OtherWorkflow>();
  const names = new Set<string>();
  for (const { file, text } of sources.flatMap((source) => source.files)) {
    const parsed = parseDefinition(text, file, stepSyntaxes, options);
    first.set(file, parsed);
    if (parsed.named !== undefined) names.add(parsed.named.name);
    const definition = parsed.loaded?.definition;
    if (definition === undefined || workflows.has(definition.name)) continue;
    const { name, input_schema: input, output_schema: output } = definition;
    workflows.set(name, { input, ...(output === undefined ? {} : { output }) });
  }
  // Of single files it is not known what stands beside them, nor of those that cannot be read what they are called.
  const isWhole =
    sources.some((source) => source.whole) &&
    sources.every(({ issues }) => issues.length === 0) &&
    [...first.values()].every(({ named }) => named !== undefined);
  return (text, file) => {
    const parsed = first.get(file);
    if (parsed !== undefined && !text.includes('workflow')) return parsed;
    return parseDefinition(text, file, stepSyntaxes, { ...options, workflows, ...(isWhole ? { names } : {}) });
  };
}

/** @throws CommandError (2) when the file cannot be read, or is not there although somebody named it */
export async function readServers(config: Config, cwd: string): Promise<ServersRead> {
  const file = shownPath(config.servers, cwd);
  const unreadable = (why: string): CommandError => usageError(`--servers: cannot read ${config.servers} (${why})`);
  const text = await readServersFile(config.servers).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (text === undefined) {
    if (config.serversGiven) throw unreadable('it does not exist');
    return { file, positions: new Map(), issues: [] };
  }
  return { file, ...parseServersFile(text, file) };
}

/** @throws CommandError (2) when the file cannot be read, or is not there although somebody named it */
export async function readModelsFile(config: Config, cwd: string): Promise<ModelsRead> {
  const unreadable = (why: string): CommandError => usageError(`--models: cannot read ${config.models} (${why})`);
  const read = await readModels(config.models, shownPath(config.models, cwd)).catch((error: unknown) => {
    throw unreadable(messageOf(error));
  });
  if (read.catalog === undefined && config.modelsGiven) throw unreadable('it does not exist');
  return read;
}

async function readPath(path: string, cwd: string, definitions: string): Promise<Source> {
  const full = resolve(cwd, path);
  try {
    // The folder of the configuration has advice of its own when it is missing.
    if (full !== definitions && (await stat(full)).isFile()) {
      const folder = shownPath(full, definitions) === full ? dirname(full) : definitions;
      const text = await readDefinitionFile(full);
      return typeof text === 'string'
        ? { folder, whole: false, files: [{ file: path, text }], issues: [] }
        : { folder, whole: false, files: [], issues: [fileIssue(path, text.code, text.message)] };
    }
    const read = await readDefinitionFiles(full);
    const named = <T extends { readonly file: string }>(entry: T): T => ({
      ...entry,
      file: join(path, relative(full, entry.file)),
    });
    const whole = full === definitions || shownPath(full, definitions) === full;
    return { folder: full, whole, files: read.files.map(named), issues: read.issues.map(named) };
  } catch (error) {
    if (error instanceof DefinitionsFolderError) throw usageError(error.message);
    throw usageError(`${path}: cannot be read (${messageOf(error)})`);
  }
}
