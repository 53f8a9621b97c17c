import { Component, h, Fragment, type VNode } from './preact.tsx';
import { follow, get, post, type Task } from './api.tsx';
import { Link, Notice, Status, when, wordsOf } from './parts.tsx';
import { Rows } from './rows.tsx';

interface State {
  readonly tasks: readonly Task[];
  readonly status: string;
  readonly workflow: string;
  readonly workflows: readonly string[];
  readonly said: string;
  /** What was pressed once: it is done when it is pressed again. */
  readonly sure?: 'cancel' | 'resume' | undefined;
}

const STATUSES = ['working', 'input_required', 'completed', 'failed', 'cancelled'];
const PAGE = 200;

/** The caller's runs, newest first, as they change. More pages come as the list is scrolled. */
export class Runs extends Component<{ readonly connected: (is: boolean) => void }, State> {
  override state: State = { tasks: [], status: '', workflow: '', workflows: [], said: 'Loading…' };
  #cursor: string | undefined = '';
  #loading = false;
  #era = 0;
  #stop: () => void = () => undefined;

  override componentDidMount(): void {
    // First it listens, then it looks: nothing is missed in between.
    this.#stop = follow('/tasks/events', (events) => this.#came(events), this.props.connected);
    void this.#more();
    void get<{ readonly workflows: readonly { readonly name: string }[] }>('/workflows').then(
      ({ workflows }) => this.setState({ workflows: workflows.map(({ name }) => name) }),
      () => undefined,
    );
  }

  override componentWillUnmount(): void {
    this.#stop();
  }

  #came(events: readonly { readonly event: string; readonly data: object }[]): void {
    const views = events.filter(({ event }) => event === 'task').map(({ data }) => data as Task);
    if (views.length > 0) this.setState(({ tasks }) => ({ tasks: merged(tasks, views) }));
  }

  async #more(): Promise<void> {
    const cursor = this.#cursor;
    if (this.#loading || cursor === undefined) return;
    this.#loading = true;
    const era = this.#era;
    const { status, workflow } = this.state;
    const query = new URLSearchParams({ limit: String(PAGE) });
    for (const [name, value] of Object.entries({ status, workflow, cursor })) if (value !== '') query.set(name, value);
    try {
      const page = await get<{ readonly tasks: readonly Task[]; readonly nextCursor?: string }>(`/tasks?${query}`);
      if (era !== this.#era) return;
      this.#cursor = page.nextCursor;
      this.setState(({ tasks }) => ({ tasks: merged(tasks, page.tasks), said: '' }));
    } catch (error) {
      this.#cursor = undefined;
      this.setState({ said: wordsOf(error) });
    } finally {
      if (era === this.#era) this.#loading = false;
    }
    // A page with a filter may be empty and still have a next one.
    if (this.#shown().length < PAGE && this.#cursor !== undefined && era === this.#era) void this.#more();
  }

  #filter(change: Pick<State, 'status'> | Pick<State, 'workflow'>): void {
    this.#era += 1;
    this.#loading = false;
    this.#cursor = '';
    this.setState({ ...change, sure: undefined, tasks: [] }, () => void this.#more());
  }

  #shown(): readonly Task[] {
    const { tasks, status, workflow } = this.state;
    return tasks.filter(
      (task) => (status === '' || task.status === status) && (workflow === '' || task.workflow === workflow),
    );
  }

  async #all(what: 'cancel' | 'resume', tasks: readonly Task[]): Promise<void> {
    if (this.state.sure !== what) {
      this.setState({ sure: what });
      return;
    }
    this.setState({ sure: undefined });
    let done = 0;
    for (const { taskId } of tasks) {
      await post(`/tasks/${taskId}/${what}`).then(
        () => (done += 1),
        () => undefined,
      );
      this.setState({ said: `${what}: ${done} of ${tasks.length}` });
    }
  }

  override render(): VNode {
    const { status, workflow, workflows, said, sure } = this.state;
    const shown = this.#shown();
    const open = shown.filter(({ endedAt }) => endedAt === undefined);
    const failed = shown.filter((task) => task.status === 'failed');
    return (
      <Fragment>
        <h1>Runs</h1>
        <div class="tools">
          <label>
            State{' '}
            <select value={status} onChange={(event) => this.#filter({ status: event.currentTarget.value })}>
              <option value="">all</option>
              {STATUSES.map((each) => (
                <option value={each} key={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
          <label>
            Workflow{' '}
            <select value={workflow} onChange={(event) => this.#filter({ workflow: event.currentTarget.value })}>
              <option value="">all</option>
              {workflows.map((each) => (
                <option value={each} key={each}>
                  {each}
                </option>
              ))}
            </select>
          </label>
          <button type="button" disabled={open.length === 0} onClick={() => void this.#all('cancel', open)}>
            {sure === 'cancel' ? 'Really cancel' : 'Cancel'} {open.length} open
          </button>
          <button type="button" disabled={failed.length === 0} onClick={() => void this.#all('resume', failed)}>
            {sure === 'resume' ? 'Really resume' : 'Resume'} {failed.length} failed
          </button>
        </div>
        <Notice text={said === '' ? `${shown.length}${this.#cursor === undefined ? '' : '+'} runs` : said} />
        <Rows
          label="Runs"
          kind="runs"
          total={shown.length}
          columns={['Workflow', 'State', 'Done', 'Message', 'Begun']}
          onShow={(_first, last) => {
            if (last >= shown.length - 20) void this.#more();
          }}
          row={(index) => rowOf(shown[index])}
        />
      </Fragment>
    );
  }
}

function rowOf(task: Task | undefined): VNode | null {
  if (task === undefined) return null;
  return (
    <Fragment>
      <span role="cell">
        <Link to={`/ui/tasks/${task.taskId}`}>{task.workflow}</Link>
      </span>
      <span role="cell">
        <Status of={task.status} />
      </span>
      <span role="cell">{task.percent} %</span>
      <span role="cell" title={task.statusMessage}>
        {task.statusMessage}
      </span>
      <span role="cell">{when(task.createdAt)}</span>
    </Fragment>
  );
}

/** Each task once, in its newest state, newest first. */
function merged(known: readonly Task[], news: readonly Task[]): readonly Task[] {
  const byId = new Map(known.map((task) => [task.taskId, task]));
  for (const task of news) if ((byId.get(task.taskId)?.rev ?? 0) <= task.rev) byId.set(task.taskId, task);
  return [...byId.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : a.createdAt > b.createdAt ? -1 : 0));
}
