import type { Failure } from '../core/failure.ts';
import { isJsonObject, type JsonValue } from '../core/json.ts';
import type { Journal, StoredEntry } from './journal.ts';
import type { BoundNode } from './kind.ts';
import { notePath } from './paths.ts';
import type { Downstream, Repeatability, RunPorts } from './ports.ts';

/** What to do with an attempt that was in flight when the process died (D4). */
export type Resolution =
  { readonly next: 'again' } | { readonly next: 'skip' } | { readonly next: 'fail'; readonly failure: Failure };

/**
 * What is known about repeating a step. Only kinds that act on the outside world without a checkpoint of their own have
 * the question at all; for them the step's own word comes first, then what the kind knows.
 */
function repeatabilityOf(
  node: BoundNode,
  downstream: Downstream,
  signal: AbortSignal,
): Repeatability | Promise<Repeatability> {
  if (node.bound.repeatability === undefined) return 'idempotent';
  if (node.step.idempotent !== undefined) return node.step.idempotent ? 'idempotent' : 'unknown';
  return node.bound.repeatability(downstream, signal);
}

/**
 * Whether an attempt has to leave its intent before it acts: where repeating it is not known to be safe, and where the
 * author has said that a crash is to be asked about or reported, also of what is safe.
 */
export async function needsIntent(node: BoundNode, downstream: Downstream, signal: AbortSignal): Promise<boolean> {
  if (node.bound.repeatability === undefined) return false;
  const policy = node.step.on_interrupt;
  if (policy === 'ask' || policy === 'fail') return true;
  return (await repeatabilityOf(node, downstream, signal)) === 'unknown';
}

/**
 * Decides by `on_interrupt`; without it: again where repeating is known to be safe, else ask. Where nobody can answer
 * it fails. The question belongs to this one interruption (its path carries the journal number of the intent), so a
 * second interruption of the same step asks again, and a restart while it waits finds the question it asked.
 */
export async function resolveInterruption(
  node: BoundNode,
  started: Extract<StoredEntry, { type: 'started' }>,
  { downstream, input: gate, journal }: Pick<RunPorts, 'downstream' | 'input' | 'journal'>,
  signal: AbortSignal,
): Promise<Resolution> {
  const what = stopped(journal, started);
  const safe = (await repeatabilityOf(node, downstream, signal)) !== 'unknown';
  const wanted = node.step.on_interrupt ?? (safe ? 'retry' : 'ask');
  const policy = wanted === 'ask' && !mayAsk(gate, node) ? 'fail' : wanted;
  switch (policy) {
    case 'retry':
      return { next: 'again' };
    case 'fail':
      return { next: 'fail', failure: interrupted(node, started.attempt, what) };
    case 'ask': {
      const answer = await gate.ask(notePath(started.path, `interrupted-${started.seq}`), question(node, what), {
        signal,
      });
      switch (chosen(answer)) {
        case 'run_again':
          return { next: 'again' };
        case 'skip':
          return { next: 'skip' };
        default:
          return { next: 'fail', failure: interrupted(node, started.attempt, what) };
      }
    }
  }
}

/** Whom the author wants asked is asked where that is not known to be impossible; else somebody must be there. */
function mayAsk(gate: RunPorts['input'], node: BoundNode): boolean {
  const can = gate.canAsk?.();
  return node.step.on_interrupt === 'ask' ? can !== false : can === true;
}

/**
 * What stopped while it ran: where the task was resumed since, it had come to its end first, and no process needs to
 * have died.
 */
function stopped(journal: Journal, { seq }: StoredEntry): string {
  for (const entry of journal.entries()) if (entry.type === 'resumed' && entry.seq > seq) return 'task';
  return 'process';
}

function interrupted(node: BoundNode, attempt: number, what: string): Failure {
  return {
    code: 'interrupted',
    message: `the ${what} stopped during attempt ${attempt}; whether it took effect is unknown`,
    step: node.id,
  };
}

function question(
  node: BoundNode,
  what: string,
): {
  readonly method: string;
  readonly params: { readonly [key: string]: JsonValue };
} {
  const about = node.bound.about === undefined ? '' : ` (${node.bound.about})`;
  return {
    method: 'elicitation/create',
    params: {
      mode: 'form',
      message: `Step '${node.id}'${about} was running when the ${what} stopped. It may or may not have taken effect. What now?`,
      requestedSchema: {
        type: 'object',
        properties: {
          action: {
            type: 'string',
            title: 'What to do',
            description:
              'run_again: make the call again. fail: treat the step as failed. skip: go on without a result.',
            enum: ['run_again', 'fail', 'skip'],
          },
        },
        required: ['action'],
      },
    },
  };
}

function chosen(answer: JsonValue | undefined): JsonValue | undefined {
  if (!isJsonObject(answer) || answer['action'] !== 'accept') return undefined;
  const content = answer['content'];
  return isJsonObject(content) ? content['action'] : undefined;
}
