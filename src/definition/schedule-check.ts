import type { Finding } from './finding.ts';
import type { Schedule } from './model.ts';
import { DEFAULT_TIME_ZONE, parseCron, parseInstant, requireTimeZone } from './schedule-times.ts';

/** Seconds; a shorter interval is a loop, not a schedule. */
export const MIN_INTERVAL_SECONDS = 1;

const CODES: ReadonlyMap<string, string> = new Map([
  ['timezone', 'invalid_timezone'],
  ['expression', 'invalid_cron'],
  ['at', 'invalid_time'],
]);

/**
 * What is wrong with a schedule beside its schema: expressions, times and zones that cannot be read, or that never
 * come. Pure.
 */
export function checkSchedule(schedule: Schedule, path: readonly (string | number)[]): Finding[] {
  const findings: Finding[] = [];
  const zone = schedule.timezone ?? DEFAULT_TIME_ZONE;
  const read = (key: string, parse: () => void): void => {
    try {
      parse();
    } catch (error) {
      findings.push({
        severity: 'error',
        code: CODES.get(key) ?? 'invalid_schedule',
        message: text(error),
        path: [...path, key],
      });
    }
  };
  read('timezone', () => requireTimeZone(zone));
  // With an unknown zone the rest is still worth checking.
  const usable = findings.length > 0 ? DEFAULT_TIME_ZONE : zone;
  switch (schedule.type) {
    case 'cron':
      read('expression', () => {
        // From a fixed point, so that the same text always gives the same answer.
        if (parseCron(schedule.expression, usable).nextRun(new Date(0)) !== null) return;
        findings.push({
          severity: 'warning',
          code: 'schedule_never_runs',
          message: `'${schedule.expression}' never comes`,
          path: [...path, 'expression'],
        });
      });
      break;
    case 'once':
      read('at', () => parseInstant(schedule.at, usable));
      break;
    case 'interval':
      read('seconds', () => {
        if (!(schedule.seconds >= MIN_INTERVAL_SECONDS)) throw new Error(`at least ${MIN_INTERVAL_SECONDS} second`);
      });
      break;
  }
  return findings;
}

function text(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
