import { messageOf } from '../core/failure.ts';
import { hasUnwritableNumber, isJsonObject } from '../core/json.ts';
import type { JsonObject, JsonValue } from '../core/json.ts';
import type { Definition, LoadedDefinition } from '../definition/model.ts';
import { compileSchema } from '../definition/schema-validator.ts';
import type { TaskContext } from './context.ts';
import { Descendants } from './descendants.ts';
import { ANY_RUNNER, keys, under } from './keys.ts';
import { grantedTtl } from './limits.ts';
import { openRow, OthersOpen } from './open-rows.ts';
import { loadRecord, missingRecord, objectOf, RECORD_VERSION, recordOf, recordValue } from './record.ts';
import type { MarkedRecord, TaskRecord } from './record.ts';
import { damagedData, outcomeUnknown, unavailable } from './refusal.ts';
import { sameTaskOf } from './same-task.ts';
import type { SameTask } from './same-task.ts';
import { savedValues } from './saved-values.ts';
import { TaskError } from './task.ts';
import type { CreateTask } from './task.ts';
import { DamagedValueError, StoreError } from '../store/task-store.ts';
import type { Batch, CommitResult } from '../store/task-store.ts';
import type { Ticket, TurnTickets } from './turn-tickets.ts';

/** How many tasks this process has open. */
export interface OpenCount {
  readonly open: number;
  openOf(principal: string): number;
}

/** What a task starts from, as it was stored. */
export interface Given {
  readonly arguments: JsonObject;
  readonly saved: JsonObject;
}

/** A task that exists: made just now, then with what it starts from, or found by its idempotency key or its id. */
export interface Admitted {
  readonly marked: MarkedRecord;
  readonly given?: Given;
}

/** What is settled about a new task before its record is made. */
interface Made {
  readonly id: string;
  readonly definition: Definition;
  readonly depth: number;
  readonly digest: string;
  readonly same: SameTask | undefined;
  /** The mark of the row that `same` names. */
  readonly known: string | null;
  readonly ticket: Ticket | undefined;
  /** The mark of the definition's snapshot. */
  readonly snapshot: string;
}

/** A creation that failed as it was written: after a crash it may be found or not. */
class UnsureWrite extends StoreError {
  constructor(cause: unknown) {
    const { kind, advice } = cause instanceof StoreError ? cause : { kind: 'io' as const, advice: undefined };
    super(kind, messageOf(cause), advice === undefined ? {} : { advice });
  }
}

/**
 * The door for new tasks: arguments are checked once, limits are kept (D16), an idempotency key gives the same task
 * again (D7), and the task is durable with everything it needs before anybody hears of it (D1).
 */
export class Admission {
  readonly #context: TaskContext;
  readonly #count: OpenCount;
  readonly #others: OthersOpen;
  readonly #descendants: Descendants;
  readonly #tickets: TurnTickets;
  /** The millisecond of the last task, and how many were made in it before. */
  #made = { at: Number.NEGATIVE_INFINITY, count: 0 };
  /** Makes an unacknowledged creation undone once the store answers again. */
  readonly #withdraw: (id: string) => Promise<void>;

  constructor(context: TaskContext, count: OpenCount, tickets: TurnTickets, withdraw: (id: string) => Promise<void>) {
    this.#context = context;
    this.#count = count;
    this.#others = new OthersOpen(context);
    this.#descendants = new Descendants(context);
    this.#tickets = tickets;
    this.#withdraw = withdraw;
  }

  /**
   * Makes the task durable, or finds the one that was made before. `id`: a derived id, for a task that a restart must
   * find again. Rejects with `TaskError`. On `store_unavailable` no task runs for this request, but where its write
   * failed and it carries an idempotency key: then the task may be there, and the same key finds it.
   */
  async admit(request: CreateTask, id = this.#context.ids()): Promise<Admitted> {
    const { definitions, health, limits } = this.#context;
    const loaded = definitions.get(request.workflow);
    if (loaded === undefined) throw new TaskError('unknown_workflow', `there is no workflow '${request.workflow}'`);
    this.#checkArguments(loaded, request.arguments);
    const depth = request.parent === undefined ? 0 : request.parent.depth + 1;
    if (depth > limits.depth) throw new TaskError('limit_exceeded', `workflows are nested deeper than ${limits.depth}`);
    // A child is work of a task that runs already, and what shows that the store can be written again.
    if (!health.state.writable && request.parent === undefined) throw unavailable(health.state.reason);
    const admit = (): Promise<Admitted> => this.#admitted(request, loaded, id, depth);
    try {
      if (loaded.definition.concurrency === undefined) return await admit();
      return await this.#tickets.exclusive(request.workflow, admit);
    } catch (error) {
      if (error instanceof DamagedValueError) {
        this.#context.reportDamage(error.key, error.message);
        throw damagedData();
      }
      if (!(error instanceof StoreError)) throw error;
      health.failed(error);
      if (!(error instanceof UnsureWrite)) throw unavailable(error.message, error);
      throw outcomeUnknown(
        error,
        request.idempotencyKey === undefined
          ? 'a call with an idempotency key can safely be made again'
          : 'call again with the same idempotency key, which is safe',
      );
    }
  }

  async #admitted(request: CreateTask, loaded: LoadedDefinition, id: string, depth: number): Promise<Admitted> {
    const { definition, digest } = loaded;
    const { store, snapshots, clock } = this.#context;
    for (;;) {
      const existing = request.parent === undefined ? undefined : await loadRecord(store, id);
      if (existing !== undefined) return { marked: existing };
      const same = await sameTaskOf(request, definition, clock.now());
      const known = await this.#known(same);
      if ('marked' in known) return known;
      await this.#checkOpen(request);
      const snapshot = await snapshots.ensure(loaded);
      const ticket = await this.#tickets.draw({ ...request, id }, definition);
      const settled = { id, definition, depth, digest, same, known: known.mark, ticket, snapshot };
      const made = await this.#inTree(request, () => this.#create(request, settled));
      if (made !== undefined) return made;
    }
  }

  /** Makes a child in a place below its root task; anything else as it is. */
  async #inTree({ parent }: CreateTask, create: () => Promise<Admitted | undefined>): Promise<Admitted | undefined> {
    if (parent === undefined) return await create();
    const place = await this.#descendants.place(parent.root);
    let isMade = false;
    try {
      const made = await create();
      isMade = made?.given !== undefined;
      return made;
    } finally {
      if (isMade) place.taken();
      else place.free();
    }
  }

  #checkArguments({ definition }: LoadedDefinition, given: JsonObject): void {
    const { argumentBytes, argumentDepth } = this.#context.limits;
    if (deeperThan(given, argumentDepth)) {
      throw new TaskError('limit_exceeded', `the arguments are nested deeper than ${argumentDepth}`);
    }
    if (hasUnwritableNumber(given)) throw new TaskError('invalid_arguments', '$: a number is too large');
    const bytes = Buffer.byteLength(JSON.stringify(given));
    if (bytes > argumentBytes) {
      throw new TaskError('limit_exceeded', `the arguments have ${bytes} bytes; at most ${argumentBytes} are taken`);
    }
    const violations = compileSchema(definition.input_schema)(given);
    if (violations.length === 0) return;
    throw new TaskError(
      'invalid_arguments',
      violations.map(({ path, message }) => `${path}: ${message}`).join('; '),
      violations.map(({ path, message }) => ({ path, message })),
    );
  }

  async #checkOpen({ principal }: CreateTask): Promise<void> {
    const { limits, claims, store } = this.#context;
    let { open } = this.#count;
    if (claims === 'none') {
      // This process runs nothing, so it counts what the others have.
      open = (await store.range({ ...under(keys.allOpen), limit: limits.openTasks })).items.length;
    }
    if (open >= limits.openTasks) throw new TaskError('limit_exceeded', `${limits.openTasks} tasks are open already`);
    const own = this.#count.openOf(principal);
    const most = limits.openTasksPerPrincipal;
    if (own < most && own + (await this.#others.of(principal, claims === 'none')) < most) return;
    throw new TaskError('limit_exceeded', `you have ${limits.openTasksPerPrincipal} open tasks already`);
  }

  /** The task of this idempotency key, or the mark of the key's row: a row whose task is no more is replaced. */
  async #known(same: SameTask | undefined): Promise<Admitted | { readonly mark: string | null }> {
    if (same === undefined) return { mark: null };
    const { store, retention } = this.#context;
    const row = await store.get(same.row);
    if (row === undefined) return { mark: null };
    const { taskId, digest } = objectOf(row);
    const id = typeof taskId === 'string' ? taskId : '';
    const marked = await loadRecord(store, id);
    // Row and record go together. A second task would do its work a second time.
    const damage = marked === undefined ? await missingRecord(store, same.row, id) : undefined;
    if (damage !== undefined) throw damage;
    if (marked === undefined || isOver(marked.record, retention.now())) return { mark: row.mark };
    if (digest === same.digest) return { marked };
    throw new TaskError('idempotency_conflict', 'this idempotency key was used with other arguments');
  }

  /** `undefined`: somebody else was faster with the key or the number, or the snapshot has gone; try again. */
  async #create(request: CreateTask, made: Made): Promise<Admitted | undefined> {
    const record = this.#record(request, made);
    const taskKey = keys.task(record.id);
    // The caller keeps its arguments and may change them; what runs is what is stored.
    const given = {
      arguments: jsonCopy(request.arguments),
      saved: await savedValues(this.#context, request, made.definition),
    };
    const batch = this.#batch({ ...request, arguments: given.arguments }, record, made, given.saved);
    const result = await this.#commit(batch, record);
    if (result.ok) return { marked: { record, mark: result.marks[0] ?? '' }, given };
    if (result.conflict === keys.definition(made.digest)) this.#context.snapshots.forget(made.digest);
    if (result.conflict !== taskKey) return undefined;
    const existing = await loadRecord(this.#context.store, record.id);
    if (existing === undefined) throw new StoreError('io', 'a task vanished while it was made');
    return { marked: existing };
  }

  async #commit(batch: Batch, record: TaskRecord): Promise<CommitResult> {
    const { store, health } = this.#context;
    try {
      return await store.commit(batch);
    } catch (error) {
      // It may have been made all the same; the caller must not be told otherwise, nor may it run unseen.
      let found;
      try {
        found = await store.get(keys.task(record.id));
      } catch {
        health.failed(error);
        // A child is asked for again, by its own id, until it is there.
        if (record.parent === undefined) this.#withdraw(record.id).catch(() => undefined);
        throw new UnsureWrite(error);
      }
      if (found === undefined || JSON.stringify(found.value) !== JSON.stringify(record)) throw new UnsureWrite(error);
      return { ok: true, marks: [recordOf(found).mark] };
    }
  }

  #record(request: CreateTask, made: Made): TaskRecord {
    const { clock, claims, limits, runnerId } = this.#context;
    const now = clock.now();
    const ttl = grantedTtl(request.ttl, limits);
    const expiresAt = ttl === null ? null : now + ttl;
    return {
      version: RECORD_VERSION,
      id: made.id,
      workflow: request.workflow,
      digest: made.digest,
      principal: request.principal,
      createdAt: now,
      ...this.#nth(now),
      updatedAt: now,
      expiresAt: request.parent === undefined ? expiresAt : later(expiresAt, request.parent.expiresAt),
      pollInterval: limits.pollInterval,
      depth: made.depth,
      ...(request.parent !== undefined && {
        parent: { taskId: request.parent.taskId, path: request.parent.path },
        root: request.parent.root,
      }),
      ...(request.scheduleTime !== undefined && { scheduleTime: request.scheduleTime }),
      ...(request.samples !== undefined && { samples: request.samples }),
      ...(made.same !== undefined && { idempotency: made.same.row }),
      ...(made.ticket !== undefined && { turn: made.ticket.number }),
      rev: 1,
      epoch: 1,
      seq: 0,
      inputCount: 0,
      message: 'created',
      percent: 0,
      phases: [],
      warnings: [],
      state: { kind: 'open', runner: claims === 'none' ? null : runnerId, inputs: [], crashes: { count: 0, seq: 0 } },
    };
  }

  /** Listings show tasks in the order in which they were made, and a millisecond has room for several. */
  #nth(now: number): { readonly nth?: number } {
    this.#made = now === this.#made.at ? { at: now, count: this.#made.count + 1 } : { at: now, count: 0 };
    const { count } = this.#made;
    return count === 0 ? {} : { nth: count };
  }

  #batch(
    request: CreateTask,
    record: TaskRecord,
    { same, known, ticket, snapshot, digest }: Made,
    saved: JsonObject,
  ): Batch {
    const { id } = record;
    const runner = record.state.kind === 'open' ? record.state.runner : null;
    const guards: { key: string; mark: string | null }[] = [
      { key: keys.task(id), mark: null },
      { key: keys.definition(digest), mark: snapshot },
    ];
    const puts: { key: string; value: JsonValue }[] = [
      { key: keys.task(id), value: recordValue(record) },
      { key: keys.args(id), value: { arguments: request.arguments, saved } },
      openRow(record, runner),
      { key: keys.list(record), value: null },
    ];
    if (record.expiresAt !== null) puts.push({ key: keys.end(record.expiresAt, id), value: null });
    if (record.parent !== undefined) puts.push({ key: keys.child(record.parent.taskId, id), value: null });
    if (record.root !== undefined) puts.push({ key: keys.descendant(record.root, id), value: null });
    if (runner === null) puts.push({ key: keys.bell(ANY_RUNNER, id), value: { rev: record.rev } });
    if (same !== undefined) {
      guards.push({ key: same.row, mark: known });
      puts.push({ key: same.row, value: { taskId: id, digest: same.digest } });
    }
    if (ticket !== undefined) {
      guards.push(...ticket.guards);
      puts.push(...ticket.puts);
    }
    return { guards, puts, deletes: [] };
  }
}

/** Whether a task is past its ttl: it has ended and nobody may see it any more. */
export function isOver(record: TaskRecord, now: number): boolean {
  return record.state.kind === 'ended' && record.expiresAt !== null && record.expiresAt <= now;
}

/**
 * The later of two ends; `null` = never. A child is kept for as long as its parent, which needs it when it is resumed.
 */
export function later(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : Math.max(a, b);
}

function jsonCopy(value: JsonObject): JsonObject {
  // What JSON.parse gives of an object's own JSON text is an object.
  return JSON.parse(JSON.stringify(value)) as JsonObject;
}

function deeperThan(value: JsonValue, depth: number): boolean {
  if (depth < 0) return true;
  if (Array.isArray(value)) return value.some((member: JsonValue) => deeperThan(member, depth - 1));
  return isJsonObject(value) && Object.values(value).some((member) => deeperThan(member, depth - 1));
}
