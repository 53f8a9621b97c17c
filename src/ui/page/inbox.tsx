import { Component, Fragment, h, type VNode } from './preact.tsx';
import { follow, get, type Task } from './api.tsx';
import { Link, Notice, wordsOf } from './parts.tsx';
import { QuestionCard } from './questions.tsx';

interface State {
  readonly tasks: ReadonlyMap<string, Task>;
  readonly said: string;
}

/** Questions on one page. */
const MOST = 100;

/** Every open question of the caller's runs, as they come and go. */
export class Inbox extends Component<{ readonly connected: (is: boolean) => void }, State> {
  override state: State = { tasks: new Map(), said: 'Loading…' };
  #stop: () => void = () => undefined;

  override componentDidMount(): void {
    this.#stop = follow(
      '/tasks/events',
      (events) => this.#put(events.filter(({ event }) => event === 'task').map(({ data }) => data as unknown as Task)),
      this.props.connected,
    );
    void this.#read();
  }

  override componentWillUnmount(): void {
    this.#stop();
  }

  async #read(): Promise<void> {
    try {
      for (let cursor: string | undefined = ''; cursor !== undefined;) {
        const more = cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`;
        const page: { readonly tasks: readonly Task[]; readonly nextCursor?: string } = await get(
          `/tasks?status=input_required&limit=200${more}`,
        );
        this.#put(page.tasks);
        cursor = page.nextCursor;
      }
      this.setState({ said: '' });
    } catch (error) {
      this.setState({ said: wordsOf(error) });
    }
  }

  #put(news: readonly Task[]): void {
    this.setState(({ tasks }) => {
      const next = new Map(tasks);
      for (const task of news) if ((next.get(task.taskId)?.rev ?? 0) <= task.rev) next.set(task.taskId, task);
      return { tasks: next };
    });
  }

  override render(): VNode {
    const { tasks, said } = this.state;
    const open = [...tasks.values()].flatMap((task) =>
      Object.entries(task.inputRequests ?? {}).map(([key, question]) => ({ task, key, question })),
    );
    return (
      <Fragment>
        <h1>Inbox</h1>
        <Notice text={said === '' ? `${open.length} open questions` : said} />
        {open.slice(0, MOST).map(({ task, key, question }) => (
          <div key={`${task.taskId} ${key}`}>
            <p>
              <Link to={`/ui/tasks/${task.taskId}`}>{task.workflow}</Link>
            </p>
            <QuestionCard taskId={task.taskId} name={key} question={question} />
          </div>
        ))}
        {open.length > MOST && <p class="soft">and {open.length - MOST} more, once these are answered</p>}
      </Fragment>
    );
  }
}
