import type { Clock } from '../core/clock.ts';
import type { JsonObject } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import { isPlannerTool } from './arguments.ts';
import { intentOf } from './keys.ts';
import { PLANNER_LIMITS, type PlannerLimits } from './limits.ts';
import { PlannerMetrics, type CallEnd } from './metrics.ts';
import { operate } from './operations.ts';
import { PlanStore } from './plan-store.ts';
import type { PlanReaderDeps } from './plan-reader.ts';
import { PlannerRefusal } from './refusal.ts';
import { PLANNER_TOOLS, type PlannerToolDescriptor } from './tools.ts';

/**
 * Who calls. Without `listsAll` several people are the same principal, and none of them may see what another has
 * planned.
 */
export interface PlannerCaller {
  readonly principal: string;
  readonly listsAll: boolean;
}

const NOT_TOLD_APART =
  'The planner is closed to callers that cannot be told apart: its ids can be guessed. Configure bearer tokens (setting "tokens")';

/**
 * The planner: requests, their tasks and approvals, by the ten tools of seed 002. An answer is given once its change is
 * on the disk. It holds nothing in memory but the calls that run, so a crash loses nothing that was answered, and
 * several processes on one store see the same.
 */
export class Planner {
  readonly tools: readonly PlannerToolDescriptor[] = PLANNER_TOOLS;
  readonly #plans: PlanStore;
  readonly #clock: Clock;
  readonly #metrics = new PlannerMetrics();

  constructor(deps: PlanReaderDeps & { readonly clock: Clock; readonly limits?: PlannerLimits }) {
    this.#plans = new PlanStore({ limits: PLANNER_LIMITS, ...deps });
    this.#clock = deps.clock;
  }

  /** Lines of `/metrics`. */
  metrics(): string {
    return this.#metrics.text();
  }

  /**
   * The answer of a tool as the seed's HTTP interface gives it. `key`: an idempotency key; the same call with the same
   * key changes nothing more and is answered with the request as it is then. Rejects with `PlannerRefusal`, or with
   * `StoreError`: whether a change was made is not known then.
   */
  async answer(tool: string, args: JsonObject, caller: PlannerCaller, key?: string): Promise<JsonObject> {
    if (!isPlannerTool(tool)) throw new PlannerRefusal('not_found', `Unknown tool: ${tool}`);
    const began = this.#clock.monotonic();
    let end: CallEnd = 'failed';
    try {
      if (!caller.listsAll) throw new PlannerRefusal('not_allowed', NOT_TOLD_APART);
      const answer = await operate(tool, args, {
        plans: this.#plans,
        principal: caller.principal,
        ...(key === undefined ? {} : { intent: intentOf(tool, key, args) }),
      });
      end = 'answered';
      return answer;
    } catch (error) {
      if (error instanceof PlannerRefusal) end = 'refused';
      throw error;
    } finally {
      this.#metrics.ended(tool, end, this.#clock.monotonic() - began);
    }
  }

  /** The same as a tool result; a refusal is one with `isError`, for a model to read. */
  async call(tool: string, args: JsonObject, caller: PlannerCaller, key?: string): Promise<ToolResult> {
    try {
      const value = await this.answer(tool, args, caller, key);
      return { content: [{ type: 'text', text: JSON.stringify(value) }], structuredContent: value };
    } catch (error) {
      if (!(error instanceof PlannerRefusal)) throw error;
      return { content: [{ type: 'text', text: error.message }], isError: true };
    }
  }
}
