import { Component, Fragment, h, type VNode } from './preact.tsx';
import { get, type Task } from './api.tsx';
import { Notice, Status, took, wordsOf } from './parts.tsx';
import { Rows } from './rows.tsx';

export interface Step {
  readonly path: string;
  readonly status: string;
  readonly attempts: number;
  readonly startedAt: string | null;
  readonly endedAt: string | null;
}

interface Props {
  readonly task: Task;
  readonly picked: string | undefined;
  readonly onPick: (path: string) => void;
}

interface State {
  readonly total: number;
  readonly steps: ReadonlyMap<number, Step>;
  readonly counts: Readonly<Record<string, number>>;
  readonly said: string;
}

const PAGE = 200;

/** The steps of a run with a bar for each on the run's own time. Only the pages that show are read. */
export class StepTable extends Component<Props, State> {
  override state: State = { total: 0, steps: new Map(), counts: {}, said: '' };
  #shown: readonly [number, number] = [0, 40];
  #reading = false;
  #again = false;

  override componentDidMount(): void {
    void this.#read();
  }

  override componentDidUpdate(before: Props): void {
    if (before.task.rev !== this.props.task.rev || before.task.taskId !== this.props.task.taskId) void this.#read();
  }

  /** Reads what shows; a change that comes meanwhile makes it read once more. */
  async #read(): Promise<void> {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    const [first, last] = this.#shown;
    const id = encodeURIComponent(this.props.task.taskId);
    try {
      for (let from = first - (first % PAGE); from <= last; from += PAGE) {
        const page = await get<{
          readonly steps: readonly Step[];
          readonly total: number;
          readonly counts: State['counts'];
        }>(`/tasks/${id}/steps?limit=${PAGE}&cursor=${from}`);
        this.setState(({ steps }) => {
          const next = new Map(steps);
          page.steps.forEach((step, index) => next.set(from + index, step));
          return { steps: next, total: page.total, counts: page.counts, said: '' };
        });
      }
    } catch (error) {
      this.setState({ said: wordsOf(error) });
    }
    this.#reading = false;
    if (!this.#again) return;
    this.#again = false;
    void this.#read();
  }

  readonly #show = (first: number, last: number): void => {
    const { steps, total } = this.state;
    this.#shown = [first, last];
    for (let index = first; index < Math.min(last, total); index += 1) {
      if (!steps.has(index)) {
        void this.#read();
        return;
      }
    }
  };

  override render(): VNode {
    const { total, steps, counts, said } = this.state;
    const { picked } = this.props;
    const summary = Object.entries(counts).map(([status, count]) => `${count} ${status}`);
    return (
      <Fragment>
        <Notice text={said === '' ? `${total} steps: ${summary.join(', ') || 'none yet'}` : said} bad={said !== ''} />
        <Rows
          label="Steps"
          kind="steps"
          low
          total={total}
          columns={['Step', 'State', 'Tries', 'Took', 'When']}
          onShow={this.#show}
          picked={(index) => picked !== undefined && steps.get(index)?.path === picked}
          row={(index) => this.#row(steps.get(index))}
        />
      </Fragment>
    );
  }

  #row(step: Step | undefined): VNode {
    if (step === undefined) return <span role="cell">…</span>;
    const { path, status, attempts, startedAt, endedAt } = step;
    return (
      <Fragment>
        <span role="cell" class="mono">
          <button type="button" class="plain" title={path} onClick={() => this.props.onPick(path)}>
            {path}
          </button>
        </span>
        <span role="cell">
          <Status of={status} />
        </span>
        <span role="cell">{attempts}</span>
        <span role="cell">{took(startedAt, endedAt)}</span>
        <span role="cell">
          <Bar task={this.props.task} step={step} />
        </span>
      </Fragment>
    );
  }
}

function Bar({ task, step }: { task: Task; step: Step }): VNode {
  const begin = Date.parse(task.createdAt);
  const end = task.endedAt === undefined ? Date.now() : Date.parse(task.endedAt);
  const whole = Math.max(1, end - begin);
  const from = step.startedAt === null ? 0 : Math.max(0, Date.parse(step.startedAt) - begin);
  const to = step.endedAt === null ? end - begin : Date.parse(step.endedAt) - begin;
  const left = Math.min(100, (100 * from) / whole);
  const width = Math.max(0, Math.min(100 - left, (100 * (to - from)) / whole));
  return (
    <div class="track" aria-hidden="true">
      {step.startedAt !== null && <i class={step.status} style={{ left: `${left}%`, width: `${width}%` }} />}
    </div>
  );
}
