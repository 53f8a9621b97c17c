import type { Terminal } from '../../src/cli/terminal.ts';

/** A terminal in memory: what was written, lines to be typed, signals to be sent. */
export class FakeTerminal implements Terminal {
  stdout = '';
  stderr = '';
  /** Lines a person types, in order; `undefined` = Ctrl-D. A question without a line waits for ever. */
  readonly typed: (string | undefined)[] = [];
  readonly asked: string[] = [];
  input = '';
  abandoned = false;
  readonly canAsk: boolean;
  readonly colour = false;
  readonly errColour = false;
  canRedraw: boolean;
  readonly out: Terminal['out'];
  readonly err: Terminal['err'];
  readonly #listeners = new Set<(signal: 'SIGINT' | 'SIGTERM') => void>();

  /** `person`: standard output is a terminal and somebody sits there. */
  constructor(person: boolean) {
    this.canAsk = person;
    this.canRedraw = person;
    this.out = { write: (text) => void (this.stdout += text), isTerminal: person, columns: 80, rows: 24 };
    this.err = { write: (text) => void (this.stderr += text), isTerminal: false, columns: 80, rows: 24 };
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  ask(question: string, signal: AbortSignal): Promise<string | undefined> {
    this.asked.push(question);
    if (this.typed.length > 0) return Promise.resolve(this.typed.shift());
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  }

  readInput(): Promise<string> {
    return Promise.resolve(this.input);
  }

  abandon(): void {
    this.abandoned = true;
  }

  onInterrupt(listener: (signal: 'SIGINT' | 'SIGTERM') => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  send(signal: 'SIGINT' | 'SIGTERM'): void {
    for (const listener of this.#listeners) listener(signal);
  }
}
