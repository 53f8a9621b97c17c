import { metricText } from '../core/metrics-text.ts';
import type { ScheduleRow } from './row.ts';

/** Counts what the schedules of this process do, and writes it as Prometheus text. */
export class ScheduleMetrics {
  #begun = 0;
  #misses = 0;
  #delaySeconds = 0;

  /** A row was written. What another process wrote first is counted there. */
  written(before: ScheduleRow, after: ScheduleRow): void {
    if (after.last !== undefined && after.last !== before.last) {
      this.#begun += 1;
      this.#delaySeconds += Math.max(0, after.last.at - after.last.time) / 1000;
    }
    if (after.missed !== undefined && after.missed !== before.missed) this.#misses += 1;
  }

  /** Lines of `/metrics` (exposition format 0.0.4). `planned`: schedules that this process runs. */
  text(planned: number): string {
    return [
      metricText('mcp_workflow_schedules', 'gauge', 'Schedules that this process runs.', [['', planned]]),
      metricText('mcp_workflow_schedule_begun_total', 'counter', 'Occurrences that this process began.', [
        ['', this.#begun],
      ]),
      metricText(
        'mcp_workflow_schedule_misses_total',
        'counter',
        'Times at which this process passed occurrences over; all of one downtime count once.',
        [['', this.#misses]],
      ),
      metricText(
        'mcp_workflow_schedule_delay_seconds_total',
        'counter',
        'Seconds from the time of an occurrence to its beginning, of all that this process began.',
        [['', this.#delaySeconds]],
      ),
    ].join('');
  }
}
