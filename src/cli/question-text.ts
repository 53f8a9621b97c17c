import { humanDuration } from '../core/duration.ts';
import { stepPath } from '../tasks/journal-state.ts';
import type { PendingInput } from '../tasks/task.ts';
import { canAnswer, fieldsOf, type Field } from './form.ts';
import { plainLine } from './terminal.ts';

/**
 * A question of a task in words: what is asked, its fields and choices, until when, and the command that answers it.
 */
export function questionLines(taskId: string, input: PendingInput, now: number): readonly string[] {
  const { key, path, request, expiresAt } = input;
  const message = request.params['message'];
  const asks = typeof message === 'string' ? `: ${message}` : ` (${request.method})`;
  const head = `${key}, asked by step ${stepPath(path)}${asks}`;
  if (expiresAt !== undefined && expiresAt <= now) return [head, '  it has expired'].map(plainLine);
  const fields = canAnswer(request) ? fieldsOf(request.params['requestedSchema']) : [];
  const left = expiresAt === undefined ? [] : [`  to be answered within ${humanDuration(expiresAt - now)}`];
  const sets = fields.filter(({ required }) => required).map(({ name }) => ` --set ${name}=`);
  const answer = canAnswer(request) ? sets.join('') : " --response '{…}'";
  return [head, ...fields.map(fieldText), ...left, `  mcp-workflow tasks respond ${taskId} --key ${key}${answer}`].map(
    plainLine,
  );
}

function fieldText({ name, schema, required, choices }: Field): string {
  const { title, description, type } = schema;
  const about = [title, description].filter((text) => typeof text === 'string').join(', ');
  const offered = choices.map(({ value, label }) => (label === value ? value : `${value} (${label})`)).join(', ');
  const kind = offered === '' ? (typeof type === 'string' ? type : '') : `one of ${offered}`;
  const words = [about, kind].filter((text) => text !== '').join('; ');
  return `  ${name}${required ? '' : ' [optional]'}: ${words}`;
}
