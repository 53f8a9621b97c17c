import { usageError } from './exit.ts';
import { plainLine, type Terminal } from './terminal.ts';

/** Where answers come from. Each question has an answer that holds when nobody says anything. */
export interface Chooser {
  /** `check` gives what is wrong with an answer. */
  text(question: string, otherwise: string | undefined, check: (answer: string) => string | undefined): Promise<string>;
  /** One of `options`; a text that is none of them only where `free`. */
  one(question: string, options: readonly Option[], otherwise: string, free: boolean): Promise<string>;
  /** Lines until an empty one. */
  lines(question: string, check: (answer: string) => string | undefined): Promise<readonly string[]>;
  yes(question: string): Promise<boolean>;
  say(text: string): void;
}

export interface Option {
  readonly value: string;
  readonly about: string;
}

/**
 * Nobody is there to be asked: what a flag does not say is as it would be after pressing Enter, and nothing is started.
 */
export class Given implements Chooser {
  text(question: string, otherwise: string | undefined): Promise<string> {
    if (otherwise === undefined) throw usageError(`NAME is missing (${question}): mcp-workflow new NAME`);
    return Promise.resolve(otherwise);
  }

  one(_question: string, _options: readonly Option[], otherwise: string): Promise<string> {
    return Promise.resolve(otherwise);
  }

  lines(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  yes(): Promise<boolean> {
    return Promise.resolve(false);
  }

  say(): void {
    // Nobody listens.
  }
}

/** A person at the terminal. The end of the input leaves. */
export class Asked implements Chooser {
  readonly #terminal: Terminal;
  readonly #signal: AbortSignal;
  readonly #left: Error;

  /** `left`: thrown at the end of the input. */
  constructor(terminal: Terminal, signal: AbortSignal, left: Error) {
    this.#terminal = terminal;
    this.#signal = signal;
    this.#left = left;
  }

  async text(
    question: string,
    otherwise: string | undefined,
    check: (answer: string) => string | undefined,
  ): Promise<string> {
    for (;;) {
      const answer = await this.#ask(`${question}${otherwise === undefined ? '' : ` [${plainLine(otherwise)}]`}: `);
      const chosen = answer === '' ? otherwise : answer;
      const problem = chosen === undefined ? 'an answer is needed' : check(chosen);
      if (chosen !== undefined && problem === undefined) return chosen;
      this.say(`  ${problem ?? ''}\n`);
    }
  }

  async one(question: string, options: readonly Option[], otherwise: string, free: boolean): Promise<string> {
    this.say(`${question}\n`);
    const width = Math.max(...options.map(({ value }) => value.length), 0);
    for (const [index, { value, about }] of options.entries()) {
      this.say(`  ${index + 1}. ${plainLine(`${value.padEnd(width)}  ${about}`).trimEnd()}\n`);
    }
    for (;;) {
      const answer = await this.#ask(`Number or name [${plainLine(otherwise)}]: `);
      if (answer === '') return otherwise;
      const picked =
        options.find(({ value }) => value === answer) ??
        (/^\d{1,4}$/u.test(answer) ? options[Number(answer) - 1] : undefined);
      if (picked !== undefined) return picked.value;
      if (free && !/^\d+$/u.test(answer)) return answer;
      this.say(`  choose from 1 to ${options.length}\n`);
    }
  }

  async lines(question: string, check: (answer: string) => string | undefined): Promise<readonly string[]> {
    this.say(`${question}\n`);
    const lines: string[] = [];
    for (;;) {
      const answer = await this.#ask('  > ');
      if (answer === '') return lines;
      const problem = check(answer);
      if (problem === undefined) lines.push(answer);
      else this.say(`  ${problem}\n`);
    }
  }

  async yes(question: string): Promise<boolean> {
    for (;;) {
      const answer = await this.#ask(`${plainLine(question)} (yes/no) [yes]: `);
      if (/^(?:|y|yes)$/iu.test(answer)) return true;
      if (/^(?:n|no)$/iu.test(answer)) return false;
      this.say('  yes or no\n');
    }
  }

  say(text: string): void {
    this.#terminal.out.write(text);
  }

  async #ask(question: string): Promise<string> {
    const line = await this.#terminal.ask(question, this.#signal);
    if (line === undefined) throw this.#left;
    return line.trim();
  }
}
