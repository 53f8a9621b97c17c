import { z } from 'zod';
import type { JsonObject } from '../core/json.ts';
import { PLANNER_LIMITS } from './limits.ts';
import { PlannerRefusal } from './refusal.ts';

const { tasks, titleChars, textChars } = PLANNER_LIMITS;

const requestId = z.string().max(100).describe('The id of the request, such as req-1.');
const taskId = z.string().max(100).describe('The id of the task, such as task-1.');
const title = z.string().min(1).max(titleChars).describe('A short title of the task.');
const description = z.string().max(textChars).describe('What is to be done.');
const taskList = z
  .array(z.strictObject({ title, description }))
  .min(1)
  .max(tasks)
  .describe('The tasks, in the order in which they are to be done.');

/** The arguments of each tool. The published schemas are made of these. */
export const ARGUMENTS = {
  request_planning: z.strictObject({
    originalRequest: z.string().max(textChars).describe('What the user asked for, in the words of the user.'),
    splitDetails: z.string().max(textChars).optional().describe('How and why the request was split in these tasks.'),
    tasks: taskList,
  }),
  get_next_task: z.strictObject({ requestId }),
  mark_task_done: z.strictObject({
    requestId,
    taskId,
    completedDetails: z.string().max(textChars).optional().describe('What was done and what came of it.'),
  }),
  approve_task_completion: z.strictObject({ requestId, taskId }),
  approve_request_completion: z.strictObject({ requestId }),
  add_tasks_to_request: z.strictObject({ requestId, tasks: taskList }),
  update_task: z
    .strictObject({ requestId, taskId, title: title.optional(), description: description.optional() })
    .refine((args) => args.title !== undefined || args.description !== undefined, 'title or description is expected'),
  delete_task: z.strictObject({ requestId, taskId }),
  open_task_details: z.strictObject({ taskId }),
  list_requests: z.strictObject({}),
} as const;

/** The ten tools by name. */
export type PlannerTool = keyof typeof ARGUMENTS;

/** The arguments of a tool, checked. */
export type Arguments<T extends PlannerTool> = z.infer<(typeof ARGUMENTS)[T]>;

export function isPlannerTool(name: string): name is PlannerTool {
  return Object.hasOwn(ARGUMENTS, name);
}

/** Throws `Invalid parameters` with the place of the first thing that is wrong. */
export function readArguments<T extends PlannerTool>(tool: T, args: JsonObject): Arguments<T> {
  const parsed = ARGUMENTS[tool].safeParse(args);
  // The schema of the tool made it; the compiler does not follow the name through the table.
  if (parsed.success) return parsed.data as Arguments<T>;
  throw invalidParameters('arguments', parsed.error);
}

/** What is wrong with a value from outside, and where. */
export function invalidParameters(root: string, error: z.ZodError): PlannerRefusal {
  const [issue] = error.issues;
  const at = [root, ...(issue?.path ?? []).map(String)].filter((part) => part !== '').join('/');
  const what = issue?.message ?? 'wrong value';
  return new PlannerRefusal('invalid_arguments', `Invalid parameters: ${at === '' ? what : `${at}: ${what}`}`);
}
