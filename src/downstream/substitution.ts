import { stepFailure } from '../core/failure.ts';

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

/** Puts variables in place of `${NAME}` (also `${env:NAME}` and `${NAME:-default}`) and remembers which values are secret. */
export class Substitution {
  /** Values taken from the environment so far, the inherited variables (`HOME`, …) excepted. */
  readonly secrets = new Set<string>();
  private readonly environment: Environment;
  private readonly server: string;

  constructor(environment: Environment, server: string) {
    this.environment = environment;
    this.server = server;
  }

  /** Fails with `transport`, naming the variable, when it is not set and has no default. Values are not expanded again. */
  text(text: string): string {
    return text.replace(
      /\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g,
      (_, name: string, otherwise?: string) => {
        const value = this.environment[name];
        if (value === undefined || (value === '' && otherwise !== undefined)) {
          if (otherwise !== undefined) return otherwise;
          throw stepFailure(
            'transport',
            `server '${this.server}' needs the environment variable ${name}, which is not set`,
          );
        }
        if (!INHERITED.has(name.toUpperCase())) this.secrets.add(value);
        return value;
      },
    );
  }

  record(values: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(values).map(([key, value]) => [key, this.text(value)]));
  }
}
