import type { Definition, Step } from '../definition/model.ts';
import type { StepSyntaxTable } from '../definition/step-syntax.ts';
import type { DefinitionSource, FactsLookup, ToolFacts } from './deps.ts';
import type { ToolAnnotations } from './tool-descriptor.ts';

/** What the derivation reads. */
export interface AnnotationSources {
  readonly facts: FactsLookup;
  readonly syntaxes: StepSyntaxTable;
  readonly definitions: Pick<DefinitionSource, 'get'>;
}

/** Nothing is done to the world and nothing outside is read. */
const HARMLESS: ToolAnnotations = {
  readOnlyHint: true,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
};

/** Reads from a server we know nothing of. */
const READS: ToolAnnotations = { ...HARMLESS, openWorldHint: true };

/** What is not known is taken to be all of it. */
const WORST: ToolAnnotations = {
  readOnlyHint: false,
  destructiveHint: true,
  idempotentHint: false,
  openWorldHint: true,
};

/**
 * Annotations of a workflow, derived from everything any of its paths may run, fail-closed: read-only and idempotent
 * only if every step is, destructive and open-world if any step is or is unknown. A kind or a child workflow that is
 * not known counts as the worst.
 */
export function deriveAnnotations(definition: Definition, sources: AnnotationSources): ToolAnnotations {
  const walk = new Walk(sources);
  walk.workflow(definition);
  return walk.total;
}

class Walk {
  readonly #sources: AnnotationSources;
  readonly #seen = new Set<string>();
  total: ToolAnnotations = HARMLESS;

  constructor(sources: AnnotationSources) {
    this.#sources = sources;
  }

  workflow(definition: Definition): void {
    // A workflow that is reached again, also by recursion, has been counted already.
    if (this.#seen.has(definition.name)) return;
    this.#seen.add(definition.name);
    this.#steps(definition.steps);
    this.#steps(definition.finally ?? []);
    for (const clause of definition.catch ?? []) this.#steps(clause.steps);
  }

  #steps(steps: readonly Step[]): void {
    for (const step of steps) this.#step(step);
  }

  #step(step: Step): void {
    this.#add(this.#own(step));
    if (step.compensate !== undefined) this.#step(step.compensate);
    for (const block of this.#sources.syntaxes.get(step.type)?.blocks(step) ?? []) this.#steps(block.steps);
  }

  /** The step by itself, without its blocks. */
  #own(step: Step): ToolAnnotations {
    const syntax = this.#sources.syntaxes.get(step.type);
    if (syntax?.effect === 'none') return HARMLESS;
    if (syntax?.effect === 'reads') return READS;
    const call = syntax?.call?.(step);
    if (call === undefined) return WORST;
    return 'workflow' in call.of ? this.#child(call.of.workflow) : this.#tool(step, call.of);
  }

  #tool(step: Step, { server, tool }: { readonly server: string; readonly tool: string }): ToolAnnotations {
    const hints = fromFacts(this.#sources.facts(server, tool) ?? {});
    return step.idempotent === undefined ? hints : { ...hints, idempotentHint: step.idempotent };
  }

  #child(name: string): ToolAnnotations {
    const child = this.#sources.definitions.get(name);
    if (child === undefined) return WORST;
    this.workflow(child.definition);
    return HARMLESS;
  }

  #add(hints: ToolAnnotations): void {
    this.total = {
      readOnlyHint: this.total.readOnlyHint && hints.readOnlyHint,
      destructiveHint: this.total.destructiveHint || hints.destructiveHint,
      idempotentHint: this.total.idempotentHint && hints.idempotentHint,
      openWorldHint: this.total.openWorldHint || hints.openWorldHint,
    };
  }
}

function fromFacts(facts: ToolFacts): ToolAnnotations {
  const readOnly = facts.readOnly === true;
  return {
    readOnlyHint: readOnly,
    destructiveHint: !readOnly && facts.destructive !== false,
    idempotentHint: readOnly || facts.idempotent === true,
    openWorldHint: facts.openWorld !== false,
  };
}
