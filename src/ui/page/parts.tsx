import { Component, h, type ComponentChildren, type VNode } from './preact.tsx';
import { Refused, type Json } from './api.tsx';

/** A link inside the pages. */
export function Link({ to, children, current }: { to: string; children: ComponentChildren; current?: boolean }): VNode {
  return (
    <a href={to} {...(current === true && { 'aria-current': 'page' as const })}>
      {children}
    </a>
  );
}

const WORDS: Readonly<Record<string, string>> = { input_required: 'asks' };

/** A state in a word and a colour. */
export function Status({ of: status }: { of: string }): VNode {
  return <span class={`status ${status}`}>{WORDS[status] ?? status}</span>;
}

/** A time as this browser's person reads it. */
export function when(iso: string | null | undefined): string {
  return iso === null || iso === undefined ? '' : new Date(iso).toLocaleString();
}

/** How long something took, or has taken so far. */
export function took(from: string | null | undefined, to: string | null | undefined): string {
  if (from === null || from === undefined) return '';
  const ms = (to === null || to === undefined ? Date.now() : Date.parse(to)) - Date.parse(from);
  if (ms < 1000) return `${Math.max(0, ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
}

export function size(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  return bytes < 1_048_576 ? `${(bytes / 1024).toFixed(1)} kB` : `${(bytes / 1_048_576).toFixed(1)} MB`;
}

/** A value as text. Long ones show in part until more is asked for. */
export class Value extends Component<{ readonly label: string; readonly value: Json | undefined }, { whole: boolean }> {
  override state = { whole: false };
  override render(): VNode {
    const { value, label } = this.props;
    const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2);
    const cut = !this.state.whole && text.length > SHOWN;
    return (
      <div>
        <pre tabIndex={0} role="region" aria-label={label}>
          {cut ? `${text.slice(0, SHOWN)}…` : text}
        </pre>
        {cut && (
          <button type="button" onClick={() => this.setState({ whole: true })}>
            Show all {size(text.length)}
          </button>
        )}
      </div>
    );
  }
}
const SHOWN = 20_000;

/** What went wrong, in words. */
export function wordsOf(error: unknown): string {
  if (error instanceof Refused) return error.message;
  return error instanceof Error ? `the server cannot be reached (${error.message})` : String(error);
}

/** A line that is read out when it changes. */
export function Notice({ text, bad }: { text: string; bad?: boolean }): VNode {
  return (
    <p role="status" class={bad === true ? 'error' : 'soft'}>
      {text}
    </p>
  );
}
