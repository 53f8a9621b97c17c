import { Component, h, type VNode } from './preact.tsx';
import { picture } from './api.tsx';
import { wordsOf } from './parts.tsx';

interface Props {
  readonly taskId: string;
  /** Another number = steps may have another colour. */
  readonly rev: number;
  readonly name: string;
}

interface State {
  readonly open: boolean;
  readonly image?: string;
  readonly said: string;
}

/** Drawing a large workflow takes a while: so much time goes by between two pictures of a run. */
const LOOK_MS = 2000;

/** The workflow of a run, each step in the colour of its state. Drawn while it is open, and anew as the run goes on. */
export class RunGraph extends Component<Props, State> {
  override state: State = { open: false, said: '' };
  #timer: number | undefined;
  #drawn = -1;

  override componentDidUpdate(): void {
    if (this.state.open && this.#drawn !== this.props.rev && this.#timer === undefined) this.#draw();
  }

  override componentWillUnmount(): void {
    window.clearTimeout(this.#timer);
    if (this.state.image !== undefined) URL.revokeObjectURL(this.state.image);
  }

  #draw(): void {
    this.#drawn = this.props.rev;
    this.#timer = window.setTimeout(() => {
      this.#timer = undefined;
      this.componentDidUpdate();
    }, LOOK_MS);
    picture(`/tasks/${encodeURIComponent(this.props.taskId)}/graph`).then(
      (image) => {
        if (this.state.image !== undefined) URL.revokeObjectURL(this.state.image);
        this.setState({ image, said: '' });
      },
      (error: unknown) => this.setState({ said: wordsOf(error) }),
    );
  }

  override render(): VNode {
    const { image, said } = this.state;
    const toggled = (event: Event): void => this.setState({ open: (event.currentTarget as HTMLDetailsElement).open });
    return (
      <details onToggle={toggled}>
        <summary>Graph</summary>
        {said !== '' && <p class="error">{said}</p>}
        {image !== undefined && <img class="graph" src={image} alt={`The steps of ${this.props.name}, by state`} />}
      </details>
    );
  }
}
