import { metricText } from '../core/metrics-text.ts';
import type { PlannerTool } from './arguments.ts';

/** How a call ended. `failed`: the store could not be used, or there is a bug. */
export type CallEnd = 'answered' | 'refused' | 'failed';

/** Counts the calls of this process, and writes them as Prometheus text. */
export class PlannerMetrics {
  readonly #counts = new Map<string, number>();
  #seconds = 0;
  #calls = 0;

  /** A call of a tool that exists has ended after so many milliseconds. */
  ended(tool: PlannerTool, end: CallEnd, ms: number): void {
    const labels = `{tool="${tool}",outcome="${end}"}`;
    this.#counts.set(labels, (this.#counts.get(labels) ?? 0) + 1);
    this.#seconds += ms / 1000;
    this.#calls += 1;
  }

  /** Lines of `/metrics` (exposition format 0.0.4). */
  text(): string {
    return (
      metricText('mcp_workflow_planner_calls_total', 'counter', 'Calls of the planner, by tool and outcome.', [
        ...this.#counts,
      ]) +
      metricText('mcp_workflow_planner_call_seconds', 'summary', 'How long calls of the planner take.', [
        ['_sum', this.#seconds],
        ['_count', this.#calls],
      ])
    );
  }
}
