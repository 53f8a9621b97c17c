import { grouped } from './grouped.ts';
import { KINDS, LEDGER, PATIENT } from './grower.ts';
import { planOf } from './left.ts';
import type { Plan } from './left.ts';
import { randomWorkflow } from './random-workflow.ts';

const TOURS = 4;

/** The workflows of a round. */
export interface Workflows {
  /** What the clients call; the others are only started by these. */
  readonly called: readonly string[];
  readonly definitions: Readonly<Record<string, string>>;
  readonly plans: ReadonlyMap<string, Plan>;
}

/**
 * Two children that complete and one that fails; what the clients call: tours through all that there is, one workflow
 * that fails, and some others.
 */
export function grow(random: () => number): Workflows {
  const calm = [0, 1].map((index) => randomWorkflow({ name: `calm_${index}`, random, end: 'calm' }));
  const failing = [randomWorkflow({ name: 'failing', random, end: 'failing' })];
  const children = { calm, failing };
  const called = [
    ...tours(random).map((tour, index) =>
      randomWorkflow({ name: `tour_${index}`, random, end: 'any', children, tour }),
    ),
    randomWorkflow({ name: 'fails', random, end: 'failing', children }),
    ...[0, 1, 2].map((index) => randomWorkflow({ name: `any_${index}`, random, end: 'any', children })),
  ];
  const counts = { name: 'counts', json: JSON.stringify(COUNTS) };
  const all = [...calm, ...failing, ...called, counts];
  return {
    called: [...called, counts].map(({ name }) => name),
    definitions: Object.fromEntries(all.map(({ name, json }) => [`${name}.json`, json])),
    plans: new Map(all.map(({ name, json }) => [name, planOf(name, json)])),
  };
}

/** One run after the other, each with the number that follows the one before: none is given twice. */
const COUNTS = {
  name: 'counts',
  task: 'required',
  concurrency: { limit: 1, on_conflict: 'queue' },
  variables: { input: { k: 0 }, saved: { runs: 0 } },
  steps: [
    { id: 'first', type: 'set', values: { k: '{{input.k}}' } },
    {
      id: 'count',
      type: 'tool',
      server: LEDGER,
      action: 'effect',
      arguments: { task: '{{task.id}}', label: 'count' },
      idempotent: true,
      retry: PATIENT,
    },
    { id: 'up', type: 'set', add: { 'variables.saved.runs': 1 } },
  ],
  output: { runs: '{{saved.runs}}' },
};

/** All that there is, in any order, in parts; what ends a task stands last. */
function tours(random: () => number): readonly (readonly string[])[] {
  const mixed = KINDS.map((kind) => ({ kind, at: random() })).sort((one, other) => one.at - other.at);
  const parts = grouped(mixed.entries(), ([index]) => index % TOURS);
  return [...parts.values()].map((part) =>
    part.map(([, { kind }]) => kind).sort((one, other) => Number(one === 'succeed') - Number(other === 'succeed')),
  );
}
