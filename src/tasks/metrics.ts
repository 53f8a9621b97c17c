import type { Clock } from '../core/clock.ts';
import { labelValue, metricText } from '../core/metrics-text.ts';
import type { TaskHealth, TaskManager } from './task-manager.ts';
import type { TaskEvent, TaskService } from './task.ts';

const ENDED = ['completed', 'failed', 'cancelled'] as const;

const MAX_COUNTED = 10_000;
const MAX_LABELS = 1000;

/** Counts what happens to tasks as this process sees it, and writes it as Prometheus text. */
export class TaskMetrics {
  readonly #startedAt: number;
  readonly #clock: Clock;
  readonly #ended = new Map<string, number>(ENDED.map((status) => [status, 0]));
  readonly #open = new Set<string>();
  /** The last ones whose end was counted. */
  readonly #counted = new Set<string>();
  readonly #health: () => TaskHealth;
  readonly #unsubscribe: () => void;
  /** Labels and count, by workflow and status. */
  readonly #byWorkflow = new Map<string, [labels: string, count: number]>();
  #changes = 0;
  #seconds = 0;

  /** `health` is asked whenever the text is. */
  constructor(tasks: Pick<TaskService, 'subscribe'> & Pick<TaskManager, 'health'>, clock: Clock) {
    this.#clock = clock;
    this.#startedAt = clock.monotonic();
    this.#health = () => tasks.health();
    this.#unsubscribe = tasks.subscribe((event) => this.#take(event));
  }

  /** The text of `/metrics` (exposition format 0.0.4). */
  text(): string {
    const uptime = (this.#clock.monotonic() - this.#startedAt) / 1000;
    return [
      metricText('mcp_workflow_uptime_seconds', 'gauge', 'Seconds since this process opened the store.', [
        ['', uptime],
      ]),
      metricText('mcp_workflow_tasks_open', 'gauge', 'Open tasks that this process has seen change.', [
        ['', this.#open.size],
      ]),
      metricText(
        'mcp_workflow_tasks_ended_total',
        'counter',
        'Tasks that reached a terminal status while this process watched.',
        [...this.#ended].map(([status, count]): [string, number] => [`{status="${status}"}`, count]),
      ),
      metricText(
        'mcp_workflow_task_seconds_total',
        'counter',
        'Seconds from creation to end, of all tasks that ended.',
        [['', this.#seconds]],
      ),
      metricText(
        'mcp_workflow_workflow_tasks_total',
        'counter',
        'Tasks that ended while this process watched, by workflow and how.',
        [...this.#byWorkflow.values()],
      ),
      metricText('mcp_workflow_task_changes_total', 'counter', 'Durable changes of tasks.', [['', this.#changes]]),
      metricText(
        'mcp_workflow_damaged_values',
        'gauge',
        'Damaged values in the data folder that this process has met.',
        [['', this.#health().damaged.length]],
      ),
    ].join('');
  }

  close(): void {
    this.#unsubscribe();
  }

  #take(event: TaskEvent): void {
    if (event.type !== 'changed') return;
    const { view } = event;
    this.#changes += 1;
    if (view.endedAt === undefined) {
      this.#open.add(view.taskId);
      this.#counted.delete(view.taskId);
      return;
    }
    this.#open.delete(view.taskId);
    // Its end may be told more than once: when it has been cleaned up, for one.
    if (this.#counted.has(view.taskId)) return;
    this.#counted.add(view.taskId);
    const [oldest] = this.#counted;
    if (oldest !== undefined && this.#counted.size > MAX_COUNTED) this.#counted.delete(oldest);
    this.#ended.set(view.status, (this.#ended.get(view.status) ?? 0) + 1);
    this.#countWorkflow(view.workflow, view.status);
    this.#seconds += Math.max(0, view.endedAt - view.createdAt) / 1000;
  }

  #countWorkflow(workflow: string, status: string): void {
    const labels = `{workflow="${labelValue(workflow)}",outcome="${status}"}`;
    const known = this.#byWorkflow.get(labels);
    if (known !== undefined) known[1] += 1;
    // Definitions may come and go for as long as the server runs.
    else if (this.#byWorkflow.size < MAX_LABELS) this.#byWorkflow.set(labels, [labels, 1]);
  }
}
