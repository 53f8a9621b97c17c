/** What other engines call what we have: the hint for a key or a type that nobody here knows. */

import { isJsonObject, type JsonValue } from '../../core/json.ts';

/**
 * GitHub Actions, Argo, n8n, Step Functions, Kestra and scripts. By key; the first of ours that the object at hand
 * knows is meant.
 */
const KEYS: ReadonlyMap<string, readonly string[]> = new Map([
  ['if', ['when', 'condition']],
  ['condition', ['when']],
  ['needs', ['depends_on']],
  ['dependencies', ['depends_on']],
  ['on_failure', ['on_error']],
  ['onError', ['on_error']],
  ['continue-on-error', ['can_fail_safely']],
  ['while', ['until']],
  ['times', ['max_iterations']],
  ['timeout', ['timeout_seconds']],
  ['timeout-minutes', ['timeout_seconds']],
  ['retries', ['retry']],
  ['with', ['arguments', 'input']],
  ['params', ['arguments', 'input']],
  ['args', ['arguments']],
  ['inputs', ['input', 'input_schema']],
  ['outputs', ['output']],
  ['env', ['variables']],
  ['vars', ['variables']],
  ['cron', ['expression']],
]);

/** Where a sentence says more than a name. */
const SENTENCES: ReadonlyMap<string, string> = new Map([
  ['uses', "name what the step calls with 'server' and 'action'"],
  ['run', "call a tool with 'server' and 'action'; no step runs a shell"],
  ['map', "write `type: foreach` with 'items' and 'steps'"],
  ['matrix', "write `type: foreach` with 'items' and 'steps'"],
  ['jobs', "write a list under 'steps'; 'depends_on' makes a graph of it"],
  ['on', "write 'schedule', or 'triggers'"],
  ['name', "a step is named by 'id'; a sentence about it goes into 'description'"],
  ['cron', "write `type: cron` with 'expression'"],
]);

const TYPES: ReadonlyMap<string, string> = new Map([
  ['map', 'foreach'],
  ['for', 'foreach'],
  ['while', 'loop'],
  ['repeat', 'loop'],
  ['choice', 'switch'],
  ['if', 'switch'],
  ['dag', 'group'],
  ['sequence', 'group'],
  ['pass', 'set'],
  ['delay', 'wait'],
  ['sleep', 'wait'],
  ['subworkflow', 'workflow'],
  ['task', 'tool'],
  ['catch', 'try'],
  ['human', 'elicit'],
  ['input', 'elicit'],
  ['http', 'tool'],
]);

/** The hint for an unknown key of an object that knows these keys. */
export function hintForKey(key: string, known: readonly string[]): string | undefined {
  const ours = KEYS.get(key)?.find((name) => known.includes(name));
  return ours === undefined ? SENTENCES.get(key) : `did you mean '${ours}'?`;
}

/** Our kind of step for a type of others. */
export function kindFor(type: string, known: readonly string[]): string | undefined {
  const ours = TYPES.get(type.toLowerCase());
  return ours !== undefined && known.includes(ours) ? ours : undefined;
}

/** What is meant by a schedule in the words of others: `cron: …`, `every: …`, an expression alone. */
export function hintForSchedule(value: JsonValue | undefined): string | undefined {
  if (Array.isArray(value)) return hintForSchedule(value[0]);
  if (typeof value === 'string') return SCHEDULES.cron;
  if (!isJsonObject(value)) return undefined;
  if (value['cron'] !== undefined || value['expression'] !== undefined) return SCHEDULES.cron;
  if (['interval', 'every', 'seconds'].some((key) => value[key] !== undefined)) return SCHEDULES.interval;
  return ['at', 'once', 'time'].some((key) => value[key] !== undefined) ? SCHEDULES.once : undefined;
}

const SCHEDULES = {
  cron: "write {type: cron, expression: '0 9 * * *'}",
  interval: 'write {type: interval, seconds: 3600}',
  once: "write {type: once, at: '2030-01-01T09:00:00Z'}",
} as const;

/** Keys of others in an object that says nothing of ours, for which there is more to say than that a key is missing. */
export function foreignKeys(value: JsonValue | undefined): readonly { readonly key: string; readonly hint: string }[] {
  if (!isJsonObject(value)) return [];
  return Object.keys(value).flatMap((key) => {
    const hint = SENTENCES.get(key);
    return hint === undefined || key === 'name' ? [] : [{ key, hint }];
  });
}
