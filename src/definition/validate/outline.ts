import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import { nearest } from '../../core/suggest.ts';
import type { DocumentPath } from '../finding.ts';
import type { Step } from '../model.ts';
import { stepLists } from '../normalise.ts';
import { valueAt } from '../schema/check.ts';
import { schemasFor } from '../schema/schemas.ts';
import type { Block, StepSyntax, StepSyntaxTable } from '../step-syntax.ts';

/** A list of steps somewhere in a definition. */
export interface StepList {
  readonly at: DocumentPath;
  /** The step whose block it is; none for an outermost list. */
  readonly owner?: StepPlace;
  readonly block?: Block;
  readonly role: 'main' | 'catch' | 'finally' | 'block' | 'compensate';
  readonly places: StepPlace[];
  /** Some step says `depends_on`: it runs as a graph. */
  graph: boolean;
}

/** A step and where it stands. */
export interface StepPlace {
  /** Empty where it is missing. */
  readonly id: string;
  readonly step: Step;
  readonly syntax: StepSyntax;
  readonly at: DocumentPath;
  readonly list: StepList;
  /** Index in its list. */
  readonly index: number;
}

/** Every variable that a step writes, and where it says so. */
export function writesOf({
  step,
  syntax,
}: StepPlace): readonly { readonly target: string; readonly at: DocumentPath }[] {
  const saved: unknown = step.save_output_to;
  return [
    ...(typeof saved === 'string' ? [{ target: saved, at: ['save_output_to'] }] : []),
    ...(syntax.writes?.(step) ?? []),
  ];
}

/**
 * Every step of a document by place, document order. One whose kind is wrong or missing counts as the kind that it was
 * probably meant to be.
 */
export interface Outline {
  readonly lists: readonly StepList[];
  readonly places: readonly StepPlace[];
  /** The first step of each id. */
  readonly byId: ReadonlyMap<string, StepPlace>;
  /** Every id in the document, also of steps that could not be read: nobody is blamed for naming one of those. */
  readonly ids: ReadonlySet<string>;
}

/** Reads the outline of a document with normalised steps. Total: it passes over what does not look like a step. */
export function outlineOf(document: JsonObject, syntaxes: StepSyntaxTable): Outline {
  const lists: StepList[] = [];
  const places: StepPlace[] = [];
  const readList = (
    value: JsonValue | undefined,
    at: DocumentPath,
    about: Pick<StepList, 'role' | 'owner' | 'block'>,
  ): void => {
    if (!Array.isArray(value)) return;
    const list: StepList = { ...about, at, places: [], graph: false };
    lists.push(list);
    value.forEach((item: JsonValue, index) => readStep(item, [...at, index], list, index));
  };
  const readStep = (value: JsonValue, at: DocumentPath, list: StepList, index: number): void => {
    const syntax = isJsonObject(value) ? syntaxOf(value, syntaxes) : undefined;
    if (!isJsonObject(value) || syntax === undefined) return;
    // `StepSyntax` functions accept any object; the other members are read with care below.
    const step = value as unknown as Step;
    const place: StepPlace = { id: typeof value['id'] === 'string' ? value['id'] : '', step, syntax, at, list, index };
    list.places.push(place);
    places.push(place);
    if (Array.isArray(value['depends_on'])) list.graph = true;
    for (const block of syntax.blocks(step)) {
      readList(valueAt(value, block.at), [...at, ...block.at], { role: 'block', owner: place, block });
    }
    const compensate = value['compensate'];
    if (isJsonObject(compensate)) {
      const own: StepList = { role: 'compensate', owner: place, at: [...at, 'compensate'], places: [], graph: false };
      lists.push(own);
      readStep(compensate, own.at, own, 0);
    }
  };
  for (const { at, role } of stepLists(document)) readList(valueAt(document, at), at, { role });
  const byId = new Map<string, StepPlace>();
  for (const place of places) if (place.id !== '' && !byId.has(place.id)) byId.set(place.id, place);
  return { lists, places, byId, ids: idsIn(document, byId.keys()) };
}

/**
 * The syntax of a step, so that one mistake hides no other: where the type is a slip, that of the nearest one; where it
 * is missing or far off, that of the kind with most of the step's keys, without what a result of that kind would have.
 */
function syntaxOf(step: JsonObject, syntaxes: StepSyntaxTable): StepSyntax | undefined {
  const { type } = step;
  if (typeof type === 'string') {
    const named = syntaxes.get(type) ?? syntaxes.get(nearest(type, syntaxes.keys()) ?? '');
    if (named !== undefined) return named;
  }
  const keys = Object.keys(step);
  let best: string | undefined;
  let most = -1;
  for (const [kind, known] of schemasFor(syntaxes).keys) {
    const shared = keys.filter((key) => known.has(key)).length;
    if (shared > most) [best, most] = [kind, shared];
  }
  const guessed = syntaxes.get(best ?? '');
  if (guessed === undefined) return undefined;
  const { members: _members, output: _output, ...syntax } = guessed;
  return syntax;
}

/** The lists around a step, innermost first. */
export function* listsAround(place: StepPlace): Iterable<{ readonly list: StepList; readonly place: StepPlace }> {
  for (let at: StepPlace | undefined = place; at !== undefined; at = at.list.owner) yield { list: at.list, place: at };
}

function idsIn(document: JsonObject, read: Iterable<string>): Set<string> {
  const ids = new Set(read);
  const visit = (value: JsonValue | undefined): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (!isJsonObject(value)) return;
    if (typeof value['id'] === 'string' && ('type' in value || 'server' in value)) ids.add(value['id']);
    Object.values(value).forEach(visit);
  };
  for (const { at } of stepLists(document)) visit(valueAt(document, at));
  return ids;
}
