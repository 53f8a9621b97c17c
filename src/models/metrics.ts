import { labelValue, metricText } from '../core/metrics-text.ts';
import type { ModelUsage } from '../engine/ports.ts';

interface Count {
  turns: number;
  failed: number;
  input: number;
  output: number;
  usd: number;
}

/**
 * Counts the turns of models by workflow and model, and writes them as Prometheus text. Of this process, since it
 * began.
 */
export class ModelMetrics {
  readonly #counts = new Map<string, Count>();

  answered(model: string, workflow: string, { input_tokens: input, output_tokens: output, usd = 0 }: ModelUsage): void {
    const count = this.#of(model, workflow);
    count.turns += 1;
    count.input += input;
    count.output += output;
    count.usd += usd;
  }

  failed(model: string, workflow: string): void {
    this.#of(model, workflow).failed += 1;
  }

  /** Lines of `/metrics` (exposition format 0.0.4); empty before the first turn. */
  text(): string {
    if (this.#counts.size === 0) return '';
    const samples = (read: (count: Count) => number): (readonly [string, number])[] =>
      [...this.#counts].map(([labels, count]) => [`{${labels}}`, read(count)]);
    const withWay = (way: string, read: (count: Count) => number): (readonly [string, number])[] =>
      [...this.#counts].map(([labels, count]) => [`{${labels},direction="${way}"}`, read(count)]);
    return [
      metricText(
        'mcp_workflow_model_turns_total',
        'counter',
        'Turns that models answered.',
        samples(({ turns }) => turns),
      ),
      metricText(
        'mcp_workflow_model_failures_total',
        'counter',
        'Turns that were made and not answered.',
        samples(({ failed }) => failed),
      ),
      metricText('mcp_workflow_model_tokens_total', 'counter', 'Tokens of models.', [
        ...withWay('input', ({ input }) => input),
        ...withWay('output', ({ output }) => output),
      ]),
      metricText(
        'mcp_workflow_model_usd_total',
        'counter',
        'US dollars for models that have a price.',
        samples(({ usd }) => Number(usd.toFixed(9))),
      ),
    ].join('');
  }

  #of(model: string, workflow: string): Count {
    const labels = `workflow="${labelValue(workflow)}",model="${labelValue(model)}"`;
    const count = this.#counts.get(labels) ?? { turns: 0, failed: 0, input: 0, output: 0, usd: 0 };
    this.#counts.set(labels, count);
    return count;
  }
}
