import { beyondBounds } from '../core/json-scan.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { StepResult } from './journal.ts';

/** Members of a result that are computed when read instead of stored. */
export type Derived = { readonly [member: string]: (result: StepResult) => JsonValue };

/** Where a view keeps the result it is of. */
const RESULT = Symbol('result');
const NO_MEMBERS: Derived = {};

const views = new WeakMap<StepResult, JsonObject>();
const getters = new WeakMap<Derived, PropertyDescriptorMap>();

/** Members every result has, computed when read. */
const COMMON: Derived = {
  output: (result) => result.output,
  status: (result) => result.status,
  attempts: (result) => result.attempts,
  error: (result) =>
    result.error === undefined
      ? null
      : {
          code: result.error.code,
          message: result.error.message,
          step: result.error.step ?? null,
          data: result.error.data ?? null,
        },
  cached: (result) => result.view?.['cached'] === true,
  text: (result) => textOf(result.output),
  json: (result) => parsedJson(textOf(result.output)),
};

/** What a kind offers of its results beside what every kind does. */
export interface ViewOf {
  readonly derived?: Derived;
  /** All members of its own. */
  readonly members?: readonly string[];
}

/**
 * What a template sees of a finished step: `output`, `status`, … and the kind's own members, those that cost something
 * computed on reading. Of one that was skipped or failed before it had them they are null.
 */
export function stepView(result: StepResult, { derived, members = [] }: ViewOf): JsonObject {
  const known = views.get(result);
  if (known !== undefined) return known;
  const made = Object.defineProperties({ [RESULT]: result }, gettersOf(derived ?? NO_MEMBERS));
  for (const [name, value] of Object.entries(result.view ?? {})) {
    Object.defineProperty(made, name, { enumerable: true, configurable: true, value });
  }
  for (const name of result.status === 'completed' ? [] : members) {
    if (!(name in made)) Object.defineProperty(made, name, { enumerable: true, configurable: true, value: null });
  }
  // Every named member is a JSON value, read through a getter or not.
  const view = made as unknown as JsonObject;
  views.set(result, view);
  return view;
}

/** The getters of a kind, made once: they find the result in the view they are read from. */
function gettersOf(derived: Derived): PropertyDescriptorMap {
  const known = getters.get(derived);
  if (known !== undefined) return known;
  const made: PropertyDescriptorMap = { [RESULT]: { enumerable: false } };
  for (const [name, compute] of Object.entries({ ...COMMON, ...derived })) {
    made[name] = {
      enumerable: true,
      configurable: true,
      get(this: { readonly [RESULT]: StepResult }) {
        return compute(this[RESULT]);
      },
    };
  }
  getters.set(derived, made);
  return made;
}

/** A step that did not run: whatever is read of it is null, without a warning. */
export const NOT_RUN: JsonObject = new Proxy<{ [key: string]: JsonValue }>(
  { output: null, status: null, attempts: 0, error: null },
  {
    has: (_target, key) => typeof key === 'string',
    get: (target, key) => (typeof key === 'string' ? (target[key] ?? null) : undefined),
    getOwnPropertyDescriptor: (target, key) =>
      typeof key === 'string'
        ? { configurable: true, enumerable: Object.hasOwn(target, key), writable: false, value: target[key] ?? null }
        : undefined,
  },
);

/** A value as text: text stays, null is empty, anything else is JSON. */
export function textOf(value: JsonValue): string {
  if (typeof value === 'string') return value;
  return value === null ? '' : JSON.stringify(value);
}

/**
 * What a text of a server or a model may hold as JSON: more is not parsed, as every later walk of it would stop the
 * process.
 */
const TEXT_BOUNDS = { values: 250_000, depth: 200 };

/** The text parsed as JSON, or null where it is none, or holds too much. */
export function parsedJson(text: string): JsonValue {
  if (text.length > TEXT_BOUNDS.depth && beyondBounds(Buffer.from(text), TEXT_BOUNDS) !== undefined) return null;
  try {
    // JSON.parse gives JSON values and nothing else.
    return JSON.parse(text) as JsonValue;
  } catch {
    return null;
  }
}
