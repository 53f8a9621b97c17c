import { StepFailure } from '../core/failure.ts';
import { FORBIDDEN_NAMES, isJsonObject, ownProperty, type JsonObject, type JsonValue } from '../core/json.ts';
import type { Definition } from '../definition/model.ts';
import { isoTime } from '../core/clock.ts';
import type { RunTask } from './ports.ts';

/** The kinds of variables a step may write to. */
type Writable = 'output' | 'global' | 'saved';

/** A parsed `variables.output.a.b`. */
export interface VariableTarget {
  readonly area: Writable;
  /** At least one name. */
  readonly names: readonly [string, ...string[]];
}

/**
 * Reads a target such as `variables.global.count`; throws `template_error` for anything else and for names that reach a
 * prototype (rule 6).
 */
export function parseTarget(text: string): VariableTarget {
  const match = /^(?:variables\.)?(output|global|saved)\.(.+)$/u.exec(text.trim());
  const area = match?.[1];
  const [first, ...rest] = (match?.[2] ?? '').split('.');
  const names = [first ?? '', ...rest] as const;
  const bad = names.find((name) => name === '' || FORBIDDEN_NAMES.has(name));
  if ((area !== 'output' && area !== 'global' && area !== 'saved') || bad !== undefined) {
    throw new StepFailure({
      code: 'template_error',
      message: `cannot write to '${text}': a target is variables.output.x, variables.global.x or variables.saved.x`,
    });
  }
  return { area, names: [names[0], ...rest] };
}

/**
 * The four kinds of variables. Values are never changed in place (a rendered value may be one of them): a write
 * replaces what is on its way. The last write by journal number wins, whenever it arrives, so that a crash or none
 * gives one value.
 */
export class Variables {
  readonly input: JsonObject;
  readonly #areas: Record<Writable, JsonObject>;
  /** Journal numbers by target. Made with the first write. */
  #writtenBy: Map<string, number> | undefined;
  #outputWritten = false;

  constructor(definition: Definition, task: RunTask) {
    this.input = { ...definition.variables.input, ...task.input };
    const started = isoTime(task.createdAt);
    const global = definition.variables.global;
    this.#areas = {
      output: definition.variables.output ?? {},
      global: {
        ...global,
        start_time: ownProperty(global, 'start_time') ?? started,
        timestamp: ownProperty(global, 'timestamp') ?? started,
      },
      saved: { ...definition.variables.saved, ...task.saved },
    };
  }

  /** The value of the name `variables`. */
  get all(): JsonObject {
    return { input: this.input, ...this.#areas };
  }

  get saved(): JsonObject {
    return this.#areas.saved;
  }

  get output(): JsonObject {
    return this.#areas.output;
  }

  /** Whether any step wrote to `variables.output`. */
  get outputWritten(): boolean {
    return this.#outputWritten;
  }

  /** What a target holds now; `undefined` = nothing yet. */
  read({ area, names }: VariableTarget): JsonValue | undefined {
    let value: JsonValue | undefined = this.#areas[area];
    for (const name of names) value = isJsonObject(value) ? ownProperty(value, name) : undefined;
    return value;
  }

  /** Applies the write of journal entry `seq`; one that is older than what stands there is ignored. */
  write(target: VariableTarget, value: JsonValue, seq: number): void {
    const key = `${target.area}.${target.names.join('.')}`;
    const writtenBy = (this.#writtenBy ??= new Map<string, number>());
    if ((writtenBy.get(key) ?? 0) > seq) return;
    writtenBy.set(key, seq);
    if (target.area === 'output') this.#outputWritten = true;
    this.#areas[target.area] = withMember(this.#areas[target.area], target.names, value);
  }

  /** What `variables.saved` members become by these writes, by top-level name: the `saved` member of a checkpoint. */
  savedBy(writes: readonly { readonly target: VariableTarget; readonly value: JsonValue }[]): JsonObject | undefined {
    let next = this.#areas.saved;
    const names = new Set<string>();
    for (const { target, value } of writes) {
      if (target.area !== 'saved') continue;
      next = withMember(next, target.names, value);
      names.add(target.names[0]);
    }
    if (names.size === 0) return undefined;
    return Object.fromEntries([...names].map((name) => [name, next[name] ?? null]));
  }
}

function withMember(object: JsonObject, names: readonly string[], value: JsonValue): JsonObject {
  const [name, ...rest] = names;
  if (name === undefined) return object;
  if (rest.length === 0) return { ...object, [name]: value };
  const inner = ownProperty(object, name);
  return { ...object, [name]: withMember(isJsonObject(inner) ? inner : {}, rest, value) };
}
