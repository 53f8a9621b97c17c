import { Component, Fragment, h, type VNode } from './preact.tsx';
import { get } from './api.tsx';
import { Notice, wordsOf } from './parts.tsx';

interface Server {
  readonly server: string;
  readonly kind: string;
  readonly state: string;
  readonly tools?: number;
  readonly active: number;
  readonly queued: number;
  readonly starts: number;
  readonly lastError?: string;
}

const LOOK_MS = 5000;

/** The downstream servers and how they are, looked at every few seconds. */
export class Servers extends Component<object, { list: readonly Server[]; said: string }> {
  override state: { list: readonly Server[]; said: string } = { list: [], said: 'Loading…' };
  #timer = 0;

  override componentDidMount(): void {
    void this.#read();
    this.#timer = window.setInterval(() => void this.#read(), LOOK_MS);
  }

  override componentWillUnmount(): void {
    window.clearInterval(this.#timer);
  }

  async #read(): Promise<void> {
    try {
      const { servers } = await get<{ readonly servers: readonly Server[] }>('/servers');
      this.setState({ list: servers, said: `${servers.length} servers` });
    } catch (error) {
      this.setState({ said: wordsOf(error) });
    }
  }

  override render(): VNode {
    const { list, said } = this.state;
    return (
      <Fragment>
        <h1>Servers</h1>
        <Notice text={said} />
        <ul class="plainlist">
          {list.map(({ server, kind, state, tools, active, queued, starts, lastError }) => (
            <li class="row" key={server}>
              <strong>{server}</strong>
              <span>{state}</span>
              <span>
                {kind}, {tools === undefined ? 'tools not known yet' : `${tools} tools`}, started {starts} times,{' '}
                {active} calls, {queued} waiting
              </span>
              <span class="error">{lastError ?? ''}</span>
            </li>
          ))}
        </ul>
      </Fragment>
    );
  }
}
