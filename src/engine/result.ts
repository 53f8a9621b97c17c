import { describeFailure, StepFailure, stepFailure, type Failure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import type { ContentBlock, Outcome, ToolResult } from '../core/outcome.ts';
import { compileSchema } from '../definition/schema-validator.ts';
import type { Run } from './run.ts';
import { textOf } from './step-view.ts';

type RunOutcome = Exclude<Outcome, { kind: 'cancelled' }>;

/** `_meta` of a task's result: what was used (where a budget is declared) and what was undone. */
const META_PREFIX = 'dev.mcp-workflow/';

/** Where the words of a result are rendered, in messages. */
const RESULT_PATH = 'output';

/**
 * The output of a workflow that came to its end: the declared `output`, else `variables.output` if declared or written,
 * else
 * `{result: <output of the last step that ran>}`. Rejects with `invalid_output` when it does not fit `output_schema`.
 */
export async function workflowOutput(run: Run, last: JsonValue, ended: boolean): Promise<JsonObject> {
  const { definition } = run.bound;
  const output = ended ? asObject(last) : await chosenOutput(run, last);
  if (definition.output_schema !== undefined) {
    const [violation] = compileSchema(definition.output_schema)(output);
    if (violation !== undefined) {
      throw stepFailure(
        'invalid_output',
        `the output does not fit output_schema: ${violation.path} ${violation.message}`,
      );
    }
  }
  return output;
}

async function chosenOutput(run: Run, last: JsonValue): Promise<JsonObject> {
  const { definition } = run.bound;
  if (definition.output !== undefined) return asObject(await run.render(definition.output, run.scope, RESULT_PATH));
  if (definition.variables.output !== undefined || run.variables.outputWritten) return run.variables.output;
  return { result: last };
}

/** `structuredContent` is an object: anything else becomes `{result: …}`. */
function asObject(value: JsonValue): JsonObject {
  return isJsonObject(value) ? value : { result: value };
}

/**
 * The tool result of a workflow that succeeded. `result` in the definition can give other content blocks or call it an
 * error.
 */
export async function successOutcome(run: Run, output: JsonObject): Promise<RunOutcome> {
  const declared = run.bound.definition.result;
  const scope = run.scope.with({ output });
  const content =
    declared?.content === undefined
      ? [{ type: 'text', text: JSON.stringify(output) }]
      : contentBlocks(await run.render(declared.content, scope, RESULT_PATH));
  const flag = declared?.is_error;
  const isError = typeof flag === 'string' ? truthy(await run.render(flag, scope, RESULT_PATH)) : flag === true;
  const meta = metaOf(run, undefined);
  const result: ToolResult = {
    content,
    // Hosts that find structured content show the model nothing else: the blocks that the definition chose would be
    // lost.
    ...(declared?.content !== undefined && run.bound.definition.output_schema === undefined
      ? {}
      : { structuredContent: output }),
    ...(isError ? { isError: true } : {}),
    ...(meta === undefined ? {} : { _meta: meta }),
  };
  if (!isError) return { kind: 'result', result, output };
  const text = content.flatMap((block) => (typeof block['text'] === 'string' ? [block['text']] : [])).join('\n');
  return { kind: 'result', result, output, failure: { code: 'tool_error', message: text } };
}

/**
 * A failed workflow: one text that says where and why, or a JSON-RPC error for a `fail` step whose code is a number.
 */
export function failureOutcome(run: Run, failure: Failure, undone: readonly JsonObject[]): RunOutcome {
  if (/^-?\d+$/u.test(failure.code) && run.bound.byId.get(failure.step ?? '')?.kind.protocolErrors === true) {
    const { code, message, data } = failure;
    return { kind: 'error', code: Number(code), message, ...(data === undefined ? {} : { data }), failure };
  }
  const meta = metaOf(run, undone);
  const result: ToolResult = {
    content: [{ type: 'text', text: describeFailure(failure) }],
    isError: true,
    ...(meta === undefined ? {} : { _meta: meta }),
  };
  return { kind: 'result', result, output: null, failure };
}

function metaOf(run: Run, undone: readonly JsonObject[] | undefined): JsonObject | undefined {
  const { budget } = run.bound.definition;
  const meta: { [key: string]: JsonValue } = {};
  if (budget !== undefined) {
    const seconds = Math.max(0, run.ports.clock.now() - (run.task.begunAt ?? run.task.createdAt)) / 1000;
    const { usd, ...used } = run.usage;
    const dollars = usd === 0 && budget.usd === undefined ? {} : { usd: Number(usd.toFixed(9)) };
    meta[`${META_PREFIX}usage`] = { ...used, ...dollars, seconds };
  }
  if (undone !== undefined && undone.length > 0) meta[`${META_PREFIX}compensation`] = undone;
  return Object.keys(meta).length === 0 ? undefined : meta;
}

/** A block that was named by a whole-value template may be a list of blocks (`{{step.content}}`). */
function contentBlocks(value: JsonValue): readonly ContentBlock[] {
  const list: readonly JsonValue[] = Array.isArray(value) ? value.flat() : [value];
  return list.map((block, index) => {
    const type = isJsonObject(block) ? block['type'] : undefined;
    if (!isJsonObject(block) || typeof type !== 'string') {
      throw new StepFailure({ code: 'invalid_output', message: 'result.content must be a list of content blocks' });
    }
    // A template that is the whole text keeps the type of what it names; a block of text holds text.
    const made = type === 'text' && 'text' in block ? { ...block, text: textOf(block['text'] ?? null) } : block;
    const problem = blockProblem(type, made);
    if (problem !== undefined) throw stepFailure('invalid_output', `result.content[${index}]: ${problem}`);
    return { ...made, type };
  });
}

/** The members that are texts in each type of block. */
const BLOCK_TEXTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['text', ['text']],
  ['image', ['data', 'mimeType']],
  ['audio', ['data', 'mimeType']],
  ['resource_link', ['uri', 'name']],
  ['resource', []],
]);

/** Clients refuse the whole result for one block that MCP does not know. */
function blockProblem(type: string, block: JsonObject): string | undefined {
  const needed = BLOCK_TEXTS.get(type);
  if (needed === undefined) return `the type '${type}' is none of ${[...BLOCK_TEXTS.keys()].join(', ')}`;
  const missing = needed.find((member) => typeof block[member] !== 'string');
  if (missing !== undefined) return `a block of type '${type}' needs '${missing}', a text`;
  if (type !== 'resource') return undefined;
  const { resource } = block;
  const whole =
    isJsonObject(resource) &&
    typeof resource['uri'] === 'string' &&
    (typeof resource['text'] === 'string' || typeof resource['blob'] === 'string');
  return whole ? undefined : "a block of type 'resource' needs 'resource' with 'uri' and 'text' or 'blob'";
}

function truthy(value: JsonValue): boolean {
  return value !== null && value !== false && value !== '' && value !== 0 && value !== 'false';
}
