import { Lexer } from 'yaml';
import { SOURCE_LIMITS, SourceStop, type SourceProblem } from './document.ts';

/** Tokens of the lexer that stand for nothing in the text. */
const DOCUMENT = '\u0002';
const FLOW_ERROR = '\u0018';
const SCALAR = '\u001f';

/** Every anchor beyond the first of a node is an error of its own, and errors are expensive. */
const MAX_ANCHORS = 1_000;

/**
 * Looks at the tokens of a YAML text before anything expensive is built from them.
 * @throws SourceStop for a text with too many tokens or aliases, nested too deep, or broken in a way that would make
 *   the reader report thousands of errors.
 */
export function guardYaml(text: string): void {
  const guard = new TokenGuard();
  let previous = '';
  for (const token of new Lexer().lex(text)) {
    const isScalar = previous === SCALAR;
    previous = token;
    if (token === DOCUMENT || token === SCALAR) continue;
    if (isScalar) guard.scalar();
    else guard.mark(token);
    if (token !== FLOW_ERROR) guard.offset += token.length;
  }
}

class TokenGuard {
  offset = 0;
  private tokens = 0;
  private aliases = 0;
  private anchors = 0;
  private depth = 0;
  /** `-` and `?` since the line began: each opens a level. */
  private openedInLine = 0;
  private afterComma = false;

  scalar(): void {
    this.afterComma = false;
    this.count();
  }

  mark(token: string): void {
    this.count();
    switch (token[0]) {
      case FLOW_ERROR:
        return this.stop('syntax', "a '[' or '{' is not closed");
      case '[':
      case '{':
        this.open();
        break;
      case ']':
      case '}':
        this.depth = Math.max(0, this.depth - 1);
        this.afterComma = false;
        break;
      case '-':
      case '?':
        this.afterComma = false;
        if (token.length === 1) this.openInLine();
        break;
      case '\n':
      case '\r':
        this.openedInLine = 0;
        break;
      case ',':
        if (this.afterComma) this.stop('syntax', "nothing stands between two ','");
        this.afterComma = true;
        break;
      case '*':
        this.alias();
        break;
      case '&':
        this.anchor();
        break;
      case ' ':
      case '\t':
      case '#':
        break;
      default:
        this.afterComma = false;
    }
  }

  private count(): void {
    this.tokens += 1;
    if (this.tokens > SOURCE_LIMITS.yamlTokens) {
      const hint = 'split it into child workflows, or write it as JSON';
      this.stop('too_large', `more than ${SOURCE_LIMITS.yamlTokens} YAML tokens`, hint);
    }
  }

  private open(): void {
    this.afterComma = false;
    this.depth += 1;
    if (this.depth > SOURCE_LIMITS.depth) this.stop('too_deep', `nested deeper than ${SOURCE_LIMITS.depth}`);
  }

  private openInLine(): void {
    this.openedInLine += 1;
    if (this.openedInLine > SOURCE_LIMITS.depth) this.stop('too_deep', `nested deeper than ${SOURCE_LIMITS.depth}`);
  }

  private anchor(): void {
    this.anchors += 1;
    if (this.anchors > MAX_ANCHORS) this.stop('too_many_aliases', `more than ${MAX_ANCHORS} anchors`);
  }

  private alias(): void {
    this.afterComma = false;
    this.aliases += 1;
    if (this.aliases > SOURCE_LIMITS.aliases) {
      this.stop('too_many_aliases', `more than ${SOURCE_LIMITS.aliases} aliases`);
    }
  }

  private stop(code: SourceProblem['code'], message: string, hint?: string): never {
    throw new SourceStop({ offset: this.offset, code, message, ...(hint === undefined ? {} : { hint }) });
  }
}
