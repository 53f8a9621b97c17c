import type { JsonObject } from '../../src/core/json.ts';
import type { Definition } from '../../src/definition/model.ts';
import { definitionOf, text, toolError } from './engine-world.ts';
import type { FakeDownstream, PlainStep } from './engine-world.ts';

/** A workflow with everything that its run needs, and what may differ after a crash. */
export interface Canonical {
  readonly name: string;
  /** The first one is called. */
  readonly definitions: readonly Definition[];
  readonly input?: JsonObject;
  /**
   * How the client behaves beside answering: cancels as soon as the tool `hang` is called, or resumes it once it has
   * failed.
   */
  readonly client?: 'cancels' | 'resumes';
  /** A crash may make the task fail as interrupted instead: `on_interrupt: fail`. */
  readonly mayBeInterrupted?: true;
  /** A tool whose results are remembered: where the memory could not be written, it is called once more. */
  readonly mayCallAnew?: string;
}

function one(name: string, steps: readonly PlainStep[], more: Partial<Definition> = {}): Canonical {
  return { name, definitions: [definitionOf(steps, { name, ...more })] };
}

const schema = { type: 'object', properties: { ok: { type: 'boolean' } }, required: ['ok'] };

/** One or more for every step kind and for every way in which a task can end. */
export const CANONICAL: readonly Canonical[] = [
  one(
    'chain',
    [
      { id: 'a', action: 'a', arguments: { n: 1 }, save_output_to: 'variables.saved.last' },
      { id: 'b', action: 'b', arguments: { from: '{{a.output.echo.n}}' } },
      { id: 'c', type: 'set', values: { sum: '{{b.output.echo.from}}' } },
    ],
    { output: { sum: '{{c.output.sum}}', last: '{{saved.last}}' } },
  ),
  one('retried', [
    { id: 'a', action: 'flaky', retry: { max_attempts: 3, delay_seconds: 2 } },
    { id: 'said', type: 'emit', message: 'after {{a.text}}' },
    { id: 'b', action: 'b' },
  ]),
  one('parallel', [
    {
      id: 'p',
      type: 'parallel',
      branches: {
        left: [
          { id: 'l1', action: 'l1' },
          { id: 'l2', action: 'l2' },
        ],
        right: [{ id: 'r1', action: 'r1' }],
      },
    },
    { id: 'end', action: 'end' },
  ]),
  one('each', [
    {
      id: 'each',
      type: 'foreach',
      items: ['x', 'y', 'z'],
      max_concurrency: 2,
      steps: [{ id: 'read', action: 'read', arguments: { item: '{{item}}' } }],
    },
  ]),
  one('poll', [
    {
      id: 'poll',
      type: 'loop',
      max_iterations: 3,
      delay_seconds: 1,
      steps: [{ id: 'look', action: 'look' }],
    },
    { id: 'nap', type: 'wait', seconds: 3 },
  ]),
  one('caught', [
    {
      id: 't',
      type: 'try',
      steps: [
        { id: 'a', action: 'a' },
        { id: 'f', type: 'fail', code: 'mine', message: 'as planned' },
      ],
      catch: [{ match: ['mine'], steps: [{ id: 'c', action: 'c' }] }],
      finally: [{ id: 'z', action: 'z' }],
    },
  ]),
  one('chosen', [
    {
      id: 'pick',
      type: 'switch',
      cases: [{ when: 'true', steps: [{ id: 'a', action: 'a' }] }],
      default: [{ id: 'never', action: 'never' }],
    },
    { id: 'done', type: 'succeed', output: { picked: '{{a.status}}' } },
  ]),
  one('asks', [
    { id: 'before', action: 'before' },
    { id: 'q', type: 'elicit', message: 'Go on?', schema },
    { id: 'after', action: 'after', arguments: { ok: '{{q.output.ok}}' } },
  ]),
  one('model', [
    { id: 'l', type: 'llm', prompt: 'How many?' },
    { id: 'r', type: 'roots' },
    { id: 'a', action: 'a', arguments: { text: '{{l.text}}' } },
  ]),
  {
    name: 'parent',
    definitions: [
      definitionOf(
        [
          { id: 'first', action: 'first' },
          { id: 'sub', type: 'workflow', workflow: 'child', input: { n: 2 } },
          { id: 'last', action: 'last' },
        ],
        { name: 'parent', output: { child: '{{sub.output}}' } },
      ),
      definitionOf(
        [
          { id: 'c', action: 'c', arguments: { n: '{{input.n}}' } },
          { id: 'q', type: 'elicit', message: 'Child?', schema },
        ],
        { name: 'child', output: { n: '{{c.output.echo.n}}' } },
      ),
    ],
  },
  one('reads', [
    { id: 'r', type: 'resource', uri: 'memo://1' },
    { id: 'p', type: 'prompt', action: 'greet', arguments: { who: 'you' } },
    { id: 'a', action: 'a', arguments: { text: '{{r.text}}' } },
  ]),
  one('graph', [
    {
      id: 'g',
      type: 'group',
      steps: [
        { id: 'a', action: 'a' },
        { id: 'b', action: 'b' },
        { id: 'c', action: 'c', depends_on: ['a', 'b'] },
      ],
    },
    { id: 'bad', action: 'bad', on_error: 'repair' },
    { id: 'repair', action: 'repair' },
  ]),
  one('pays', [
    { id: 'pay', action: 'pay' },
    { id: 'b', action: 'b' },
  ]),
  {
    ...one('pays_once', [
      { id: 'pay', action: 'pay', on_interrupt: 'fail' },
      { id: 'b', action: 'b' },
    ]),
    mayBeInterrupted: true,
  },
  one('remote', [
    { id: 'job', action: 'job' },
    { id: 'b', action: 'b' },
  ]),
  one(
    'undone',
    [
      { id: 'a', action: 'a', compensate: { id: 'undo_a', type: 'tool', server: 's', action: 'undo' } },
      {
        id: 'each',
        type: 'foreach',
        items: ['x', 'y'],
        steps: [
          {
            id: 'book',
            action: 'book',
            compensate: {
              id: 'unbook',
              type: 'tool',
              server: 's',
              action: 'flaky',
              arguments: { item: '{{item}}' },
              retry: { max_attempts: 3, delay_seconds: 1 },
            },
          },
        ],
      },
      { id: 'bad', action: 'bad' },
    ],
    { finally: [{ id: 'last', type: 'emit', message: 'over' }] },
  ),
  one(
    'over_budget',
    [
      { id: 'a', action: 'a' },
      { id: 'bad', action: 'bad', retry: { max_attempts: 2, delay_seconds: 1 }, can_fail_safely: true },
      { id: 'c', action: 'c' },
    ],
    { budget: { tool_calls: 3 } },
  ),
  {
    ...one('remembers', [
      {
        id: 'poll',
        type: 'loop',
        max_iterations: 3,
        steps: [{ id: 'look', action: 'look', arguments: { where: 'here' }, cache_seconds: 600 }],
      },
      { id: 'b', action: 'b' },
    ]),
    mayCallAnew: 'look',
  },
  {
    name: 'lines',
    definitions: [
      definitionOf(
        [
          {
            id: 'both',
            type: 'parallel',
            branches: {
              left: [{ id: 'l', type: 'workflow', workflow: 'in_line', input: { n: 1 } }],
              right: [{ id: 'r', type: 'workflow', workflow: 'in_line', input: { n: 2 } }],
            },
          },
        ],
        { name: 'lines' },
      ),
      definitionOf([{ id: 'c', action: 'c', arguments: { n: '{{input.n}}' } }], {
        name: 'in_line',
        concurrency: { limit: 1, on_conflict: 'queue' },
      }),
    ],
  },
  one('nested', [
    {
      id: 'g',
      type: 'group',
      steps: [
        { id: 'a', action: 'a' },
        {
          id: 'p',
          type: 'parallel',
          depends_on: ['a'],
          branches: {
            left: [
              {
                id: 'each',
                type: 'foreach',
                items: ['x', 'y'],
                max_concurrency: 2,
                steps: [
                  {
                    id: 't',
                    type: 'try',
                    steps: [{ id: 'bad', action: 'bad', retry: { max_attempts: 2, delay_seconds: 1 } }],
                    catch: [{ steps: [{ id: 'c', action: 'c' }] }],
                  },
                ],
              },
            ],
            right: [{ id: 'nap', type: 'wait', seconds: 2 }],
          },
        },
      ],
    },
  ]),
  {
    ...one('cancelled', [
      { id: 'a', action: 'a', compensate: { id: 'undo', type: 'tool', server: 's', action: 'undo' } },
      { id: 'h', action: 'hang' },
      { id: 'never', action: 'never' },
    ]),
    client: 'cancels',
  },
  {
    ...one('resumed', [
      { id: 'a', action: 'a' },
      { id: 'b', action: 'repaired' },
      { id: 'c', action: 'c' },
    ]),
    client: 'resumes',
  },
];

/** The tools behind them. `flaky` fails the first call of each step; `repaired` fails until `luck`. */
export function prepare(downstream: FakeDownstream, luck: () => boolean): void {
  const seen = (key: string): number => downstream.calls.filter((call) => call.key === key).length;
  downstream.tools['flaky'] = (_args, { idempotencyKey }) =>
    seen(idempotencyKey) === 1 ? toolError('busy') : text('fine');
  downstream.tools['bad'] = () => toolError('broken');
  downstream.tools['repaired'] = () => (luck() ? text('fine') : toolError('broken'));
  downstream.tools['hang'] = (_args, { signal }) =>
    new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    });
  downstream.tools['job'] = async (_args, context) => {
    if (context.handle === undefined) await context.onHandle?.({ job: 1 });
    return text('worked');
  };
  for (const tool of ['pay', 'job']) downstream.repeatable[tool] = 'unknown';
}
