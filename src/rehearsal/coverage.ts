import type { Definition, Step } from '../definition/model.ts';
import type { StoredEntry } from '../engine/journal.ts';
import type { StepKindTable } from '../engine/kind.ts';
import { lastSegment, notePath } from '../engine/paths.ts';
import { conditionalPlace } from '../engine/targets.ts';

/** How much of one definition its tests ran through. */
export interface Coverage {
  readonly steps: Covered;
  readonly branches: Covered;
}

export interface Covered {
  readonly total: number;
  readonly covered: number;
  readonly missing: readonly string[];
}

/** What one run left behind: its journal, and the steps that began. */
export interface CoveredRun {
  readonly entries: readonly StoredEntry[];
  readonly ran: ReadonlySet<string>;
}

/** A place where a run goes one way or another, and how to see in a journal that it went this way. */
interface Branch {
  readonly name: string;
  taken(entries: readonly StoredEntry[]): boolean;
}

/**
 * Steps: every step at any depth; one counts when it ran (a skipped one did not). Branches: both sides of `when` and of
 * each conditional, each case of a `switch` (and none of them), each `catch`, each error target.
 */
export function coverageOf(definition: Definition, kinds: StepKindTable, runs: readonly CoveredRun[]): Coverage {
  const steps = [...stepsOf(definition, kinds)];
  // What the end of the task cuts short leaves no entry behind, and has run all the same.
  const ran = new Set(runs.flatMap((run) => [...run.ran]));
  const branches = branchesOf(definition, steps, kinds);
  return {
    steps: covered(
      steps.map(({ id }) => id),
      (id) => ran.has(id),
    ),
    branches: covered(
      branches.map(({ name }) => name),
      (_name, index) => runs.some(({ entries }) => branches[index]?.taken(entries) === true),
    ),
  };
}

function covered(names: readonly string[], has: (name: string, index: number) => boolean): Covered {
  const missing = names.filter((name, index) => !has(name, index));
  return { total: names.length, covered: names.length - missing.length, missing };
}

/** Every step of a definition, at any depth, document order; what undoes a step comes after it. */
export function* stepsOf(definition: Definition, kinds: StepKindTable): Iterable<Step> {
  yield* walk(definition.steps, kinds);
  for (const clause of definition.catch ?? []) yield* walk(clause.steps, kinds);
  yield* walk(definition.finally ?? [], kinds);
}

function* walk(steps: readonly Step[], kinds: StepKindTable): Iterable<Step> {
  for (const step of steps) {
    yield step;
    for (const block of kinds.get(step.type)?.blocks(step) ?? []) yield* walk(block.steps, kinds);
    if (step.compensate !== undefined) yield* walk([step.compensate], kinds);
  }
}

function branchesOf(definition: Definition, steps: readonly Step[], kinds: StepKindTable): readonly Branch[] {
  const ids = new Set(steps.map(({ id }) => id));
  return [
    ...steps.flatMap((step) => [...whenBranches(step), ...blockBranches(step, kinds), ...errorBranches(step, kinds)]),
    ...definition.conditionals.flatMap(({ name }) => {
      const note = notePath(conditionalPlace(name, ids), 'if');
      return [true, false].map((side) => ({
        name: `conditional ${name}: ${side ? 'true' : 'false'}`,
        taken: someEntry(
          (entry) => entry.type === 'decision' && entry.value === side && lastSegment(entry.path) === note,
        ),
      }));
    }),
    ...(definition.catch ?? []).flatMap((clause, index) => ranBranch(`catch[${index}]`, clause.steps)),
  ];
}

function whenBranches(step: Step): readonly Branch[] {
  if (step.when === undefined) return [];
  return [
    { name: `${step.id}: when true`, taken: someFinished(step.id, ranAtAll) },
    { name: `${step.id}: when false`, taken: someFinished(step.id, (entry) => entry.result.status === 'skipped') },
  ];
}

/** Blocks that stand under a key of alternatives; `steps` and the like always run. */
const ALTERNATIVES: ReadonlySet<string | number> = new Set(['cases', 'default', 'catch']);

function blockBranches(step: Step, kinds: StepKindTable): readonly Branch[] {
  const blocks = kinds.get(step.type)?.blocks(step) ?? [];
  const branches = blocks
    .filter(({ at: [key] }) => key !== undefined && ALTERNATIVES.has(key))
    .flatMap(({ at: [key, index], steps }) => {
      const place = typeof index === 'number' ? `${String(key)}[${index}]` : String(key);
      return ranBranch(`${step.id}: ${place}`, steps);
    });
  if (kinds.get(step.type)?.mayChooseNone?.(step) !== true) return branches;
  const none = someFinished(step.id, ({ result }) => result.status === 'completed' && result.view?.['case'] === null);
  return [...branches, { name: `${step.id}: no case`, taken: none }];
}

/** An empty block leaves nothing to see and is not asked for. */
function ranBranch(name: string, steps: readonly Step[]): readonly Branch[] {
  const ids = new Set(steps.map(({ id }) => id));
  if (ids.size === 0) return [];
  return [{ name, taken: someEntry((entry) => finished(entry) && ids.has(entry.step)) }];
}

function errorBranches(step: Step, kinds: StepKindTable): readonly Branch[] {
  const words: readonly unknown[] = kinds.get(step.type)?.onErrorWords ?? [];
  const target = step.retry?.on_fail ?? (words.includes(step.on_error) ? undefined : step.on_error);
  if (target === undefined) return [];
  const failed = someFinished(step.id, (entry) => entry.result.status === 'failed');
  return [{ name: `${step.id}: failed`, taken: failed }];
}

type Finished = Extract<StoredEntry, { type: 'finished' }>;

function finished(entry: StoredEntry): entry is Finished {
  return entry.type === 'finished';
}

function ranAtAll({ result }: Finished): boolean {
  return result.attempts > 0;
}

function someEntry(fits: (entry: StoredEntry) => boolean): Branch['taken'] {
  return (entries) => entries.some(fits);
}

function someFinished(step: string, fits: (entry: Finished) => boolean): Branch['taken'] {
  return someEntry((entry) => finished(entry) && entry.step === step && fits(entry));
}
