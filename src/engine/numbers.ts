import { MAX_SECONDS } from '../core/duration.ts';
import { stepFailure } from '../core/failure.ts';
import type { JsonValue } from '../core/json.ts';

/** What a number that a template gave may be. */
export interface NumberBounds {
  readonly min: number;
  readonly max: number;
  readonly whole?: boolean;
}

/** More than none. */
export const POSITIVE_SECONDS: NumberBounds = { min: Number.MIN_VALUE, max: MAX_SECONDS };
export const SOME_SECONDS: NumberBounds = { min: 0, max: MAX_SECONDS };
export const COUNT: NumberBounds = { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true };

/**
 * A number of a definition that may be a template: a number stays what it is, since the schema has checked it. A text
 * that reads as a number is one, as in conditions. Throws `invalid_arguments`, with the key, for anything else.
 */
export async function numberOf(
  value: number | string,
  key: string,
  bounds: NumberBounds,
  render: (value: string) => Promise<JsonValue>,
): Promise<number> {
  if (typeof value === 'number') return value;
  const rendered = await render(value);
  const number = typeof rendered === 'string' && rendered.trim() !== '' ? Number(rendered) : rendered;
  const fits =
    typeof number === 'number' &&
    number >= bounds.min &&
    number <= bounds.max &&
    (bounds.whole !== true || Number.isInteger(number));
  if (fits) return number;
  const what = bounds.whole === true ? 'a whole number, at least 1,' : `a number of seconds from 0 to ${bounds.max}`;
  throw stepFailure('invalid_arguments', `${key}: ${what} is expected, and it is ${JSON.stringify(rendered)}`);
}
