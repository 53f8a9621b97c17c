import type { StoredEntry, Usage } from '../engine/journal.ts';
import { stepPath } from './journal-state.ts';
import type { ModelUse, TaskInside } from './task.ts';

/**
 * What a task has used, in all and, of models, by step path; steps that asked none are missing. Each entry says what
 * was used with it and no other.
 */
export function usageIn(entries: Iterable<StoredEntry>): {
  readonly usage: TaskInside['usage'];
  readonly ofStep: ReadonlyMap<string, ModelUse>;
} {
  let calls = 0;
  const whole = new ModelTally();
  const ofStep = new Map<string, ModelTally>();
  for (const entry of entries) {
    if (!('used' in entry) || entry.used === undefined) continue;
    calls += entry.used.tool_calls ?? 0;
    whole.add(entry.used);
    const at = stepPath(entry.path);
    const own = ofStep.get(at) ?? new ModelTally();
    ofStep.set(at, own);
    own.add(entry.used);
  }
  const asked = [...ofStep].filter(([, tally]) => !tally.isEmpty);
  return {
    usage: { tool_calls: calls, ...whole.use },
    ofStep: new Map(asked.map(([at, tally]) => [at, tally.use])),
  };
}

/** Sums what models used. Dollars are there once something had a price. */
class ModelTally {
  #tokens = 0;
  #usd: number | undefined;

  get isEmpty(): boolean {
    return this.#tokens === 0 && this.#usd === undefined;
  }

  get use(): ModelUse {
    // Sums of dollars have digits that mean nothing.
    return { tokens: this.#tokens, ...(this.#usd === undefined ? {} : { usd: Number(this.#usd.toFixed(9)) }) };
  }

  add(used: Partial<Usage> = {}): void {
    this.#tokens += used.tokens ?? 0;
    if (used.usd !== undefined) this.#usd = (this.#usd ?? 0) + used.usd;
  }
}
