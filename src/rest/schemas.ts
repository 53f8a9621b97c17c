import { z } from 'zod';

/** Schemas by the name they have in the OpenAPI document. Every body that goes out or comes in is one of them. */
export const components = z.registry<{ id: string }>();

function named<T extends z.ZodType>(id: string, schema: T): T {
  components.add(schema, { id });
  return schema;
}

const time = z.iso.datetime();
const json = z.unknown();
const object = z.record(z.string(), json);

export const TASK_STATUSES = ['working', 'input_required', 'completed', 'failed', 'cancelled'] as const;
const taskStatus = named('TaskStatus', z.enum(TASK_STATUSES));

const failure = named(
  'Failure',
  z.object({ code: z.string(), message: z.string(), step: z.string().optional(), data: json.optional() }),
);

const phase = z.object({
  name: z.string(),
  status: z.string(),
  description: z.string().optional(),
  startedAt: time.optional(),
  endedAt: time.optional(),
});

const question = named(
  'Question',
  z.object({ method: z.string(), params: object, path: z.string(), requestedAt: time, expiresAt: time.optional() }),
);

const taskShape = {
  taskId: z.string(),
  workflow: z.string(),
  status: taskStatus,
  statusMessage: z.string(),
  createdAt: time,
  lastUpdatedAt: time,
  ttl: z.number().nullable().describe('Milliseconds from createdAt; null = for ever.'),
  pollInterval: z.number().describe('Milliseconds that a poller should wait.'),
  percent: z.number().min(0).max(100),
  phases: z.array(phase),
  rev: z.int().describe('Grows with every change of the task.'),
  endedAt: time.optional(),
  wakeAt: time.optional().describe('When it only waits: the time it goes on by itself.'),
  inputRequests: z.record(z.string(), question).optional().describe('Open questions by key.'),
  error: failure.optional(),
  warnings: z.array(z.string()).optional(),
  parent: z.object({ taskId: z.string(), path: z.string() }).optional(),
  scheduleTime: z.string().optional(),
};

export const Task = named('Task', z.object(taskShape));

export const TaskDetail = named(
  'TaskDetail',
  z.object({
    ...taskShape,
    digest: z.string().describe('SHA-256 of the definition it runs.'),
    input: object.describe('Large values are cut, secret ones hidden.'),
    usage: z.object({ tool_calls: z.number(), tokens: z.number() }),
    output: json.optional().describe('The result, once there is one and it is not large.'),
    outputBytes: z.int().optional().describe('Size of a result that is too large to be here: see /tasks/{id}/result.'),
    cleanUp: z.object({ status: z.string(), compensation: z.array(object), warnings: z.array(z.string()) }).optional(),
  }),
);

export const TaskPage = named('TaskPage', z.object({ tasks: z.array(Task), nextCursor: z.string().optional() }));

export const TaskResult = named(
  'TaskResult',
  z.object({
    taskId: z.string(),
    status: taskStatus,
    output: json.optional(),
    result: object.optional().describe('The MCP tool result.'),
    error: failure.optional(),
    cancelled: z.object({ reason: z.string() }).optional(),
  }),
);

const stepShape = {
  path: z.string(),
  status: z.enum(['completed', 'failed', 'skipped', 'working', 'waiting']),
  attempts: z.int(),
  startedAt: time.nullable(),
  endedAt: time.nullable(),
  error: failure.optional(),
  cached: z.literal(true).optional(),
};

export const StepPage = named(
  'StepPage',
  z.object({
    steps: z.array(z.object(stepShape)),
    total: z.int(),
    counts: z.record(z.string(), z.int()).describe('Steps by status.'),
    nextCursor: z.string().optional(),
  }),
);

export const StepDetail = named(
  'StepDetail',
  z.object({
    ...stepShape,
    input: json.optional().describe('What its call was made with; large values are cut.'),
    output: json.optional(),
    outputBytes: z.int().optional().describe('Size of the whole output; `full=true` gives it.'),
    history: z
      .array(
        z.object({
          attempt: z.int(),
          endedAt: time,
          error: failure.optional(),
          retryAt: time.optional(),
        }),
      )
      .describe('The attempts that have ended, in order.'),
    childTaskId: z.string().optional().describe('The task that a workflow step started.'),
  }),
);

export const JournalEvent = named(
  'JournalEvent',
  z
    .object({
      seq: z.int(),
      at: time,
      type: z.string(),
      path: z.string().optional(),
      step: z.string().optional(),
      kind: z.string().optional(),
      attempt: z.int().optional(),
      attempts: z.int().optional(),
      status: z.string().optional(),
      startedAt: time.optional(),
      error: failure.optional(),
      retryAt: time.optional(),
      wakeAt: time.optional(),
      expiresAt: time.optional(),
      key: z.string().optional(),
      method: z.string().optional(),
      message: z.string().optional(),
      level: z.string().optional(),
      from: z.string().optional(),
      dropped: z.int().optional(),
      outputBytes: z.int().optional(),
    })
    .describe('An entry of the journal, without what went in and came out.'),
);

export const JournalPage = named(
  'JournalPage',
  z.object({ entries: z.array(JournalEvent), nextAfter: z.int().optional() }),
);

export const TaskEnd = named('TaskEnd', z.object({ taskId: z.string(), status: taskStatus }));
export const ListReady = named('ListReady', z.object({ now: time }));

export const CreateBody = named(
  'CreateTask',
  z.strictObject({
    input: object.optional(),
    ttl_ms: z.number().nonnegative().nullable().optional(),
    idempotency_key: z.string().min(1).max(256).optional(),
  }),
);
export const CancelBody = named('CancelTask', z.strictObject({ reason: z.string().max(1000).optional() }));
export const ResumeBody = named('ResumeTask', z.strictObject({ from: z.string().min(1).max(1000).optional() }));
export const Resumed = named('ResumedTask', z.object({ task: Task, warnings: z.array(z.string()) }));
export const AnswerBody = named(
  'Answer',
  object.describe(
    "As MCP spells it: `{action, content}` for a person's answer, `{role, content, model}` for a model's.",
  ),
);
export const Answered = named(
  'Answered',
  z.object({ taskId: z.string(), key: z.string(), answer: z.literal('accepted') }),
);

const workflowShape = {
  name: z.string(),
  title: z.string().optional(),
  description: z.string(),
  tags: z.array(z.string()),
  inputSchema: object,
  outputSchema: object.optional(),
  annotations: object,
  scheduled: z.boolean(),
  digest: z.string(),
};
export const WorkflowPage = named('WorkflowPage', z.object({ workflows: z.array(z.object(workflowShape)) }));
export const WorkflowDetail = named(
  'WorkflowDetail',
  z.object({
    ...workflowShape,
    definition: object,
    findings: z.array(
      z.object({
        severity: z.enum(['error', 'warning']),
        code: z.string(),
        message: z.string(),
        line: z.int(),
        column: z.int(),
        hint: z.string().optional(),
      }),
    ),
  }),
);

const scheduleShape = {
  workflow: z.string(),
  state: z.enum(['active', 'ended', 'paused', 'new', 'changed', 'damaged']),
  type: z.string(),
  when: z.string(),
  overlap: z.string(),
  catchUp: z.string(),
  next: z.object({ time, startsAt: time }).nullable(),
  last: z.object({ time, startedAt: time, taskId: z.string().optional() }).nullable(),
  missed: z.object({ time, reason: z.string() }).nullable(),
  running: z.int(),
  waiting: z.int(),
};
export const Schedule = named('Schedule', z.object(scheduleShape));
export const SchedulePage = named('SchedulePage', z.object({ schedules: z.array(Schedule) }));
export const ScheduleDetail = named('ScheduleDetail', z.object({ ...scheduleShape, upcoming: z.array(time) }));
export const RunStarted = named(
  'RunStarted',
  z.object({ workflow: z.string(), task: Task.optional().describe('Shown to whom the task belongs.') }),
);

export const ServerPage = named(
  'ServerPage',
  z.object({
    servers: z.array(
      z.object({
        server: z.string(),
        kind: z.string(),
        state: z.string(),
        tools: z.int().optional(),
        starts: z.int(),
        active: z.int(),
        queued: z.int(),
        lastError: z.string().optional(),
        retryInMs: z.number().optional(),
      }),
    ),
  }),
);

export const ProblemPage = named(
  'ProblemPage',
  z.object({ code: z.string(), status: z.int(), title: z.string(), advice: z.string() }),
);
export const Problem = named(
  'Problem',
  z.object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    code: z.string(),
    errors: z.array(z.object({ in: z.string(), path: z.string(), message: z.string() })).optional(),
    details: json.optional(),
    correlationId: z.string().optional(),
  }),
);

/** The name of a schema of `components`. @throws Error for one that has none: a bug. */
export function nameOf(schema: z.ZodType): string {
  const name = components.get(schema)?.id;
  if (name === undefined) throw new Error('a schema of the REST API has no name');
  return name;
}
