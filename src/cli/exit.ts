/** What the process ends with. A contract: scripts rely on these numbers. */
export const EXIT = {
  /** Done. */
  done: 0,
  /** The workflow or a check failed. */
  failed: 1,
  /** Wrong usage or configuration. */
  usage: 2,
  /** The task waits for input and there is no terminal to ask on. */
  waiting: 3,
  /** Interrupted by Ctrl-C or a signal. */
  interrupted: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A command cannot do what was asked. Its text is shown on standard error as it is, without a stack. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
  readonly exitCode: ExitCode;
  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** Wrong usage: exit code 2. */
export function usageError(message: string): CommandError {
  return new CommandError(EXIT.usage, message);
}
