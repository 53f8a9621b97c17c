import { Component, Fragment, h, render, type VNode } from './preact.tsx';
import { signIn, whenSignInIsAsked } from './api.tsx';
import { Inbox } from './inbox.tsx';
import { Link } from './parts.tsx';
import { Run } from './run.tsx';
import { Runs } from './runs.tsx';
import { Schedules } from './schedules.tsx';
import { Servers } from './servers.tsx';
import { Workflow, Workflows } from './workflows.tsx';

const PAGES = [
  ['/ui/', 'Runs'],
  ['/ui/inbox', 'Inbox'],
  ['/ui/workflows', 'Workflows'],
  ['/ui/schedules', 'Schedules'],
  ['/ui/servers', 'Servers'],
] as const;

interface State {
  readonly path: string;
  readonly live: boolean | undefined;
  readonly asksToken: boolean;
  /** Another number = everything is read anew. */
  readonly era: number;
}

/** The frame around every page: where one is, where one can go, whether what shows is live. */
class App extends Component<object, State> {
  override state: State = { path: location.pathname, live: undefined, asksToken: false, era: 0 };

  override componentDidMount(): void {
    whenSignInIsAsked(() => this.setState({ asksToken: true }));
    addEventListener('popstate', () => this.setState({ path: location.pathname, live: undefined }));
    addEventListener('click', this.#clicked);
    this.#named();
  }

  override componentDidUpdate(_before: object, { path }: State): void {
    if (path === this.state.path) return;
    this.#named();
    // Who hears the page is told where it is now.
    document.querySelector<HTMLElement>('main')?.focus();
  }

  #named(): void {
    const name = PAGES.find(([path]) => path === this.state.path)?.[1] ?? this.state.path.replace('/ui/', '');
    document.title = `${name} · mcp-workflow`;
  }

  /** Links inside the pages do not leave the document; those that a person opens elsewhere do. */
  readonly #clicked = (event: MouseEvent): void => {
    const link = (event.target as Element | null)?.closest('a');
    const elsewhere = event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0;
    if (link === null || link === undefined || elsewhere || link.origin !== location.origin) return;
    if (!link.pathname.startsWith('/ui/') || link.hash !== '') return;
    event.preventDefault();
    this.#go(link.pathname);
  };

  readonly #go = (path: string): void => {
    history.pushState(null, '', path);
    this.setState({ path, live: undefined });
  };

  readonly #connected = (live: boolean): void => this.setState({ live });

  override render(): VNode {
    const { path, live, asksToken, era } = this.state;
    return (
      <Fragment>
        <a class="skip" href="#main">
          To the content
        </a>
        <header class="top">
          <strong>mcp-workflow</strong>
          <nav aria-label="Pages">
            {PAGES.map(([to, name]) => (
              <Link to={to} current={to === path} key={to}>
                {name}
              </Link>
            ))}
          </nav>
          <span class="live" role="status">
            {live === undefined ? '' : live ? 'live' : 'connecting…'}
          </span>
        </header>
        <main id="main" tabIndex={-1} key={`${path} ${era}`}>
          {asksToken ? this.#signIn() : this.#page(path)}
        </main>
      </Fragment>
    );
  }

  #page(path: string): VNode {
    const task = /^\/ui\/tasks\/(?<id>[^/]+)$/u.exec(path)?.groups?.['id'];
    if (task !== undefined) return <Run taskId={decodeURIComponent(task)} connected={this.#connected} />;
    const workflow = /^\/ui\/workflows\/(?<name>[^/]+)$/u.exec(path)?.groups?.['name'];
    if (workflow !== undefined) return <Workflow name={decodeURIComponent(workflow)} go={this.#go} />;
    switch (path) {
      case '/ui/':
        return <Runs connected={this.#connected} />;
      case '/ui/inbox':
        return <Inbox connected={this.#connected} />;
      case '/ui/workflows':
        return <Workflows />;
      case '/ui/schedules':
        return <Schedules />;
      case '/ui/servers':
        return <Servers />;
      default:
        return <h1>There is no such page</h1>;
    }
  }

  #signIn(): VNode {
    const submit = (event: Event): void => {
      event.preventDefault();
      const token = new FormData(event.currentTarget as HTMLFormElement).get('token');
      if (typeof token !== 'string' || token === '') return;
      signIn(token);
      this.setState(({ era }) => ({ asksToken: false, era: era + 1 }));
    };
    return (
      <form onSubmit={submit} class="card">
        <h1>Sign in</h1>
        <p>This server asks for a token. It is kept in this tab, until the tab is closed.</p>
        <label for="token">Token</label>
        <input id="token" name="token" type="password" autocomplete="off" size={40} />{' '}
        <button type="submit" class="main">
          Sign in
        </button>
      </form>
    );
  }
}

const root = document.getElementById('app');
if (root !== null) {
  root.replaceChildren();
  render(<App />, root);
}
