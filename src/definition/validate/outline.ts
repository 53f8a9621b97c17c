import { isJsonObject, type JsonObject, type JsonValue } from '../../core/json.ts';
import type { DocumentPath } from '../finding.ts';
import type { Step } from '../model.ts';
import { stepLists } from '../normalise.ts';
import { valueAt } from '../schema/check.ts';
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
  readonly id: string;
  readonly step: Step;
  readonly syntax: StepSyntax;
  readonly at: DocumentPath;
  readonly list: StepList;
  /** Index in its list. */
  readonly index: number;
}

/** Every step of a document by place, document order. Steps without an id or of an unknown kind are left out. */
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
    if (!isJsonObject(value) || typeof value['id'] !== 'string' || typeof value['type'] !== 'string') return;
    const syntax = syntaxes.get(value['type']);
    if (syntax === undefined) return;
    // `StepSyntax` functions accept any object with a known type; the other members are read with care below.
    const step = value as unknown as Step;
    const place: StepPlace = { id: value['id'], step, syntax, at, list, index };
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
  for (const place of places) if (!byId.has(place.id)) byId.set(place.id, place);
  return { lists, places, byId, ids: idsIn(document, byId.keys()) };
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
