import { readdirSync, readFileSync } from 'node:fs';
import { HOSTILE_DEFINITIONS } from './hostile-corpus.ts';
import { seededRandom } from './seeded-random.ts';
import { seedTexts } from './seed-texts.ts';

/** A file somebody might put into the folder of definitions. */
export interface HostileFile {
  /** What it is, in words that name it again: the same seed and number make the same file. */
  readonly what: string;
  readonly extension: 'json' | 'yaml';
  readonly bytes: Buffer;
}

const ROOT = new URL('../../', import.meta.url);

/** Good definitions to begin with: samples, the language line by line, the seed, and rewritten suites. */
function goodTexts(): readonly string[] {
  const folder = (name: string): string[] =>
    readdirSync(new URL(name, ROOT))
      .filter((file) => /\.(?:ya?ml|json)$/.test(file))
      .sort()
      .map((file) => readFileSync(new URL(`${name}/${file}`, ROOT), 'utf8'));
  return [
    ...folder('definitions'),
    ...folder('test/fixtures/language').flatMap((text) => text.split('\n---\n')),
    ...folder('test/fixtures/serverless-workflow').flatMap((text) => text.split('\n---\n')),
    ...seedTexts()
      .filter(({ kind }) => kind === 'document')
      .map(({ text }) => text),
  ];
}

/** Pieces that mean something to a reader of ours, or too much. */
const PIECES = [
  '{{', '}}', '{%', '%}', '{{input.x}}', '{{__proto__.polluted}}', '{{steps.constructor.prototype}}', '{% $eval("1") %}', '{% ($f := function() { $f() }; $f()) %}',
  '{% $match(input, /^(a+)+$/) %}', '"__proto__": {"polluted": 1}', '__proto__: {polluted: 1}', 'constructor: {prototype: {polluted: 1}}', '<<: *a', '&a ', '*a', '!!js/function ',
  '!!binary aaaa', '1e309', '-1e309', '9007199254740993', '0x7fffffffffffffff', '.inf', '.nan', '~', 'null', 'yes', '\0', '\ufeff', '\u202e', '\u200b', '\ud800', '\ud83d\ude00',
  '../../../../etc/passwd', '/dev/zero', 'file:///etc/passwd', 'a'.repeat(5_000), '['.repeat(500), '{'.repeat(500), '('.repeat(5_000), '- '.repeat(500), '? '.repeat(100), '\t', '\r\n',
  '---\n', '...\n', '%YAML 1.2\n', '# ', '|\n', '>+9\n', ': ', ', ', ']', '}', '"', "'", '\\', '\\u0000', 'depends_on: [a, b]', 'steps: []', 'type: foreach', 'type: group', 'type: loop',
  'max_iterations: 1000000000', 'items: "{{input}}"', 'pattern: "^(a+)+$"', '$ref: "#"', '$ref: "http://127.0.0.1:1/"', 'when: "not not not not {{a}} and or ("', 'timeout_seconds: -1',
  'cron: "* * * * * *"', 'on_error: {step: on_error}', 'compensate: {type: set}', 'input_schema: {type: object, properties: {a: {$ref: "#/properties/a"}}}',
] as const; // prettier-ignore

const KINDS = ['set', 'switch', 'foreach', 'group', 'parallel', 'loop', 'try', 'workflow', 'wait', 'emit', 'fail', 'succeed', 'elicit', 'llm', 'tool', 'roots', 'resource', 'prompt', 'nothing'] as const; // prettier-ignore

const KEYS = ['steps', 'tasks', 'branches', 'cases', 'default', 'catch', 'finally', 'items', 'until', 'when', 'values', 'assign', 'arguments', 'retry', 'on_error', 'depends_on', 'max_concurrency', 'timeout_seconds', 'schema', 'message', 'cache_seconds', 'compensate', '__proto__', 'constructor', 'toString', 'x-any', ''] as const; // prettier-ignore

/** A chooser over one stream of chance. */
class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  of<T>(list: readonly [T, ...T[]] | readonly T[]): T {
    const chosen = list[this.below(list.length)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  }
}

/**
 * `count` files that a seed determines: first the corpus, then good definitions with up to eight wounds, and documents
 * that a grammar makes of our keys with anything behind them. A quarter of them is wounded again as bytes.
 */
export function* hostileFiles(count: number, seed: number): Generator<HostileFile> {
  const corpus = HOSTILE_DEFINITIONS.slice(0, count);
  for (const [what, text] of corpus) {
    yield { what, extension: text.startsWith('{"') ? 'json' : 'yaml', bytes: Buffer.from(text) };
  }
  const good = goodTexts();
  for (let number = corpus.length; number < count; number += 1) {
    const dice = new Dice(seed * 1_000_003 + number);
    const made = dice.below(3) === 0;
    const text = made ? JSON.stringify(grown(dice)) : wounded(dice, dice.of(good), dice.of(good));
    const bytes = dice.below(4) === 0 ? woundedBytes(dice, Buffer.from(text)) : Buffer.from(text);
    const extension = made || text.startsWith('{') ? 'json' : 'yaml';
    yield { what: `number ${number} of seed ${seed}`, extension: dice.below(8) === 0 ? 'yaml' : extension, bytes };
  }
}

function wounded(dice: Dice, good: string, other: string): string {
  let text = good;
  for (let wounds = 1 + dice.below(8); wounds > 0; wounds -= 1) {
    const at = dice.below(text.length + 1);
    const to = Math.min(text.length, at + dice.below(200));
    const part = text.slice(at, to);
    switch (dice.below(7)) {
      case 0:
        text = text.slice(0, at) + dice.of(PIECES) + text.slice(at);
        break;
      case 1:
        text = text.slice(0, at) + text.slice(to);
        break;
      case 2:
        text = text.slice(0, at) + part.repeat(1 + dice.below(50)) + text.slice(to);
        break;
      case 3:
        text = text.slice(0, at) + other.slice(dice.below(other.length));
        break;
      case 4:
        text = text.replace(/^( *)(\S)/gm, (line, indent: string, first: string) =>
          dice.below(10) === 0 ? `${indent}${' '.repeat(dice.below(3))}${first}` : line,
        );
        break;
      case 5:
        text = text.replace(/: [^\n{[]+/g, (value) => (dice.below(10) === 0 ? `: ${dice.of(PIECES)}` : value));
        break;
      default:
        text = text.replace(/[\w$]+(?=["']?:)/g, (key) => (dice.below(20) === 0 ? dice.of(KEYS) : key));
    }
    if (text.length > 300_000) break;
  }
  return text;
}

/** A document of our keys. It grows to a few hundred values. */
function grown(dice: Dice): unknown {
  let room = 50 + dice.below(400);
  const value = (depth: number): unknown => {
    room -= 1;
    if (room <= 0 || depth > 60) return dice.of(PIECES);
    switch (dice.below(9)) {
      case 0:
      case 1:
        return Array.from({ length: dice.below(6) }, () => step(depth + 1));
      case 2:
        return Object.fromEntries(Array.from({ length: dice.below(5) }, () => [dice.of(KEYS), value(depth + 1)]));
      case 3:
        return dice.of([0, -1, 1, 1.5, 1e21, 5e-324, Number.MAX_SAFE_INTEGER, 2 ** 53, 1e308]);
      case 4:
        return dice.of([true, false, null]);
      case 5:
        return [value(depth + 1), value(depth + 1)];
      case 6:
        return step(depth + 1);
      default:
        return dice.of(PIECES);
    }
  };
  const step = (depth: number): unknown => {
    room -= 1;
    const keys = Array.from({ length: dice.below(5) }, () => [dice.of(KEYS), value(depth + 1)] as const);
    return { id: `s${dice.below(40)}`, type: dice.of(KINDS), ...Object.fromEntries(keys) };
  };
  const steps = Array.from({ length: 1 + dice.below(6) }, () => step(0));
  const more = Object.fromEntries(
    Array.from({ length: dice.below(4) }, () => [
      dice.of(['variables', 'conditionals', 'output', 'result', 'on_error', 'budget', 'schedule', 'tests', 'prompt', 'resources', 'input_schema', 'strict', 'catch'] as const),
      value(0),
    ]),
  ); // prettier-ignore
  return { name: dice.below(10) === 0 ? value(0) : `w${dice.below(5)}`, steps, ...more };
}

function woundedBytes(dice: Dice, bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  switch (dice.below(4)) {
    case 0:
      return Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(bytes.toString('utf8'), 'utf16le')]);
    case 1:
      return Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), copy]);
    case 2:
      return copy.subarray(0, dice.below(copy.length));
    default:
      for (let flips = 1 + dice.below(20); flips > 0; flips -= 1) copy[dice.below(copy.length)] = dice.below(256);
      return copy;
  }
}
