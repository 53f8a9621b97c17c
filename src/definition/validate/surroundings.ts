/** Which lists of steps surround the evaluation of a text: what those bind and hold can be seen there. */
import { isJsonObject, type JsonObject } from '../../core/json.ts';
import { conditionReferences } from '../expression/references.ts';
import type { Reference } from '../expression/contract.ts';
import { listsAround, writesOf, type Outline, type StepList, type StepPlace } from './outline.ts';
import type { Target } from './targets.ts';

type Lists = ReadonlySet<StepList>;

const NONE: Lists = new Set();

/** Steps that may be visited in all; beyond, what targets a step is passed over. About 50 ms. */
const VISITS = 500_000;

/**
 * A step is surrounded by the lists it stands in and, as a target runs where it is targeted (rule 7), by those around
 * whatever targets it. A conditional is evaluated in the innermost list that holds all it reads (rule 8), in each
 * iteration if that is one.
 */
export class Surroundings {
  readonly #outline: Outline;
  readonly #conditionals = new Map<string, Lists>();
  readonly #sources = new Map<string, StepPlace[]>();
  /** Targets of conditionals, with the conditionals' names. */
  readonly #chosen = new Map<string, string[]>();
  readonly #known = new Map<StepPlace, Lists>();
  readonly #writers: ReadonlyMap<string, readonly StepPlace[]>;
  #visitsLeft = VISITS;

  constructor(document: JsonObject, outline: Outline, targets: readonly Target[]) {
    this.#outline = outline;
    this.#writers = writersOf(outline);
    const conditionals = document['conditionals'];
    for (const [name, conditional] of Object.entries(isJsonObject(conditionals) ? conditionals : {})) {
      const condition = isJsonObject(conditional) ? conditional['condition'] : undefined;
      if (typeof condition === 'string') this.#conditionals.set(name, this.#shared(conditionReferences(condition)));
    }
    for (const { id, at, from } of targets) {
      if (from !== undefined) append(this.#sources, id, from);
      else if (at[0] === 'conditionals') append(this.#chosen, id, String(at[1]));
    }
  }

  /** Of what a step holds in its own keys. */
  of(place: StepPlace): Lists {
    const known = this.#known.get(place);
    if (known !== undefined) return known;
    const found = new Set<StepList>();
    const seen = new Set<StepPlace>();
    const queue = [place];
    for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
      for (const around of listsAround(next)) {
        if (seen.has(around.place)) break;
        seen.add(around.place);
        found.add(around.list);
        this.#visitsLeft -= 1;
        if (this.#visitsLeft < 0) continue;
        queue.push(...(this.#sources.get(around.place.id) ?? []));
        for (const name of this.#chosen.get(around.place.id) ?? [])
          for (const list of this.ofConditional(name)) found.add(list);
      }
    }
    this.#known.set(place, found);
    return found;
  }

  /** Of the condition of this name. */
  ofConditional(name: string): Lists {
    return this.#conditionals.get(name) ?? NONE;
  }

  #shared(references: readonly Reference[]): Lists {
    const [first, ...others] = references.flatMap(({ path }) => this.#read(path)).map(listsOf);
    if (first === undefined) return NONE;
    return new Set([...first].filter((list) => others.every((other) => other.has(list))));
  }

  /** The steps that a path reads: the one it names, or those that write the variable it names. */
  #read(path: Reference['path']): readonly StepPlace[] {
    const name = String(path[0] === 'steps' ? path[1] : path[0]);
    const place = this.#outline.byId.get(name) ?? this.#outline.byId.get(name.replace(/^step_/u, ''));
    if (place !== undefined) return [place];
    const [area, member] = path[0] === 'variables' ? path.slice(1) : path;
    return this.#writers.get(`${String(area)}.${String(member)}`) ?? [];
  }
}

function listsOf(place: StepPlace): Lists {
  return new Set([...listsAround(place)].map(({ list }) => list));
}

/** The steps that write a variable, by `area.name`. */
function writersOf(outline: Outline): Map<string, StepPlace[]> {
  const writers = new Map<string, StepPlace[]>();
  for (const place of outline.places) {
    for (const { target } of writesOf(place)) {
      const [root, area, name] = target.split('.');
      if (root !== 'variables' || area === undefined || name === undefined) continue;
      append(writers, `${area}.${name}`, place);
    }
  }
  return writers;
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const known = lists.get(key);
  if (known === undefined) lists.set(key, [item]);
  else known.push(item);
}
