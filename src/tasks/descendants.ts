import type { Clock } from '../core/clock.ts';
import { keys, under } from './keys.ts';
import { TaskError } from './task.ts';
import type { TaskStore } from '../store/task-store.ts';
import { scanPages } from '../store/scan.ts';

const PAGE = 1000;
/** How old a count may be that other processes can have added to. */
const OTHERS_MS = 2000;

/** What the count needs. */
export interface DescendantsDeps {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly limits: { readonly descendants: number };
}

/** A place among the descendants of a root task. One of the two is to be called, once. */
export interface DescendantPlace {
  /** The task is there, and its row with it. */
  taken(): void;
  /** The task was not made. */
  free(): void;
}

interface Tree {
  readonly at: number;
  /** Rows when it was counted. */
  readonly rows: Promise<number>;
  /** Places given since. */
  given: number;
  /**
   * Requests under way: while there are any, rows and places may speak of the same task, so nothing is counted anew.
   */
  busy: number;
}

/**
 * Bounds how many tasks one root task has below itself, at any depth (D16): what starts itself again and again ends,
 * and a cancel of the whole stays quick. The store holds a row for each, which a restart counts again; within this
 * process the bound is exact, what other processes add to the same tree is seen with a delay of up to two seconds.
 */
export class Descendants {
  readonly #deps: DescendantsDeps;
  readonly #trees = new Map<string, Tree>();

  constructor(deps: DescendantsDeps) {
    this.#deps = deps;
  }

  /**
   * Gives a place below `root`. Rejects with `TaskError('limit_exceeded')` when there is none, and with `StoreError`.
   */
  async place(root: string): Promise<DescendantPlace> {
    const most = this.#deps.limits.descendants;
    const tree = this.#treeOf(root);
    tree.busy += 1;
    try {
      const rows = await tree.rows;
      if (rows + tree.given >= most)
        throw new TaskError('limit_exceeded', `this task and those it has started have started ${most} tasks already`);
    } catch (error) {
      tree.busy -= 1;
      throw error;
    }
    tree.given += 1;
    return {
      taken: () => {
        tree.busy -= 1;
      },
      free: () => {
        tree.given -= 1;
        tree.busy -= 1;
      },
    };
  }

  #treeOf(root: string): Tree {
    const now = this.#deps.clock.monotonic();
    const known = this.#trees.get(root);
    if (known !== undefined && (known.busy > 0 || now - known.at < OTHERS_MS)) return known;
    // Trees that nobody asks about any more go with the next count of any other.
    for (const [id, { busy, at }] of this.#trees) if (busy === 0 && now - at >= OTHERS_MS) this.#trees.delete(id);
    const tree: Tree = { at: now, rows: this.#count(root), given: 0, busy: 0 };
    this.#trees.set(root, tree);
    tree.rows.catch(() => {
      if (this.#trees.get(root) === tree) this.#trees.delete(root);
    });
    return tree;
  }

  async #count(root: string): Promise<number> {
    const { store, limits } = this.#deps;
    let count = 0;
    for await (const page of scanPages(store, under(keys.descendants(root)), PAGE)) {
      count += page.length;
      if (count >= limits.descendants) break;
    }
    return count;
  }
}
