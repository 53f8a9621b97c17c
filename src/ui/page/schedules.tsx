import { Component, Fragment, h, type VNode } from './preact.tsx';
import { get, post } from './api.tsx';
import { Link, Notice, when, wordsOf } from './parts.tsx';

interface Schedule {
  readonly workflow: string;
  readonly state: string;
  readonly when: string;
  readonly next: { readonly startsAt: string } | null;
  readonly last: { readonly startedAt: string; readonly taskId?: string } | null;
  readonly missed: { readonly time: string; readonly reason: string } | null;
  readonly running: number;
}

interface State {
  readonly list: readonly Schedule[];
  readonly said: string;
  readonly bad: boolean;
}

/** The workflows that run by themselves: when, whether paused, and what steers them. */
export class Schedules extends Component<object, State> {
  override state: State = { list: [], said: 'Loading…', bad: false };

  override componentDidMount(): void {
    void this.#read().then(() => this.setState(({ list }) => ({ said: `${list.length} schedules` })));
  }

  async #read(): Promise<void> {
    try {
      this.setState({ list: (await get<{ readonly schedules: readonly Schedule[] }>('/schedules')).schedules });
    } catch (error) {
      this.setState({ said: wordsOf(error), bad: true });
    }
  }

  async #steer(workflow: string, what: 'pause' | 'resume' | 'run-now'): Promise<void> {
    try {
      await post(`/schedules/${encodeURIComponent(workflow)}/${what}`);
      const done = { pause: 'is paused', resume: 'goes on', 'run-now': 'has begun a run' }[what];
      this.setState({ said: `${workflow} ${done}.`, bad: false });
      await this.#read();
    } catch (error) {
      this.setState({ said: wordsOf(error), bad: true });
    }
  }

  override render(): VNode {
    const { list, said, bad } = this.state;
    return (
      <Fragment>
        <h1>Schedules</h1>
        <Notice text={said} bad={bad} />
        <ul class="plainlist">{list.map((schedule) => this.#item(schedule))}</ul>
      </Fragment>
    );
  }

  #item({ workflow, state, when: rule, next, last, missed }: Schedule): VNode {
    const toggle = state === 'paused' || state === 'damaged' ? 'resume' : 'pause';
    return (
      <li class="row" key={workflow}>
        <Link to={`/ui/workflows/${encodeURIComponent(workflow)}`}>{workflow}</Link>
        <span>{state}</span>
        <span>
          <span class="mono">{rule}</span>
          {next !== null && <span>, next {when(next.startsAt)}</span>}
          {last !== null && <span class="soft">, last {when(last.startedAt)}</span>}{' '}
          {last?.taskId !== undefined && <Link to={`/ui/tasks/${last.taskId}`}>its run</Link>}
          {missed !== null && (
            <span class="error">
              {' '}
              missed {when(missed.time)}: {missed.reason}
            </span>
          )}
        </span>
        <span>
          <button type="button" onClick={() => void this.#steer(workflow, toggle)}>
            {toggle === 'pause' ? 'Pause' : 'Go on'}
            <span class="hidden"> {workflow}</span>
          </button>{' '}
          <button type="button" onClick={() => void this.#steer(workflow, 'run-now')}>
            Run now<span class="hidden"> {workflow}</span>
          </button>
        </span>
      </li>
    );
  }
}
