import { Component, Fragment, h, type VNode } from './preact.tsx';
import { follow, get, post, type Json, type JsonObject, type Task } from './api.tsx';
import { Link, Notice, size, Status, took, Value, when, wordsOf } from './parts.tsx';
import { QuestionCard } from './questions.tsx';
import { Rows } from './rows.tsx';
import { RunGraph } from './run-graph.tsx';
import { StepPane } from './step-pane.tsx';
import { StepTable } from './step-table.tsx';

interface Detail extends Task {
  readonly digest: string;
  readonly input: JsonObject;
  readonly usage: { readonly tool_calls: number; readonly tokens: number };
  readonly output?: Json;
  readonly outputBytes?: number;
}

interface Props {
  readonly taskId: string;
  readonly connected: (is: boolean) => void;
}

interface State {
  readonly task?: Task;
  readonly detail?: Detail;
  readonly journal: readonly JsonObject[];
  readonly result?: JsonObject;
  readonly said: string;
  readonly bad: boolean;
  readonly busy: boolean;
  readonly picked?: string;
}

/** One run: where it stands, its steps, what a step was given and gave, its journal, what it asks; live. */
export class Run extends Component<Props, State> {
  override state: State = { journal: [], said: 'Loading…', bad: false, busy: false, ...pickedIn(location.hash) };
  #stop: () => void = () => undefined;

  override componentDidMount(): void {
    this.#follow();
    void this.#read();
  }

  override componentWillUnmount(): void {
    this.#stop();
  }

  /** From the beginning: a run that goes on after a resume is followed again. */
  #follow(): void {
    this.#stop();
    this.setState({ journal: [] });
    this.#stop = follow(`/tasks/${this.#id}/events`, (events) => this.#came(events), this.props.connected);
  }

  get #id(): string {
    return encodeURIComponent(this.props.taskId);
  }

  #came(events: readonly { readonly event: string; readonly data: JsonObject }[]): void {
    const entries = events.filter(({ event }) => event === 'journal').map(({ data }) => data);
    const task = events.findLast(({ event }) => event === 'task')?.data as Task | undefined;
    this.setState(({ journal }) => ({
      journal: entries.length === 0 ? journal : [...journal, ...entries],
      ...(task !== undefined && { task }),
    }));
    if (events.some(({ event }) => event === 'end')) void this.#read();
  }

  async #read(): Promise<void> {
    try {
      const detail = await get<Detail>(`/tasks/${this.#id}`);
      this.setState(({ task }) => ({
        detail,
        task: task === undefined || task.rev <= detail.rev ? detail : task,
        said: '',
        bad: false,
      }));
    } catch (error) {
      this.setState({ said: wordsOf(error), bad: true });
    }
  }

  async #act(what: 'cancel' | 'resume', body: Json = {}): Promise<void> {
    this.setState({ busy: true, said: '', bad: false });
    try {
      const answer = await post<{ readonly warnings?: readonly string[] }>(`/tasks/${this.#id}/${what}`, body);
      const warnings = what === 'resume' ? (answer.warnings ?? []) : [];
      this.setState({ said: [what === 'cancel' ? 'Cancelled.' : 'It runs again.', ...warnings].join(' ') });
      if (what === 'resume') this.#follow();
    } catch (error) {
      this.setState({ said: wordsOf(error), bad: true });
    }
    this.setState({ busy: false });
  }

  async #result(): Promise<void> {
    try {
      this.setState({ result: await get<JsonObject>(`/tasks/${this.#id}/result`) });
    } catch (error) {
      this.setState({ said: wordsOf(error), bad: true });
    }
  }

  readonly #pick = (path: string): void => {
    history.replaceState(null, '', `#step=${encodeURIComponent(path)}`);
    this.setState({ picked: path });
  };

  override render(): VNode {
    const { task, said, bad, picked } = this.state;
    if (task === undefined) return <Notice text={said} bad={bad} />;
    return (
      <Fragment>
        <h1>
          {task.workflow} <Status of={task.status} />
        </h1>
        <Notice text={said} bad={bad} />
        {this.#actions(task)}
        {this.#facts(task)}
        {Object.entries(task.inputRequests ?? {}).map(([key, question]) => (
          <QuestionCard taskId={task.taskId} name={key} question={question} key={key} />
        ))}
        <h2>Steps</h2>
        <div class="split">
          <div>
            <StepTable task={task} picked={picked} onPick={this.#pick} />
          </div>
          <div>
            {picked === undefined ? (
              <p class="soft">Choose a step to see what went in and what came out.</p>
            ) : (
              <StepPane taskId={task.taskId} path={picked} rev={task.rev} />
            )}
          </div>
        </div>
        {this.#values()}
        <RunGraph taskId={task.taskId} rev={task.rev} name={task.workflow} />
        {this.#journal()}
      </Fragment>
    );
  }

  #actions(task: Task): VNode {
    const { busy, picked } = this.state;
    const open = task.endedAt === undefined;
    const failed = task.status === 'failed';
    return (
      <div class="tools">
        <button type="button" disabled={busy || !open} onClick={() => void this.#act('cancel')}>
          Cancel
        </button>
        <button type="button" disabled={busy || !failed} onClick={() => void this.#act('resume')}>
          Resume
        </button>
        {failed && picked !== undefined && (
          <button type="button" disabled={busy} onClick={() => void this.#act('resume', { from: picked })}>
            Resume from the chosen step
          </button>
        )}
      </div>
    );
  }

  #facts(task: Task): VNode {
    const { detail } = this.state;
    const rows: (readonly [string, VNode | string])[] = [
      ['Task', <span class="mono">{task.taskId}</span>],
      ['State', `${task.statusMessage} (${task.percent} %)`],
      [
        'Begun',
        `${when(task.createdAt)}, ${task.endedAt === undefined ? 'for' : 'took'} ${took(task.createdAt, task.endedAt)}`,
      ],
    ];
    if (task.endedAt !== undefined) rows.push(['Ended', when(task.endedAt)]);
    if (task.wakeAt !== undefined) rows.push(['Goes on', when(task.wakeAt)]);
    if (task.parent !== undefined) {
      rows.push(['Started by', <Link to={`/ui/tasks/${task.parent.taskId}`}>{`step ${task.parent.path}`}</Link>]);
    }
    if (task.error !== undefined) {
      rows.push(['Error', <span class="error">{`${task.error.code}: ${task.error.message}`}</span>]);
    }
    for (const warning of task.warnings ?? []) rows.push(['Warning', warning]);
    if (detail !== undefined)
      rows.push(['Used', `${detail.usage.tool_calls} tool calls, ${detail.usage.tokens} tokens`]);
    return (
      <dl class="facts">
        {rows.map(([name, value], index) => (
          <Fragment key={index}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </Fragment>
        ))}
      </dl>
    );
  }

  #values(): VNode | null {
    const { detail, result } = this.state;
    if (detail === undefined) return null;
    const large = detail.outputBytes !== undefined && result === undefined;
    return (
      <Fragment>
        <h2>Input</h2>
        <Value label="Input of the run" value={detail.input} />
        <h2>Result</h2>
        {detail.output === undefined && !large && result === undefined && <p class="soft">none yet</p>}
        {detail.output !== undefined && <Value label="Result of the run" value={detail.output} />}
        {large && (
          <button type="button" onClick={() => void this.#result()}>
            Load {size(detail.outputBytes ?? 0)}
          </button>
        )}
        {result !== undefined && <Value label="Result of the run" value={result['output'] ?? result} />}
      </Fragment>
    );
  }

  #journal(): VNode {
    const { journal } = this.state;
    return (
      <details>
        <summary>Journal: {journal.length} entries</summary>
        <Rows
          label="Journal"
          kind="journal"
          low
          total={journal.length}
          columns={['No.', 'When', 'What', 'Where', 'More']}
          row={(index) => entryRow(journal[index] ?? {})}
        />
      </details>
    );
  }
}

function pickedIn(hash: string): { readonly picked?: string } {
  const path = /^#step=(.+)$/u.exec(hash)?.[1];
  return path === undefined ? {} : { picked: decodeURIComponent(path) };
}

function entryRow(entry: JsonObject): VNode {
  const text = (name: string): string => {
    const value = entry[name];
    return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
  };
  const error = entry['error'] as { readonly code: string; readonly message: string } | undefined;
  const more = error === undefined ? text('message') || text('status') : `${error.code}: ${error.message}`;
  return (
    <Fragment>
      <span role="cell">{text('seq')}</span>
      <span role="cell">{new Date(text('at')).toLocaleTimeString()}</span>
      <span role="cell">{text('type')}</span>
      <span role="cell" class="mono">
        {text('path')}
      </span>
      <span role="cell" title={more}>
        {more}
      </span>
    </Fragment>
  );
}
