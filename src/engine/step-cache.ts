import { createHash } from 'node:crypto';
import { z } from 'zod';
import { StepFailure } from '../core/failure.ts';
import { canonicalJson, type JsonValue } from '../core/json.ts';
import type { Step } from '../definition/model.ts';
import { commonStepFields } from '../definition/schema/step-fields.ts';
import type { StepResult } from './journal.ts';
import type { BoundNode } from './kind.ts';
import type { Run } from './run.ts';
import type { Scope } from './scope.ts';

/** Keys that say when and how often a step runs, not what it does. */
const COMMON: ReadonlySet<string> = new Set(Object.keys(commonStepFields(z.custom<Step>())));

/**
 * `cache_seconds`: a step that was done with the same inputs a short while ago is not done again. Only results of steps
 * that completed are kept, only of steps that hold no steps themselves (what those leave behind is more than their own
 * result), and never what an interruption left open.
 */
export class StepCache {
  readonly #run: Run;

  constructor(run: Run) {
    this.#run = run;
  }

  /**
   * What a result is kept under: the step's id, kind and rendered inputs. `undefined`: nothing is kept. Inputs that
   * cannot be rendered are the attempt's to report.
   */
  async keyOf(node: BoundNode, scope: Scope, path: string): Promise<string | undefined> {
    const { step, kind } = node;
    if (step.cache_seconds === undefined || this.#run.ports.cache === undefined || kind.blocks(step).length > 0)
      return undefined;
    // A step is JSON; its interface only lacks the index signature of it.
    const own = Object.entries(step).filter(([key]) => !COMMON.has(key)) as unknown as [string, JsonValue][];
    try {
      const inputs = await this.#run.render(Object.fromEntries(own), scope, path);
      return createHash('sha256')
        .update(canonicalJson([node.id, kind.type, inputs]))
        .digest('hex');
    } catch (error) {
      if (error instanceof StepFailure) return undefined;
      throw error;
    }
  }

  /** The checkpoint that a kept result makes: completed, without an attempt, `cached`. */
  async find(node: BoundNode, key: string): Promise<StepResult | undefined> {
    const kept = await this.#run.ports.cache?.get(key, (node.step.cache_seconds ?? 0) * 1000);
    if (kept === undefined) return undefined;
    return { status: 'completed', output: kept.output, view: { ...kept.view, cached: true }, attempts: 0 };
  }

  /** Keeps the result of a step that has completed. */
  async keep(node: BoundNode, key: string, { output, view }: StepResult): Promise<void> {
    if (view?.['interrupted'] === true) return;
    const ms = (node.step.cache_seconds ?? 0) * 1000;
    await this.#run.ports.cache?.put(key, { output, ...(view === undefined ? {} : { view }) }, ms);
  }
}
