import { Component, Fragment, h, type VNode } from './preact.tsx';
import { get, picture, post, type JsonObject, type Task } from './api.tsx';
import { Form } from './form.tsx';
import { Link, Notice, Status, took, Value, when, wordsOf } from './parts.tsx';

interface Listed {
  readonly name: string;
  readonly title?: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly scheduled: boolean;
}

interface Detail extends Listed {
  readonly inputSchema: JsonObject;
  readonly definition: JsonObject;
  readonly findings: readonly {
    readonly severity: string;
    readonly message: string;
    readonly line: number;
    readonly code: string;
  }[];
}

/** The workflows there are. */
export class Workflows extends Component<object, { list: readonly Listed[]; said: string }> {
  override state: { list: readonly Listed[]; said: string } = { list: [], said: 'Loading…' };

  override componentDidMount(): void {
    get<{ readonly workflows: readonly Listed[] }>('/workflows').then(
      ({ workflows }) => this.setState({ list: workflows, said: `${workflows.length} workflows` }),
      (error: unknown) => this.setState({ said: wordsOf(error) }),
    );
  }

  override render(): VNode {
    const { list, said } = this.state;
    return (
      <Fragment>
        <h1>Workflows</h1>
        <Notice text={said} />
        <ul class="plainlist">
          {list.map(({ name, title, description, tags, scheduled }) => (
            <li class="row" key={name}>
              <Link to={`/ui/workflows/${encodeURIComponent(name)}`}>{title ?? name}</Link>
              <span>{scheduled ? 'scheduled' : ''}</span>
              <span>{description}</span>
              <span class="soft">{tags.join(', ')}</span>
            </li>
          ))}
        </ul>
      </Fragment>
    );
  }
}

interface State {
  readonly detail?: Detail;
  readonly image?: string;
  readonly runs: readonly Task[];
  readonly said: string;
  readonly busy: boolean;
}

/** One workflow: a form that starts it, its picture, what validation finds, its last runs. */
export class Workflow extends Component<{ readonly name: string; readonly go: (to: string) => void }, State> {
  override state: State = { runs: [], said: 'Loading…', busy: false };
  /** One start is one run, however often its request is made. */
  #key = crypto.randomUUID();

  override componentDidMount(): void {
    void this.#read();
  }

  override componentWillUnmount(): void {
    if (this.state.image !== undefined) URL.revokeObjectURL(this.state.image);
  }

  async #read(): Promise<void> {
    const name = encodeURIComponent(this.props.name);
    try {
      this.setState({ detail: await get<Detail>(`/workflows/${name}`), said: '' });
    } catch (error) {
      this.setState({ said: wordsOf(error) });
      return;
    }
    const runs = get<{ readonly tasks: readonly Task[] }>(`/tasks?workflow=${name}&limit=100`);
    runs.then(
      ({ tasks }) => this.setState({ runs: tasks }),
      () => undefined,
    );
    picture(`/workflows/${name}/graph`).then(
      (image) => this.setState({ image }),
      () => undefined,
    );
  }

  async #start(input: JsonObject): Promise<void> {
    this.setState({ busy: true, said: '' });
    try {
      const name = encodeURIComponent(this.props.name);
      const task = await post<Task>(`/workflows/${name}/tasks`, { input }, { 'idempotency-key': this.#key });
      this.props.go(`/ui/tasks/${task.taskId}`);
    } catch (error) {
      this.#key = crypto.randomUUID();
      this.setState({ busy: false, said: wordsOf(error) });
    }
  }

  override render(): VNode {
    const { detail, image, runs, said, busy } = this.state;
    if (detail === undefined) return <Notice text={said} />;
    const { name, title, description, findings, inputSchema, definition } = detail;
    return (
      <Fragment>
        <h1>{title ?? name}</h1>
        <p>{description}</p>
        <Notice text={said} bad />
        <section class="card" aria-label="Start a run">
          <h2>Start</h2>
          <Form schema={inputSchema} submit="Start" busy={busy} onSubmit={(input) => void this.#start(input)} />
        </section>
        {findings.length > 0 && <h2>Findings</h2>}
        <ul>
          {findings.map((finding, index) => (
            <li key={index}>{`${finding.severity}, line ${finding.line}: ${finding.message} (${finding.code})`}</li>
          ))}
        </ul>
        <h2>Last runs</h2>
        <p class="soft">{summary(runs)}</p>
        <ul class="plainlist">
          {runs.slice(0, 10).map((task) => (
            <li class="row" key={task.taskId}>
              <Link to={`/ui/tasks/${task.taskId}`}>{when(task.createdAt)}</Link>
              <Status of={task.status} />
              <span>{task.statusMessage}</span>
              <span>{took(task.createdAt, task.endedAt)}</span>
            </li>
          ))}
        </ul>
        {image !== undefined && <h2>Graph</h2>}
        {image !== undefined && <img class="graph" src={image} alt={`The steps of ${name} and their order`} />}
        <details>
          <summary>Definition</summary>
          <Value label="Definition" value={definition} />
        </details>
      </Fragment>
    );
  }
}

/** Success and times of the runs that have ended, at most the last hundred. */
function summary(runs: readonly Task[]): string {
  const ended = runs.filter(({ endedAt }) => endedAt !== undefined);
  if (ended.length === 0) return 'none has ended yet';
  const completed = ended.filter(({ status }) => status === 'completed');
  const times = completed
    .map(({ createdAt, endedAt }) => Date.parse(endedAt ?? createdAt) - Date.parse(createdAt))
    .sort((a, b) => a - b);
  const at = (part: number): string => {
    const ms = times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0;
    return took(new Date(0).toISOString(), new Date(ms).toISOString());
  };
  const rate = Math.round((100 * completed.length) / ended.length);
  return `${rate} % of the last ${ended.length} completed${times.length === 0 ? '' : `, half within ${at(0.5)}, 95 % within ${at(0.95)}`}`;
}
