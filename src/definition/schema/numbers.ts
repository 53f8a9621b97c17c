import { z } from 'zod';
import { MAX_SECONDS } from '../../core/duration.ts';

const TOO_LONG = { error: `at most ${MAX_SECONDS} seconds (100 years)` };

/** More than none. Anything longer than a hundred years is a mistake, and beyond what a date can hold. */
export const positiveSeconds = z.number().positive().max(MAX_SECONDS, TOO_LONG);

/** None, or more. */
export const someSeconds = z.number().nonnegative().max(MAX_SECONDS, TOO_LONG);

/** A whole number of something, at least one. */
export const countOf = z.int().min(1);

/** A number, or a template that gives one when the step runs. */
export function orTemplate<T extends z.ZodType<number>>(number: T): z.ZodUnion<[T, z.ZodString]> {
  return z.union([number, z.string().regex(/\{\{|\{%/u, { error: 'expected a number, or a template that gives one' })]);
}
