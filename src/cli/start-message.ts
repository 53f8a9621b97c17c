import type { ExitCode } from './exit.ts';

/** What the process in the background tells the one that started it, once. */
export type StartMessage = { readonly taskId: string } | { readonly problem: string; readonly exitCode: ExitCode };
