import { Component, h, type ComponentChildren, type VNode } from './preact.tsx';

/** Pixels of a row; the style says the same. */
const HEIGHT = 34;
const OVERSCAN = 8;
/** Browsers lay out no taller than this; beyond it rows would stand on one another. */
const TALLEST = 15_000_000;

interface Props {
  /** For people who hear the page. */
  readonly label: string;
  readonly total: number;
  readonly columns: readonly string[];
  readonly row: (index: number) => ComponentChildren;
  readonly kind: string;
  readonly picked?: (index: number) => boolean;
  /** Called with the first and last row that show, whenever they change. */
  readonly onShow?: (first: number, last: number) => void;
  readonly low?: boolean;
}

interface State {
  readonly top: number;
  readonly view: number;
}

/** A table of any length of which only the rows that show are in the page. */
export class Rows extends Component<Props, State> {
  override state: State = { top: 0, view: 600 };
  #box: HTMLElement | null = null;

  override componentDidMount(): void {
    if (this.#box !== null) this.setState({ view: this.#box.clientHeight });
    this.#tell();
  }

  override componentDidUpdate(before: Props): void {
    if (before.total !== this.props.total) this.#tell();
  }

  #span(): { readonly first: number; readonly last: number } {
    const { top, view } = this.state;
    const { total } = this.props;
    const first = Math.max(0, Math.floor(top / HEIGHT) - OVERSCAN);
    return { first, last: Math.min(total, Math.ceil((top + view) / HEIGHT) + OVERSCAN) };
  }

  #tell(): void {
    const { first, last } = this.#span();
    this.props.onShow?.(first, last);
  }

  readonly #scrolled = (event: Event): void => {
    const box = event.currentTarget as HTMLElement;
    this.setState({ top: box.scrollTop, view: box.clientHeight }, () => this.#tell());
  };

  override render(): VNode {
    const { label, total, columns, row, kind, picked, low } = this.props;
    const { first, last } = this.#span();
    const shown = [];
    for (let index = first; index < last; index += 1) {
      shown.push(
        <div class={`row${picked?.(index) === true ? ' picked' : ''}`} role="row" aria-rowindex={index + 2} key={index}>
          {row(index)}
        </div>,
      );
    }
    const above = Math.min(TALLEST, first * HEIGHT);
    const below = Math.min(TALLEST, Math.max(0, total - last) * HEIGHT);
    return (
      <div class={kind} role="table" aria-label={label} aria-rowcount={total + 1}>
        <div role="rowgroup">
          <div class="row head" role="row" aria-rowindex={1}>
            {columns.map((column) => (
              <span role="columnheader" key={column}>
                {column}
              </span>
            ))}
          </div>
        </div>
        <div
          class={`rows${low === true ? ' low' : ''}`}
          role="rowgroup"
          tabIndex={0}
          aria-label={`${label}, scrolls`}
          onScroll={this.#scrolled}
          ref={(box: HTMLElement | null) => {
            this.#box = box;
          }}
        >
          <div role="presentation" style={{ height: `${above}px` }} />
          {shown}
          <div role="presentation" style={{ height: `${below}px` }} />
        </div>
      </div>
    );
  }
}
