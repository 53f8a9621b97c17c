import { z } from 'zod';
import { StepFailure, stepFailure, type Failure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { isFixed, templateReferences } from '../definition/expression/references.ts';
import { countOf, orTemplate } from '../definition/schema/numbers.ts';
import { COUNT } from '../engine/numbers.ts';
import { fanOut } from '../engine/fan-out.ts';
import type { StepResult } from '../engine/journal.ts';
import { defineStepKind } from '../engine/kind.ts';
import { failureLine } from './parallel.ts';

/** Runs its steps for each item of a list, each in a scope of its own. */
export const foreachKind = defineStepKind({
  type: 'foreach',
  effect: 'none',
  takesOne: true,
  effectFree: true,
  summary:
    'Runs `steps` for each item of `items`, with `{{item}}` (or the name in `as`) and `{{item_index}}` in scope. `.output` is the list of each ' +
    "item's last output in input order, null where it failed; `.items` is `[{index, item, status, output, error}]`, `.failures` those of them that failed, `.failed` their number.",
  example: `id: read_all
type: foreach
items: "{{input.paths}}"
max_concurrency: 4
steps:
  - id: read_one
    server: files
    action: read_file
    arguments: { path: "{{item}}" }
`,
  fields: (step) => ({
    items: z.unknown().describe('A list, or a template that names one. An object gives its members as `{key, value}`.'),
    as: z
      .string()
      .regex(/^[A-Za-z_][A-Za-z0-9_]*$/u)
      .optional()
      .describe('Name of the item in templates. Default `item`.'),
    steps: z.array(step).min(1).describe('The body.'),
    max_concurrency: orTemplate(countOf).optional().describe('How many items run at once. Default 1.'),
    on_item_error: z
      .enum(['fail', 'collect'])
      .optional()
      .describe(
        '`fail`: the first failed item stops the others and fails the step. `collect`: all items run and the step completes. Default fail.',
      ),
  }),
  blocks: (spec) => [
    {
      at: ['steps'],
      steps: spec.steps,
      runs: 'iteration',
      binds: [spec.as ?? 'item', 'item_index'],
    },
  ],
  expressions: () => [
    { at: ['items'], as: 'template' },
    { at: ['max_concurrency'], as: 'template' },
  ],
  problems: ({ items }) => {
    const never = typeof items === 'string' ? isFixed(items) : typeof items === 'number' || typeof items === 'boolean';
    const message = `expected a list, an object or a template, found ${typeof items === 'string' ? 'text' : typeof items}`;
    return never ? [{ at: ['items'], code: 'invalid_type', message }] : [];
  },
  output: (spec) => ({ is: 'items', steps: spec.steps }),
  derived: {
    items: itemsOf,
    failures: (result) => itemsOf(result).filter((entry) => entry['status'] === 'failed'),
    failed: (result) => failedOf(result).length,
  },
  members: ['item_errors', 'item_list'],
  bind: (spec, binder, step) => {
    // Kept only where somebody asks for it: the list may be large.
    const keepsItems = binder.mentions(step.id, ['items', 'failures']);
    const body = binder.sequence(spec.steps);
    const name = spec.as ?? 'item';
    // The schema of JSON documents lets nothing but JSON in.
    const source = spec.items as JsonValue;
    const stable = isStable(source);
    return {
      execute: async (context) => {
        const render = async (): Promise<readonly JsonValue[]> => listOf(await context.render(source));
        const items = stable ? await render() : await context.decide('items', async () => [...(await render())]);
        if (items.length > context.limits.fanOut) {
          throw stepFailure('limit_exceeded', `${items.length} items; ${context.limits.fanOut} are allowed`);
        }
        const outputs: JsonValue[] = items.map(() => null);
        const failures = new Map<number, Failure>();
        const concurrency = await context.number(spec.max_concurrency ?? 1, 'max_concurrency', COUNT);
        await fanOut(items.length, concurrency, context, async (index, signal) => {
          const item = items[index] ?? null;
          const names = { [name]: item, item_index: index };
          const { scope, prefix } = context.iteration(index, names);
          try {
            outputs[index] = (await context.run(body, { scope, prefix, signal })).output;
          } catch (error) {
            if (spec.on_item_error !== 'collect' || signal.aborted || !(error instanceof StepFailure)) throw error;
            failures.set(index, error.failure);
          }
        });
        const failed = [...failures]
          .toSorted(([a], [b]) => a - b)
          .map(([index, failure]) => failureLine({ index }, failure));
        const view = {
          ...(failed.length === 0 ? {} : { item_errors: failed }),
          ...(keepsItems ? { item_list: items } : {}),
        };
        return Object.keys(view).length === 0 ? { output: outputs } : { output: outputs, view };
      },
    };
  },
});

/**
 * Whether a replay renders the same list again: it reads nothing that steps may write meanwhile, nor time or chance.
 */
function isStable(source: JsonValue): boolean {
  if (JSON.stringify(source).includes('{%')) return false;
  return templateReferences(source).every(({ path: [root, area] }) => {
    if (root === 'variables') return area === 'input';
    return root !== 'saved' && root !== 'steps';
  });
}

function listOf(value: JsonValue): readonly JsonValue[] {
  if (Array.isArray(value)) return value;
  if (isJsonObject(value)) return Object.entries(value).map(([key, member]) => ({ key, value: member }));
  const found = value === null ? 'null' : typeof value;
  throw stepFailure('invalid_arguments', `items must be a list or an object, not ${found}`);
}

function failedOf(result: StepResult): readonly JsonValue[] {
  const errors = result.view?.['item_errors'] ?? [];
  return Array.isArray(errors) ? errors : [];
}

function itemsOf(result: StepResult): readonly JsonObject[] {
  const given = result.view?.['item_list'];
  const items: readonly JsonValue[] = Array.isArray(given) ? given : [];
  const outputs: readonly JsonValue[] = Array.isArray(result.output) ? result.output : [];
  const errors = new Map(
    failedOf(result).flatMap((entry) => {
      if (!isJsonObject(entry)) return [];
      const { index, ...error } = entry;
      return [[index, error] as const];
    }),
  );
  return outputs.map((output, index) => {
    const error = errors.get(index);
    const item = items[index] === undefined ? {} : { item: items[index] };
    return { index, ...item, status: error === undefined ? 'completed' : 'failed', output, error: error ?? null };
  });
}
