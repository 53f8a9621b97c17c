/**
 * The schemas of a definition for one table of step kinds. They are the one source: parsing and the JSON Schema both
 * use them.
 */
import { z } from 'zod';
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import type { Step } from '../model.ts';
import type { StepSyntax, StepSyntaxTable } from '../step-syntax.ts';
import { describeIssue } from './issue-text.ts';
import { commonStepFields } from './step-fields.ts';
import { workflowFields } from './workflow-fields.ts';

export interface DefinitionSchemas {
  readonly workflow: z.ZodType;
  /** Any step: looks at `type` and applies the schema of that kind. */
  readonly step: z.ZodType<Step>;
  readonly kinds: ReadonlyMap<string, z.ZodType>;
  /** The kind of a step without `type`. */
  readonly defaultKind: string | undefined;
  /** Keys each kind knows. */
  readonly keys: ReadonlyMap<string, ReadonlySet<string>>;
}

const known = new WeakMap<StepSyntaxTable, DefinitionSchemas>();

/** The schemas for a table of kinds, made once. */
export function schemasFor(syntaxes: StepSyntaxTable): DefinitionSchemas {
  const made = known.get(syntaxes) ?? make(syntaxes);
  known.set(syntaxes, made);
  return made;
}

function make(syntaxes: StepSyntaxTable): DefinitionSchemas {
  const kinds = new Map<string, z.ZodObject>();
  const step: z.ZodType<Step> = z.unknown().check((context) => checkStep(context, syntaxes, kinds)) as z.ZodType<Step>;
  for (const syntax of syntaxes.values()) kinds.set(syntax.type, kindSchema(syntax, step));
  const defaultKind = [...syntaxes.values()].find(({ isDefault }) => isDefault === true)?.type;
  const keys = new Map([...kinds].map(([type, schema]) => [type, new Set(Object.keys(schema.shape))]));
  return { workflow: z.strictObject(workflowFields(step)), step, kinds, keys, defaultKind };
}

function kindSchema(syntax: StepSyntax, step: z.ZodType<Step>): z.ZodObject {
  const type = z.literal(syntax.type);
  return z
    .strictObject({
      ...commonStepFields(step),
      type: (syntax.isDefault === true ? type.optional() : type).describe('Kind of the step.'),
      ...syntax.fields(step),
    })
    .describe(syntax.summary);
}

type CheckContext = z.core.ParsePayload;

function checkStep(context: CheckContext, syntaxes: StepSyntaxTable, kinds: ReadonlyMap<string, z.ZodObject>): void {
  const step = context.value;
  const refuse = (path: string[], message: string): void => {
    context.issues.push({ code: 'custom', input: step, path, message });
  };
  if (!isJsonObject(step)) {
    refuse([], 'expected a step (an object with `id` and `type`)');
    return;
  }
  // Half of a tool step gets the tool's messages rather than "type is missing".
  const type = step['type'] ?? ('server' in step || 'action' in step ? 'tool' : undefined);
  const schema = typeof type === 'string' ? kinds.get(type) : undefined;
  if (schema === undefined) {
    context.issues.push({
      code: 'custom',
      input: step,
      path: type === undefined ? [] : ['type'],
      message: type === undefined ? "missing key 'type'" : `unknown step type ${JSON.stringify(type)}`,
      params: {
        code: type === undefined ? 'missing_key' : 'unknown_step_type',
        given: type,
        types: [...syntaxes.keys()],
      },
    });
    // A slip in the type hides nothing else that is wrong with the step.
    const meant = typeof type === 'string' ? nearest(type, kinds.keys()) : undefined;
    if (meant !== undefined) checkKind(context, { ...step, type: meant }, kinds.get(meant));
    return;
  }
  checkKind(context, step, schema);
}

function checkKind(context: CheckContext, step: JsonObject, schema: z.ZodObject | undefined): void {
  const result = schema?.safeParse(step, { error: describeIssue });
  for (const issue of result?.error?.issues ?? []) context.issues.push({ ...issue, input: undefined });
}
