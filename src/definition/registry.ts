/** The definitions of a folder: what is served, what is wrong, and what changed. */
import path from 'node:path';
import type { Clock } from '../core/clock.ts';
import { messageOf } from '../core/failure.ts';
import type { Logger } from '../core/logger.ts';
import { attachFiles, issuesOf, type ReadDefinition } from './attachments.ts';
import { fileIssue, readDefinitionFiles, type DefinitionFile } from './definition-files.ts';
import { FolderWatch } from './folder-watch.ts';
import type { Issue, LoadedDefinition } from './model.ts';
import { parseDefinition, type ParseResult } from './parse.ts';
import { publishedTwice } from './published.ts';
import type { StepSyntaxTable } from './step-syntax.ts';

export interface RegistryOptions {
  readonly dir: string;
  readonly syntaxes: StepSyntaxTable;
  /**
   * Names of the configured downstream servers; one that is missing is a warning here, and a failed step when it is
   * called.
   */
  readonly servers?: ReadonlySet<string>;
  /** Names of the models of the models file; absent = there is none, and what steps name is not looked at. */
  readonly models?: ReadonlySet<string>;
  readonly logger: Logger;
  readonly clock: Clock;
}

/** Which definitions differ from before, by name. */
export interface RegistryChange {
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
}

interface ReadFile extends ReadDefinition {
  readonly text: string;
  /** What the text alone gave. */
  readonly parsed: ParseResult;
}

/** Editors write a file in several steps; wait until they are done. */
const SETTLE_MS = 150;

/**
 * Holds the good definitions of a folder by name. A file that has errors is reported and left out, except that the
 * version it had before stays until the file is right again or gone (hot reload). Of two files with one name the first
 * by path is served.
 */
export class DefinitionRegistry {
  readonly #options: RegistryOptions;
  readonly #listeners = new Set<(change: RegistryChange) => void>();
  /** By file: the last text and what it gave, and the last version without errors. */
  #files: ReadonlyMap<string, ReadFile> = new Map();
  #definitions: ReadonlyMap<string, LoadedDefinition> = new Map();
  #sorted: readonly LoadedDefinition[] = [];
  #issues: readonly Issue[] = [];
  #watcher: FolderWatch | undefined;
  #settle: AbortController | undefined;
  #reloading: Promise<void> = Promise.resolve();
  #closed = false;

  private constructor(options: RegistryOptions) {
    this.#options = options;
  }

  /** Reads the folder. @throws DefinitionsFolderError when it does not exist or is not a folder. */
  static async load(options: RegistryOptions): Promise<DefinitionRegistry> {
    const registry = new DefinitionRegistry(options);
    await registry.#read();
    return registry;
  }

  /** Holds no definition, and has not looked into the folder; `reload` does. */
  static empty(options: RegistryOptions): DefinitionRegistry {
    return new DefinitionRegistry(options);
  }

  /** The definitions without errors, sorted by name. */
  list(): readonly LoadedDefinition[] {
    return this.#sorted;
  }

  get(name: string): LoadedDefinition | undefined {
    return this.#definitions.get(name);
  }

  /** Everything that is wrong with the files as they are now, errors and warnings, by file. */
  issues(): readonly Issue[] {
    return this.#issues;
  }

  /** The errors of the files that say this name, or that are called so where the name cannot be read. */
  errorsOf(name: string): readonly Issue[] {
    return this.#issues.filter(({ file, severity }) => {
      const said = this.#files.get(file)?.parsed.named?.name ?? path.parse(file).name.replaceAll('-', '_');
      return severity === 'error' && (said === name || path.parse(file).name === name);
    });
  }

  /** Called after every reload that changed what `list` gives. Returns the function that ends it. */
  onChange(listener: (change: RegistryChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Starts to watch the folder: a changed file is read again a moment later. Does nothing the second time. */
  watch(): void {
    if (this.#watcher !== undefined || this.#closed) return;
    const { dir, logger } = this.#options;
    try {
      this.#watcher = new FolderWatch(
        dir,
        () => this.#changedOnDisk(),
        (error) => logger.warn({ err: messageOf(error), dir }, 'a folder of definitions is not watched any more'),
      );
    } catch (error) {
      logger.warn({ err: messageOf(error), dir }, 'the definitions cannot be watched; changes need a restart');
    }
  }

  /**
   * Reads the folder again. Never rejects: a folder that cannot be read is an issue, and the definitions stay as they
   * are.
   */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => (this.#closed ? undefined : this.#reload()));
    return this.#reloading;
  }

  /** Stops watching. The definitions can still be read. */
  close(): void {
    this.#closed = true;
    this.#settle?.abort();
    this.#watcher?.close();
    this.#watcher = undefined;
    this.#listeners.clear();
  }

  #changedOnDisk(): void {
    this.#settle?.abort();
    const settle = new AbortController();
    this.#settle = settle;
    this.#options.clock.sleep(SETTLE_MS, settle.signal).then(
      () => {
        // Before reading: what is written into a new folder after that is noticed.
        this.#watcher?.refresh();
        return this.reload();
      },
      () => undefined,
    );
  }

  async #reload(): Promise<void> {
    const before = this.#definitions;
    try {
      await this.#read();
    } catch (error) {
      const message = messageOf(error);
      this.#issues = [fileIssue(this.#options.dir, 'unreadable', message)];
      this.#options.logger.error({ dir: this.#options.dir }, message);
      return;
    }
    const change = difference(before, this.#definitions);
    if (change.added.length + change.changed.length + change.removed.length === 0) return;
    this.#options.logger.info(change, 'definitions changed');
    for (const listener of this.#listeners) listener(change);
  }

  async #read(): Promise<void> {
    const { files, issues } = await readDefinitionFiles(this.#options.dir);
    const next = new Map<string, ReadFile>();
    for (const file of files) next.set(file.file, await this.#parse(file));
    this.#files = next;
    const definitions = new Map<string, LoadedDefinition>();
    const found: Issue[] = [...issues, ...issuesOf(next.values())];
    for (const { good } of next.values()) {
      if (good === undefined) continue;
      const first = definitions.get(good.definition.name);
      if (first === undefined) definitions.set(good.definition.name, good);
      else found.push(...duplicateIssues(first, good));
    }
    this.#definitions = definitions;
    this.#sorted = [...definitions.values()].sort((a, b) => (a.definition.name < b.definition.name ? -1 : 1));
    this.#report([...found, ...publishedTwice(this.#sorted)]);
  }

  async #parse({ file, text }: DefinitionFile): Promise<ReadFile> {
    const before = this.#files.get(file);
    const { dir, syntaxes, servers, models } = this.#options;
    const options = {
      ...(servers === undefined ? {} : { servers, unknownServer: 'warning' as const }),
      ...(models === undefined ? {} : { models }),
    };
    const parsed = before?.text === text ? before.parsed : parseDefinition(text, file, syntaxes, options);
    // Without a look at the text: the files beside it may have changed.
    const result = await attachFiles(parsed, { folder: dir, file }, before?.good?.files);
    const good = result.loaded ?? before?.good;
    return { file, text, parsed, result, ...(good === undefined ? {} : { good }) };
  }

  /** Logs what was not there at the last reading. */
  #report(issues: readonly Issue[]): void {
    const known = new Set(this.#issues.map(issueText));
    this.#issues = issues.toSorted((a, b) => (a.file === b.file ? 0 : a.file < b.file ? -1 : 1));
    for (const issue of this.#issues) {
      const text = issueText(issue);
      if (known.has(text)) continue;
      const level = issue.severity === 'error' ? 'error' : 'warn';
      this.#options.logger[level]({ code: issue.code }, text);
    }
  }
}

/** `file:line:column code message (hint)`, the one form of an issue as text. */
export function issueText(issue: Issue): string {
  const hint = issue.hint === undefined ? '' : ` (${issue.hint})`;
  return `${issue.file}:${issue.line}:${issue.column} ${issue.code} ${issue.message}${hint}`;
}

function duplicateIssues(first: LoadedDefinition, second: LoadedDefinition): Issue[] {
  const { name } = first.definition;
  return [
    {
      ...fileIssue(first.file, 'duplicate_name', `the workflow '${name}' is also in ${second.file}`),
      severity: 'warning',
      hint: 'this file is the one that is served',
    },
    fileIssue(
      second.file,
      'duplicate_name',
      `the workflow '${name}' is also in ${first.file}`,
      'give one of them another name',
    ),
  ];
}

function difference(
  before: ReadonlyMap<string, LoadedDefinition>,
  after: ReadonlyMap<string, LoadedDefinition>,
): RegistryChange {
  const names = [...after.keys()];
  return {
    added: names.filter((name) => !before.has(name)),
    changed: names.filter((name) => before.has(name) && !isSame(before.get(name), after.get(name))),
    removed: [...before.keys()].filter((name) => !after.has(name)),
  };
}

function isSame(before: LoadedDefinition | undefined, after: LoadedDefinition | undefined): boolean {
  if (before?.digest !== after?.digest) return false;
  return JSON.stringify(before?.files) === JSON.stringify(after?.files);
}
