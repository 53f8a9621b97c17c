import { z } from 'zod';
import { stepFailure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue, objectOrEmpty } from '../core/json.ts';
import { defineStepKind, type StepContext } from '../engine/kind.ts';

/** How a value meets what its variable holds, by the key of the step. */
const CHANGES: Readonly<Record<string, (before: JsonValue | undefined, value: JsonValue) => JsonValue | undefined>> = {
  append: (before, value) => (before === undefined || Array.isArray(before) ? [...(before ?? []), value] : undefined),
  add: (before, value) => {
    const sum = before ?? 0;
    return typeof sum === 'number' && typeof value === 'number' ? sum + value : undefined;
  },
  merge: (before, value) => {
    const object = before ?? {};
    return isJsonObject(object) && isJsonObject(value) ? { ...object, ...value } : undefined;
  },
};
const NEEDS: Readonly<Record<string, string>> = { append: 'a list', add: 'numbers', merge: 'objects' };
const WRITES = ['assign', ...Object.keys(CHANGES)] as const;

const targets = (what: string): z.ZodOptional<z.ZodRecord<z.ZodString, z.ZodUnknown>> =>
  z.record(z.string(), z.unknown()).optional().describe(what);

/** Computes values and writes variables, in one checkpoint, one step at a time. */
export const setKind = defineStepKind({
  type: 'set',
  effect: 'none',
  effectFree: true,
  exclusive: true,
  summary:
    'Computes values from templates and writes variables. `.output` is the rendered `values`. What it reads and what it writes is one change: among branches that run at once no update is lost.',
  example: `id: count_up
type: set
values:
  next: "{% variables.global.count + 1 %}"
assign:
  variables.global.count: "{% variables.global.count + 1 %}"
`,
  fields: () => ({
    values: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Names and templates; the rendered map is the output.'),
    assign: targets(
      'Variables to write: `variables.global.x`, `variables.output.x` or `variables.saved.x`, each with a template. All read what was there before the step.',
    ),
    append: targets('Lists to put one entry at the end of, by variable, each with a template.'),
    add: targets('Numbers to add to, by variable, each with a template.'),
    merge: targets('Objects to lay members over, by variable, each with a template.'),
  }),
  expressions: (spec) => [
    ...(spec.values === undefined ? [] : [{ at: ['values'], as: 'template' as const }]),
    ...WRITES.flatMap((key) => (valuesOf(spec, key) === undefined ? [] : [{ at: [key], as: 'template' as const }])),
  ],
  writes: (spec) =>
    WRITES.flatMap((key) => Object.keys(valuesOf(spec, key) ?? {}).map((target) => ({ target, at: [key, target] }))),
  problems: (spec) => {
    const seen = new Set<string>();
    return WRITES.flatMap((key) =>
      Object.keys(valuesOf(spec, key) ?? {}).flatMap((target) => {
        const twice = seen.has(target);
        seen.add(target);
        return twice
          ? [{ at: [key, target], code: 'invalid_value' as const, message: `'${target}' is written twice in one step` }]
          : [];
      }),
    );
  },
  // A definition is JSON all through; zod only does not say so.
  output: (spec) => ({ is: 'template', value: (spec.values ?? {}) as JsonObject }),
  bind: (spec) => ({
    execute: async (context) => {
      const output = await context.render(spec.values ?? {});
      const assign: Record<string, JsonValue> = { ...objectOrEmpty(await context.render(spec.assign ?? {})) };
      for (const key of Object.keys(CHANGES)) {
        const values = objectOrEmpty(await context.render(valuesOf(spec, key) ?? {}));
        for (const [target, value] of Object.entries(values)) assign[target] = changed(context, key, target, value);
      }
      return { output, assign };
    },
  }),
});

function valuesOf(spec: object, key: string): object | undefined {
  const values: unknown = Object.hasOwn(spec, key) ? (spec as { readonly [key: string]: unknown })[key] : undefined;
  return typeof values === 'object' && values !== null ? values : undefined;
}

function changed(context: StepContext, key: string, target: string, value: JsonValue): JsonValue {
  // What holds null holds nothing: `variables` declare a variable without a value so.
  const made = CHANGES[key]?.(context.variable(target) ?? undefined, value);
  if (made !== undefined) return made;
  throw stepFailure('invalid_arguments', `${key} needs ${NEEDS[key] ?? ''}: '${target}' and its value do not fit`);
}
