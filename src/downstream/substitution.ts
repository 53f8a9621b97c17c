import { stepFailure, type FailureCode } from '../core/failure.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';

/** The environment as the pool is given it; nothing here reads the process's own. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Variables every server inherits. They say where the machine's things are and are no secrets. */
export const INHERITED_VARIABLES: readonly string[] = [
  'HOME',
  'LOGNAME',
  'PATH',
  'SHELL',
  'TERM',
  'USER',
  'LANG',
  'LC_ALL',
  'TMPDIR',
  'TZ',
  // Windows
  'APPDATA',
  'COMSPEC',
  'HOMEDRIVE',
  'HOMEPATH',
  'LOCALAPPDATA',
  'PATHEXT',
  'PROCESSOR_ARCHITECTURE',
  'PROGRAMDATA',
  'PROGRAMFILES',
  'SYSTEMDRIVE',
  'SYSTEMROOT',
  'TEMP',
  'USERNAME',
  'USERPROFILE',
  'WINDIR',
];

const INHERITED = new Set(INHERITED_VARIABLES);

/** The part of an environment that a server gets without asking. */
export function inheritedEnvironment(environment: Environment): Record<string, string> {
  const inherited: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    // A value that starts with `()` is a shell function exported by old shells.
    if (INHERITED.has(name.toUpperCase()) && value !== undefined && !value.startsWith('()')) inherited[name] = value;
  }
  return inherited;
}

/** What we read: `${NAME}`, `${env:NAME}`, `${NAME:-default}`. */
const VARIABLE = /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;
/**
 * Anything that looks like a variable of somebody's: what we do not read of it is an error, and never part of a value.
 */
const ANY_VARIABLE = /\$\{[A-Za-z_][^}]*\}/gu;

const SERVER_KEYS = ['command', 'args', 'env', 'cwd', 'envFile', 'url', 'headers'];

/**
 * The variables in the texts of an entry that we do not read: those of editors (`${input:x}`), of shells, or misspelt
 * ones.
 */
export function unknownVariables(entry: JsonObject, keys: readonly string[] = SERVER_KEYS): readonly string[] {
  const texts = keys.flatMap((key) => textsIn(entry[key]));
  return [...new Set(texts.flatMap((text) => text.replace(VARIABLE, '').match(ANY_VARIABLE) ?? []))];
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

/** Variables that say where things are. */
const PLACE = /(?:^|_)(?:PATH|DIR|FOLDER|FILE|HOME|ROOT|URL|HOST|PORT)$/iu;

/**
 * Whether a text has a variable that may be a secret: anything but the variables that every server inherits, and those
 * that name a place.
 */
export function mayHoldSecret(text: string): boolean {
  return [...text.matchAll(VARIABLE)].some(([, name = '']) => !INHERITED.has(name.toUpperCase()) && !PLACE.test(name));
}

/** The entry of a file whose texts are filled in, in the words of a message, and the code of a failure. */
export interface SubstitutedEntry {
  readonly entry: string;
  readonly file: string;
  readonly cannot: string;
  readonly code: FailureCode;
}

/**
 * Puts variables in place of `${NAME}` (also `${env:NAME}` and `${NAME:-default}`) and remembers which values are
 * secret.
 */
export class Substitution {
  /** Values taken from the environment so far, the inherited variables (`HOME`, …) excepted. */
  readonly secrets = new Set<string>();
  private readonly environment: Environment;
  private readonly of: SubstitutedEntry;

  /** @param of the entry whose texts these are; a name alone is that of a server of the servers file */
  constructor(environment: Environment, of: SubstitutedEntry | string) {
    this.environment = environment;
    this.of =
      typeof of === 'string'
        ? { entry: `server '${of}'`, file: 'servers file', cannot: 'be started', code: 'transport' }
        : of;
  }

  /**
   * Fails with the entry's code, naming the variable, when it is not set and has no default. Values are not expanded
   * again.
   */
  text(text: string): string {
    const unknown = text.replace(VARIABLE, '').match(ANY_VARIABLE)?.[0];
    if (unknown !== undefined) {
      const what = `'${unknown}' in the ${this.of.file} is not read here; write \${NAME} or \${NAME:-default}`;
      throw stepFailure(this.of.code, `${this.of.entry} cannot ${this.of.cannot}: ${what}`);
    }
    return text.replace(VARIABLE, (_, name: string, otherwise?: string) => {
      const value = this.environment[name];
      if (value === undefined || (value === '' && otherwise !== undefined)) {
        if (otherwise !== undefined) return otherwise;
        throw stepFailure(this.of.code, `${this.of.entry} needs the environment variable ${name}, which is not set`);
      }
      if (!INHERITED.has(name.toUpperCase())) this.secrets.add(value);
      return value;
    });
  }

  /** A path: `text`, and `~` at its beginning is the home folder. */
  path(text: string): string {
    const home = this.environment['HOME'] ?? this.environment['USERPROFILE'];
    const replaced = this.text(text);
    return home !== undefined && /^~(?=$|[/\\])/u.test(replaced) ? `${home}${replaced.slice(1)}` : replaced;
  }

  record(values: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, this.text(value)]));
  }
}
