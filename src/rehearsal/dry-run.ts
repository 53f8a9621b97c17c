import type { Failure } from '../core/failure.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../core/json.ts';
import { jsonataReferences, jsonataSource } from '../definition/expression/jsonata.ts';
import { conditionReferences } from '../definition/expression/references.ts';
import { parseTemplate } from '../definition/expression/template-syntax.ts';
import type { Definition, Step } from '../definition/model.ts';
import type { StepContext, StepKind, StepKindTable } from '../engine/kind.ts';
import { contextOver } from './context-over.ts';
import { stepsOf } from './coverage.ts';
import { kindsWithout, type OutsideCall, type OutsideWorld } from './outside.ts';
import { rehearse } from './rehearse.ts';

/** What a run would do, as far as that can be said without calling anybody. */
export interface DryRun {
  /** In order, with rendered arguments; what depends on a result that only a real run has stays as written. */
  readonly calls: readonly OutsideCall[];
  /** Choices that were made without the result they depend on. */
  readonly notes: readonly string[];
  /** Why it came to no good end, apart from what nobody can know. */
  readonly failure?: Failure;
}

/**
 * Walks a definition with these arguments and calls nobody: every call counts as made, and its result is unknown. A
 * template that reads an unknown result stays as it is written, and so does what is made of it. A condition that reads
 * one takes it as null; a loop goes round once, and a foreach over an unknown list has one item. Rejects only on a bug.
 */
export async function dryRun(definition: Definition, kinds: StepKindTable, input: JsonObject): Promise<DryRun> {
  const calls: OutsideCall[] = [];
  const asked = new Set<string>();
  const world: OutsideWorld = {
    attempt: () => undefined,
    called: (call) => {
      calls.push(call);
    },
    unanswered: ({ step }) => {
      asked.add(step);
      return { output: null };
    },
  };
  const unknowing = kindsWithout(new Map([...kinds].map(([type, kind]) => [type, unsure(kind, asked)])), world);
  const made = new Map([...unknowing].map(([type, kind]) => [type, asMade(kind, asked)]));
  const { failure } = await rehearse({ definition, kinds: made, world: PASSIVE, input });
  return { calls, notes: choicesMade(definition, kinds, asked), ...(failure === undefined ? {} : { failure }) };
}

/** The stand-ins are built in already. */
const PASSIVE: OutsideWorld = {
  attempt: () => undefined,
  called: () => undefined,
  unanswered: () => ({ output: null }),
};

/** A kind whose templates leave alone what is unknown, and whose loops do not wait for it. */
function unsure(kind: StepKind, asked: ReadonlySet<string>): StepKind {
  return {
    ...kind,
    bind: (given, binder) => {
      const bound = kind.bind(kind.unsure?.(given) ?? given, binder);
      return {
        ...bound,
        execute: (context) => bound.execute(withUnknown(context, kind.takesOne === true, asked)),
      };
    },
  };
}

/** A step that got as far as its call has made it, whatever it would think of an empty answer. */
function asMade(kind: StepKind, asked: ReadonlySet<string>): StepKind {
  return {
    ...kind,
    bind: (step, binder) => {
      const bound = kind.bind(step, binder);
      return {
        ...bound,
        execute: async (context) => {
          try {
            const output = await bound.execute(context);
            return asked.has(step.id) ? { output: null } : output;
          } catch (error) {
            if (asked.has(step.id)) return { output: null };
            throw error;
          }
        },
      };
    },
  };
}

function withUnknown(context: StepContext, takesOne: boolean, asked: ReadonlySet<string>): StepContext {
  const render: StepContext['render'] = async (value, scope) => {
    // The schema of the kind let only JSON in.
    const kept = await keepUnknown(value as JsonValue, asked, (text) => context.render(text, scope));
    return takesOne && typeof kept === 'string' ? [kept] : kept;
  };
  return contextOver(context, {
    render,
    renderText: async (value) => {
      const rendered = await render(value);
      return typeof rendered === 'string' ? rendered : rendered === null ? '' : JSON.stringify(rendered);
    },
  });
}

async function keepUnknown(
  value: JsonValue,
  asked: ReadonlySet<string>,
  render: (text: string) => Promise<JsonValue>,
): Promise<JsonValue> {
  if (typeof value === 'string') return await renderKnown(value, asked, render);
  if (Array.isArray(value)) {
    const items: JsonValue[] = [];
    for (const item of value) items.push(await keepUnknown(item, asked, render));
    return items;
  }
  if (!isJsonObject(value)) return value;
  const members: [string, JsonValue][] = [];
  for (const [key, member] of Object.entries(value)) members.push([key, await keepUnknown(member, asked, render)]);
  return Object.fromEntries(members);
}

async function renderKnown(
  text: string,
  asked: ReadonlySet<string>,
  render: (text: string) => Promise<JsonValue>,
): Promise<JsonValue> {
  const source = jsonataSource(text);
  if (source !== undefined) {
    return jsonataReferences(source).some(({ path }) => isUnknown(path, asked)) ? text : await render(text);
  }
  const { parts } = parseTemplate(text);
  if (!parts.some((part) => typeof part !== 'string' && isUnknown(part.path, asked))) return await render(text);
  let shown = '';
  for (const part of parts) {
    if (typeof part === 'string') shown += part;
    else if (isUnknown(part.path, asked)) shown += `{{${part.text}}}`;
    else {
      const known = await render(`{{${part.text}}}`);
      shown += typeof known === 'string' ? known : known === null ? '' : JSON.stringify(known);
    }
  }
  return shown;
}

function isUnknown([root, second]: readonly (string | number)[], asked: ReadonlySet<string>): boolean {
  const name = root === 'steps' ? String(second) : String(root);
  return asked.has(name) || asked.has(name.replace(/^step_/u, ''));
}

/** Conditions that read what is unknown, each as a sentence. A loop's `until` is not asked at all. */
function choicesMade(definition: Definition, kinds: StepKindTable, asked: ReadonlySet<string>): readonly string[] {
  const sentence = (who: string, condition: string): readonly string[] =>
    conditionReferences(condition).some(({ path }) => isUnknown(path, asked))
      ? [`${who} depends on a result that only a real run has: ${condition}`]
      : [];
  const steps = [...stepsOf(definition, kinds)].flatMap((step) => {
    const positions = [{ at: ['when'], as: 'condition' as const }, ...(kinds.get(step.type)?.expressions(step) ?? [])];
    return positions.flatMap(({ at, as }) => {
      const value = as === 'condition' ? valueIn(step, at) : undefined;
      return typeof value === 'string' ? sentence(`step '${step.id}': ${at.join('.')}`, value) : [];
    });
  });
  return [
    ...steps,
    ...definition.conditionals.flatMap(({ name, condition }) => sentence(`conditional '${name}'`, condition)),
  ];
}

function valueIn(step: Step, path: readonly (string | number)[]): unknown {
  let value: unknown = step;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as { readonly [key: string | number]: unknown })[key];
  }
  return value;
}
