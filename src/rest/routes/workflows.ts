import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import { DrawingError, svgOf } from '../../definition/graph/svg.ts';
import type { Definition, LoadedDefinition } from '../../definition/model.ts';
import { describeWorkflow, exposed, findWorkflow } from '../../protocol/tools.ts';
import { marksOf } from '../../tasks/step-marks.ts';
import type { RestPorts } from '../ports.ts';
import { BASE, ProblemError } from '../problem.ts';
import { route } from '../route.ts';
import { CreateBody, Task, WorkflowDetail, WorkflowPage } from '../schemas.ts';
import { taskBody } from '../views.ts';
import { taskOf, taskParams } from './tasks.ts';

const SVG = 'image/svg+xml';

const params = z.object({ name: z.string().describe('The name of the workflow.') });

/** The published workflow of this name. */
function workflowOf(name: string, ports: RestPorts): LoadedDefinition {
  const loaded = findWorkflow(name, ports);
  if (loaded !== undefined) return loaded;
  const near = nearest(
    name,
    exposed(ports).map(({ definition }) => definition.name),
  );
  const hint = near === undefined ? '' : `; did you mean '${near}'?`;
  throw new ProblemError('unknown_workflow', `there is no workflow '${name}'${hint}`);
}

function workflowBody({ definition, digest }: LoadedDefinition, ports: RestPorts): JsonObject {
  const { name, title, description, inputSchema, outputSchema, annotations } = describeWorkflow(definition, ports, {
    neverDeferred: true,
  });
  return {
    name,
    ...(title !== undefined && { title }),
    description,
    tags: definition.tags,
    inputSchema,
    ...(outputSchema !== undefined && { outputSchema }),
    annotations: { ...annotations },
    scheduled: definition.schedule !== undefined,
    digest,
  };
}

const listWorkflows = route({
  method: 'get',
  path: '/workflows',
  operationId: 'listWorkflows',
  summary: 'The published workflows, by name',
  answers: { 200: { about: 'All of them.', schema: WorkflowPage } },
  handle: (_asked, ports) =>
    Promise.resolve({ status: 200, body: { workflows: exposed(ports).map((each) => workflowBody(each, ports)) } }),
});

const getWorkflow = route({
  method: 'get',
  path: '/workflows/{name}',
  operationId: 'getWorkflow',
  summary: 'One workflow with its definition and what validation finds in its file',
  params,
  answers: { 200: { about: 'The workflow.', schema: WorkflowDetail } },
  problems: ['unknown_workflow'],
  handle: ({ params: { name } }, ports) => {
    const loaded = workflowOf(name, ports);
    const findings = ports
      .issues()
      .filter(({ file }) => file === loaded.file)
      .map(({ severity, code, message, line, column, hint }) => ({
        severity,
        code,
        message,
        line,
        column,
        ...(hint !== undefined && { hint }),
      }));
    // A definition is plain JSON all through (model.ts), which its interface cannot say.
    const definition = loaded.definition as unknown as JsonObject;
    return Promise.resolve({ status: 200, body: { ...workflowBody(loaded, ports), definition, findings } });
  },
});

const drawWorkflow = route({
  method: 'get',
  path: '/workflows/{name}/graph',
  operationId: 'drawWorkflow',
  summary: 'The workflow drawn',
  params,
  answers: { 200: { about: 'The picture.', type: SVG } },
  problems: ['unknown_workflow', 'not_drawable'],
  handle: async ({ params: { name } }, ports) => {
    const { definition } = workflowOf(name, ports);
    return { status: 200, text: await drawn(definition, ports), type: SVG };
  },
});

const drawTask = route({
  method: 'get',
  path: '/tasks/{id}/graph',
  operationId: 'drawTask',
  summary: 'The workflow of a task drawn, each step in the colour of its state',
  params: taskParams,
  answers: { 200: { about: 'The picture.', type: SVG } },
  problems: ['not_found', 'not_drawable'],
  handle: async ({ params: { id }, caller }, ports) => {
    const view = await taskOf(ports.tasks, id, caller);
    const loaded = ports.definitions.get(view.workflow);
    if (loaded?.digest !== view.digest) {
      throw new ProblemError('not_drawable', 'the definition has changed since this task began');
    }
    const marks = marksOf(await ports.tasks.steps(id, caller.principal));
    return { status: 200, text: await drawn(loaded.definition, ports, marks), type: SVG };
  },
});

async function drawn(
  definition: Definition,
  { syntaxes }: RestPorts,
  marks?: ReturnType<typeof marksOf>,
): Promise<string> {
  try {
    return await svgOf(definition, syntaxes, marks);
  } catch (error) {
    if (error instanceof DrawingError) throw new ProblemError('not_drawable', error.message);
    throw error;
  }
}

const createTask = route({
  method: 'post',
  path: '/workflows/{name}/tasks',
  operationId: 'createTask',
  summary: 'Starts the workflow; the task is durable when it is answered',
  params,
  headers: {
    'Idempotency-Key':
      'The same caller, workflow and key give the same task. The same as `idempotency_key` in the body.',
  },
  body: CreateBody,
  bodyOptional: true,
  answers: { 201: { about: 'The task; where it is stands in `Location`.', schema: Task } },
  problems: ['unknown_workflow', 'invalid_arguments', 'idempotency_conflict', 'limit_exceeded', 'conflict'],
  handle: async ({ params: { name }, body, caller, header }, ports) => {
    workflowOf(name, ports);
    const { input = {}, ttl_ms: ttl, idempotency_key: inBody } = body;
    const key = keyOf(header('idempotency-key'), inBody);
    const view = await ports.tasks.create({
      workflow: name,
      // The body was JSON.
      arguments: isJsonObject(input) ? input : {},
      principal: caller.principal,
      ...(ttl !== undefined && { ttl }),
      ...(key !== undefined && { idempotencyKey: key }),
    });
    const location = `${BASE}/tasks/${view.taskId}`;
    return { status: 201, body: taskBody(view), headers: { location } };
  },
});

const MAX_KEY = 256;

/** The idempotency key. The header may be a structured string in quotes, as its draft asks for, or plain. */
function keyOf(inHeader: string | undefined, inBody: string | undefined): string | undefined {
  if (inHeader === undefined) return inBody;
  const key = /^"(?<quoted>[^"\\]*)"$/u.exec(inHeader)?.groups?.['quoted'] ?? inHeader;
  const wrong = (message: string): ProblemError =>
    new ProblemError('invalid_request', message, { errors: [{ in: 'header', path: '/idempotency-key', message }] });
  if (key === '' || key.length > MAX_KEY) throw wrong(`Idempotency-Key: expected 1 to ${MAX_KEY} characters`);
  if (inBody !== undefined && inBody !== key) throw wrong('Idempotency-Key and idempotency_key are not the same');
  return key;
}

export const workflowRoutes = [listWorkflows, getWorkflow, drawWorkflow, drawTask, createTask];
