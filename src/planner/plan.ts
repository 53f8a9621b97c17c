import { z } from 'zod';

/** One task of a request, by the data schema of seed 002. `approved` is never true while `done` is false. */
export interface PlannedTask {
  /** `task-N`; unique for its principal and never used again. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  readonly done: boolean;
  readonly approved: boolean;
  /** What the one who did it said; empty while there is nothing. */
  readonly completedDetails: string;
}

/** A request and the tasks it was split into, by the data schema of seed 002. */
export interface RequestEntry {
  /** `req-N`; unique for its principal and never used again. */
  readonly requestId: string;
  readonly originalRequest: string;
  /** How it was split; empty when nobody said. */
  readonly splitDetails: string;
  /** In the order in which they are to be done. */
  readonly tasks: readonly PlannedTask[];
  readonly completed: boolean;
}

/** A request as the inventory shows it. */
export interface RequestRow {
  readonly originalRequest: string;
  /** Approved tasks. */
  readonly tasksDone: number;
  readonly totalTasks: number;
  readonly completed: boolean;
}

const task = z.object({
  id: z.string(),
  title: z.string(),
  description: z.string(),
  done: z.boolean(),
  approved: z.boolean(),
  completedDetails: z.string(),
});

/** What is stored of a request: itself, and which idempotency keys speak of it, oldest first. */
export const storedRequest = z.object({
  requestId: z.string(),
  originalRequest: z.string(),
  splitDetails: z.string(),
  tasks: z.array(task),
  completed: z.boolean(),
  keys: z.array(z.string()),
});
export type StoredRequest = RequestEntry & { readonly keys: readonly string[] };

export const storedRow = z.object({
  originalRequest: z.string(),
  tasksDone: z.int(),
  totalTasks: z.int(),
  completed: z.boolean(),
});

/** The last numbers that were given out, and how many requests are kept. */
export const storedHead = z.object({ requests: z.int().min(0), tasks: z.int().min(0), kept: z.int().min(0) });
export type Head = z.infer<typeof storedHead>;

/** Which request a task belongs to, by number. */
export const storedTaskRow = z.int().min(1);

/** What a call with an idempotency key did, and to which request, by number. */
export const storedKey = z.object({ digest: z.string(), request: z.int().min(1) });

/** The number in `req-N`; `undefined` for what is no id of a request. */
export function requestNumber(requestId: string): number | undefined {
  return numberIn('req-', requestId);
}

/** The number in `task-N`; `undefined` for what is no id of a task. */
export function taskNumber(taskId: string): number | undefined {
  return numberIn('task-', taskId);
}

function numberIn(prefix: string, id: string): number | undefined {
  const digits = id.startsWith(prefix) ? id.slice(prefix.length) : '';
  return /^[1-9]\d{0,11}$/.test(digits) ? Number(digits) : undefined;
}
