import { stepFailure, type StepFailure } from '../core/failure.ts';

/** A server's answer is over one of its limits: fails the call it belongs to and nothing else. */
export function tooLarge(what: string): StepFailure {
  return stepFailure('limit_exceeded', what);
}
