import { Component, h, type VNode } from './preact.tsx';
import { get, type Failure, type Json } from './api.tsx';
import { Link, size, Status, Value, when, wordsOf } from './parts.tsx';
import type { Step } from './step-table.tsx';

interface Detail extends Step {
  readonly error?: Failure;
  readonly input?: Json;
  readonly output?: Json;
  readonly outputBytes?: number;
  readonly history: readonly {
    readonly attempt: number;
    readonly endedAt: string;
    readonly error?: Failure;
    readonly retryAt?: string;
  }[];
  readonly childTaskId?: string;
}

interface Props {
  readonly taskId: string;
  readonly path: string;
  /** Another number = the step may have changed. */
  readonly rev: number;
}

/** One step: what went in, what came out, its attempts. A large output is read when it is asked for. */
export class StepPane extends Component<Props, { detail?: Detail; said: string; whole: boolean }> {
  override state: { detail?: Detail; said: string; whole: boolean } = { said: 'Loading…', whole: false };

  override componentDidMount(): void {
    void this.#read(false);
  }

  override componentDidUpdate(before: Props): void {
    if (before.path === this.props.path && before.rev === this.props.rev) return;
    void this.#read(before.path === this.props.path && this.state.whole);
  }

  async #read(whole: boolean): Promise<void> {
    const { taskId, path } = this.props;
    const full = whole ? '?full=true' : '';
    try {
      const detail = await get<Detail>(`/tasks/${encodeURIComponent(taskId)}/steps/${encodeURIComponent(path)}${full}`);
      if (path === this.props.path) this.setState({ detail, said: '', whole });
    } catch (error) {
      this.setState({ said: wordsOf(error) });
    }
  }

  override render(): VNode {
    const { detail, said, whole } = this.state;
    if (detail === undefined || detail.path !== this.props.path) return <p role="status">{said}</p>;
    const { path, status, error, input, output, outputBytes, history, childTaskId } = detail;
    return (
      <section aria-label={`Step ${path}`}>
        <h2 class="mono">{path}</h2>
        <p>
          <Status of={status} /> <span class="soft">{when(detail.startedAt)}</span>
        </p>
        {error !== undefined && <p class="error">{`${error.code}: ${error.message}`}</p>}
        {childTaskId !== undefined && (
          <p>
            <Link to={`/ui/tasks/${childTaskId}`}>The run that it started</Link>
          </p>
        )}
        <h3>Input</h3>
        {input === undefined ? <p class="soft">none is shown</p> : <Value label="Input" value={input} />}
        <h3>Output {outputBytes !== undefined && <span class="soft">({size(outputBytes)})</span>}</h3>
        {output === undefined ? <p class="soft">none</p> : <Value label="Output" value={output} />}
        {!whole && (outputBytes ?? 0) > LARGE && (
          <button type="button" onClick={() => void this.#read(true)}>
            Load all of it
          </button>
        )}
        <h3>Attempts</h3>
        <ol>
          {history.map(({ attempt, endedAt, error: failure, retryAt }) => (
            <li key={attempt}>
              {when(endedAt)}{' '}
              {failure === undefined ? 'done' : <span class="error">{`${failure.code}: ${failure.message}`}</span>}
              {retryAt !== undefined && <span class="soft"> again at {when(retryAt)}</span>}
            </li>
          ))}
        </ol>
      </section>
    );
  }
}

/** Beyond this the server shows an output in part. */
const LARGE = 40_000;
