import type { PlainStep } from '../support/engine-world.ts';

/** What one run does at most: steps, seconds when nothing goes wrong, questions. */
export interface Cost {
  readonly steps: number;
  readonly seconds: number;
  readonly questions: number;
}

const NOTHING: Cost = { steps: 0, seconds: 0, questions: 0 };

function sum(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (total, cost) => ({
      steps: total.steps + cost.steps,
      seconds: total.seconds + cost.seconds,
      questions: total.questions + cost.questions,
    }),
    NOTHING,
  );
}

function times(cost: Cost, factor: number): Cost {
  return { steps: cost.steps * factor, seconds: cost.seconds * factor, questions: cost.questions * factor };
}

/** At most, and as if nothing ran at the same time. */
export function costOf(definition: object, children: ReadonlyMap<string, Cost>): Cost {
  return sum(stepsIn(definition).map((step) => costOfStep(step, children)));
}

function costOfStep(step: PlainStep, children: ReadonlyMap<string, Cost>): Cost {
  const inside = costOf(step, children);
  const rounds =
    step.type === 'loop' ? Number(step['max_iterations']) : Array.isArray(step['items']) ? step['items'].length : 1;
  const attempts = inside.steps > 0 && step['retry'] !== undefined ? 2 : 1;
  return sum([ownCost(step, children), times(inside, rounds * attempts)]);
}

function ownCost(step: PlainStep, children: ReadonlyMap<string, Cost>): Cost {
  switch (step.type) {
    case 'tool':
    case 'resource':
    case 'prompt':
      return { steps: 1, seconds: 0.05 + Number(step['timeout_seconds'] ?? 0), questions: 0 };
    case 'wait':
      return { steps: 1, seconds: Number(step['seconds'] ?? 0), questions: 0 };
    case 'elicit':
      return { steps: 1, seconds: String(step['message']).startsWith('silent') ? 1 : 0.1, questions: 1 };
    case 'llm':
    case 'roots':
      return { steps: 1, seconds: 0.1, questions: 1 };
    case 'workflow':
      return children.get(String(step['workflow'])) ?? NOTHING;
    default:
      return { steps: 1, seconds: 0, questions: 0 };
  }
}

/** The steps that stand directly in a definition, a step or a clause of one, in the order of its text. */
export function stepsIn(value: unknown): readonly PlainStep[] {
  if (Array.isArray(value)) return value.flatMap((one) => (isStep(one) ? [one] : stepsIn(one)));
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap((member) => (isStep(member) ? [member] : stepsIn(member)));
}

/** Every step of a definition by its id, at any depth. */
export function allSteps(definition: unknown): ReadonlyMap<string, PlainStep> {
  const found = new Map<string, PlainStep>();
  const walk = (value: unknown): void => {
    for (const step of stepsIn(value)) {
      found.set(step.id, step);
      walk(step);
    }
  };
  walk(definition);
  return found;
}

function isStep(value: unknown): value is PlainStep {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string' && 'type' in value
  );
}
