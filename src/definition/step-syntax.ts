import type { z } from 'zod';
import type { JsonValue } from '../core/json.ts';
import type { Step } from './model.ts';

/**
 * A list of child steps inside a step, with the name it has in step paths (`null`: children follow the step's own id
 * directly).
 */
export interface Block {
  /** Where it stands in the step, as document path segments, e.g. `['cases', 0, 'steps']`. */
  readonly at: readonly (string | number)[];
  readonly steps: readonly Step[];
  /**
   * `iteration`: the block runs many times, each in a scope of its own. `once`: at most once, in the enclosing scope.
   */
  readonly runs: 'once' | 'iteration';
  /** Names in scope inside this block only, e.g. `item`. */
  readonly binds?: readonly string[];
  /**
   * `graph`: its steps may say `depends_on`. `any`: each of them is a branch of its own. Absent: one after the other.
   */
  readonly order?: 'graph' | 'any';
  /** Blocks of one step with a lower number come before those with a higher one. */
  readonly part?: number;
}

/** What a template or condition position in a step may contain, for reference checks. */
export interface ExpressionPosition {
  readonly at: readonly (string | number)[];
  readonly as: 'template' | 'condition';
  /** Evaluated in the scope inside this step's iteration block (a loop's `until`). */
  readonly inside?: boolean;
}

/** What the output of a completed step can be, as far as its text says. */
export type OutputFact =
  | { readonly is: 'schema'; readonly schema: JsonValue }
  /** The value, rendered. */
  | { readonly is: 'template'; readonly value: JsonValue }
  /** What the tool says. */
  | { readonly is: 'tool'; readonly server: string; readonly tool: string }
  | { readonly is: 'workflow'; readonly name: string }
  /** By name, the output of the last step that ran in each of these lists. */
  | { readonly is: 'members'; readonly members: ReadonlyMap<string, readonly Step[]> }
  /** A list of them: the output of the last step that ran, for each item; `.items` says more of each. */
  | { readonly is: 'items'; readonly steps: readonly Step[] };

/** A call that a step makes: of a tool, or of another workflow. */
export interface CallFact {
  readonly of: { readonly server: string; readonly tool: string } | { readonly workflow: string };
  /** Where the name stands in the step. */
  readonly at: readonly (string | number)[];
  /** The key of its arguments; absent in the step = none. */
  readonly argumentsKey: string;
}

/** Why a step can never do what it is for, though each of its keys is well formed. */
export interface StepProblem {
  readonly at: readonly (string | number)[];
  readonly code: 'missing_key' | 'invalid_value' | 'invalid_type' | 'invalid_time' | 'invalid_schema' | 'endless_loop';
  readonly message: string;
  readonly hint?: string;
}

/**
 * The syntax of one step kind, as `definition` sees it. `steps/` provides the table; `definition` receives it as an
 * argument, so that it knows how to read a kind and never what the kind does. `blocks`, `expressions`, `servers` and
 * `targets` are also called on steps that do not fit `fields` (so that every issue is found in one pass) and then
 * return what can be read.
 */
export interface StepSyntax {
  readonly type: string;
  /**
   * What it does outside by itself, the steps inside it aside. `none`: it computes, waits, speaks, or asks a person.
   * `reads`: it asks and changes nothing. `acts`: what its `call` does; a call that is not known may do anything.
   */
  readonly effect: 'none' | 'reads' | 'acts';
  /** A step without `type` is of this kind. */
  readonly isDefault?: boolean;
  /** Nothing that stands behind it in its list runs. */
  readonly leaves?: boolean;
  /** Behind it the names of its iterations mean the last one. */
  readonly lastStays?: boolean;
  /** It asks a person; the key of its form. */
  readonly formKey?: string;
  /** It may end with none of its blocks chosen. */
  readonly mayChooseNone?: (step: Step) => boolean;
  /**
   * The keys of this kind beside the common ones, each with `.describe(…)` (they become the reference and the editor's
   * help).
   */
  readonly fields: (step: z.ZodType<Step>) => z.ZodRawShape;
  /** Child blocks in document order; empty for a leaf. */
  readonly blocks: (step: Step) => readonly Block[];
  /** Keys of this kind that hold templates or conditions. */
  readonly expressions: (step: Step) => readonly ExpressionPosition[];
  /** Downstream servers the step names, where they stand. */
  readonly servers: (step: Step) => readonly { readonly name: string; readonly at: readonly (string | number)[] }[];
  /** Present: the step asks a model. The models that it names, where they stand; it may name none. */
  readonly models?: (step: Step) => readonly { readonly name: string; readonly at: readonly (string | number)[] }[];
  /** Other names that must be written out, where they stand: no template is rendered in them. */
  readonly fixed?: (step: Step) => readonly { readonly name: string; readonly at: readonly (string | number)[] }[];
  /**
   * Steps that this kind runs by id beside the common `on_error` and `retry.on_fail` (an `elicit` step's `on_decline`,
   * …): targets as in rule 7.
   */
  readonly targets?: (step: Step) => readonly { readonly id: string; readonly at: readonly (string | number)[] }[];
  /** Variables that the kind writes beside the common `save_output_to`, where they stand. */
  readonly writes?: (step: Step) => readonly { readonly target: string; readonly at: readonly (string | number)[] }[];
  /** After it the task is over, successfully. */
  readonly endsTask?: boolean;
  /** How long its body is repeated, in words; absent, or nothing: it is not. */
  readonly repeats?: (step: Step) => string | undefined;
  /** Words that the kind accepts as `on_error` beside a step id; they name no step. */
  readonly onErrorWords?: readonly string[];
  /** What is certain to fail when it runs; absent = nothing that its text shows. */
  readonly problems?: (step: Step) => readonly StepProblem[];
  /** Members that it has while what is inside of it runs. */
  readonly inside?: readonly string[];
  /** Members of its result beside those that every step has; absent = not known. */
  readonly members?: readonly string[];
  /** Absent, or nothing: not known before it ran. */
  readonly output?: (step: Step) => OutputFact | undefined;
  /** Absent, or nothing: it calls nothing by a fixed name. */
  readonly call?: (step: Step) => CallFact | undefined;
  /** One paragraph for the reference. */
  readonly summary: string;
  /** A complete step of this kind as YAML, run by a test. */
  readonly example: string;
}

/** A table of kinds by `type`. */
export type StepSyntaxTable = ReadonlyMap<string, StepSyntax>;
