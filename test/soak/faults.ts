import { setTimeout as sleep } from 'node:timers/promises';
import { waitUntil } from '../support/wait-until.ts';
import { killLedger } from './fleet.ts';
import type { Fleet } from './fleet.ts';
import type { Watcher } from './watcher.ts';

/** What happens to the servers, and how long after the fault before. Times in ms. */
export type Fault = { readonly after: number } &
  /**
   * SIGKILL. `aimed`: so long after the moment at which they all run a task; else whatever they do, starting included.
   */
  (
    | {
        readonly kind: 'kill';
        readonly servers: readonly number[];
        readonly aimed: number | undefined;
        readonly down: number;
        /** The clock is set while they are gone. */
        readonly offset: number | undefined;
      }
    /** SIGSTOP for a moment. */
    | { readonly kind: 'doze'; readonly server: number; readonly ms: number }
    /** SIGSTOP until another server has taken its tasks over; meanwhile the clock is set. */
    | { readonly kind: 'freeze'; readonly server: number; readonly offset: number; readonly longer: number }
    /** The wall clock of all servers is off by so much from now on. */
    | { readonly kind: 'clock'; readonly offset: number }
    /** SIGKILL for the downstream server that was called last. */
    | { readonly kind: 'ledger' }
    | { readonly kind: 'disk'; readonly server: number; readonly ms: number }
  );

/** What of it hit something. */
export interface Fired {
  kills: number;
  /** Of a server that ran a task. */
  killsOfWork: number;
  dozes: number;
  freezes: number;
  /** Stopped inside of a commit. */
  frozenCommits: number;
  /** Tasks that another server took over from one that was only stopped. */
  takenOver: number;
  clockForward: number;
  clockBack: number;
  ledgers: number;
  disks: number;
}

export const NONE_FIRED: Fired = {
  kills: 0,
  killsOfWork: 0,
  dozes: 0,
  freezes: 0,
  frozenCommits: 0,
  takenOver: 0,
  clockForward: 0,
  clockBack: 0,
  ledgers: 0,
  disks: 0,
};

const SERVERS = 2;
const HOUR = 3_600_000;
const TAKE_OVER_MS = 25_000;
/** What can be written at all is written by then. */
const WRITES_WITHIN_MS = 700;
const MOST_FREEZES = 30;

/** The faults of a round, in order: each kind at least once. `disk`: files can be limited here. */
export function faultPlan(random: () => number, options: { readonly disk: boolean }): readonly Fault[] {
  const below = (limit: number): number => Math.trunc(random() * limit);
  const offset = (direction: number): number => direction * below(48 * HOUR);
  const kill = (servers: readonly number[], aimed: boolean): Fault => ({
    kind: 'kill',
    servers,
    aimed: aimed ? below(400) : undefined,
    down: below(3) === 0 ? 0 : below(500),
    offset: servers.length > 1 ? offset(below(2) === 0 ? 1 : -1) : undefined,
    after: 100 + below(900),
  });
  const one = (aimed = true): Fault => kill([below(SERVERS)], aimed);
  const all = (aimed = true): Fault => kill([0, 1], aimed);
  const clock = (direction: number): Fault => ({ kind: 'clock', offset: offset(direction), after: 200 + below(500) });
  const freeze = (): Fault => {
    const to = offset(below(2) === 0 ? 1 : -1);
    return { kind: 'freeze', server: below(SERVERS), offset: to, longer: below(1500), after: 500 };
  };
  const doze = (): Fault => ({ kind: 'doze', server: below(SERVERS), ms: 100 + below(2000), after: below(500) });
  const ledger = (): Fault => ({ kind: 'ledger', after: 200 + below(400) });
  const disk = (): readonly Fault[] =>
    options.disk ? [{ kind: 'disk', server: below(SERVERS), ms: 50 + below(400), after: below(500) }] : [];
  const some = [one(), one(), one(), one(false), all(), clock(1), clock(-1), ledger(), doze(), ...disk()];
  const more = [one(), one(false), all(), all(false), doze(), ledger(), clock(1), clock(-1), ...disk()];
  const faults = [...some, ...more.filter(() => random() < 0.5), freeze()];
  const mixed = faults.map((fault) => ({ fault, at: random() })).sort((first, second) => first.at - second.at);
  return mixed.map(({ fault }) => fault);
}

export interface FaultWorld {
  readonly fleet: Fleet;
  readonly watcher: Watcher;
  /** Whether tasks are open. */
  readonly isBusy: () => boolean;
  /** The processes of downstream servers that were called lately, the last first. */
  readonly lastCalled: () => readonly number[];
  /** Has one of these tasks cancelled. */
  readonly cancelOneOf: (taskIds: readonly string[]) => void;
}

/** Lets a fault happen and waits until it is over; the servers may still be starting then. */
export async function happen(fault: Fault, world: FaultWorld, fired: Fired): Promise<void> {
  const { fleet, watcher } = world;
  switch (fault.kind) {
    case 'kill': {
      const runs = (): boolean => fault.servers.every((server) => watcher.runBy(fleet.pid(server)).length > 0);
      if (fault.aimed !== undefined) {
        await waitUntil('they run tasks', runs, 60_000);
        await sleep(fault.aimed);
      }
      // Nobody at all has the database open then: the next one has to make sense of the log.
      if (fault.servers.length === fleet.size) await watcher.letGo();
      for (const server of fault.servers) if (watcher.runBy(fleet.pid(server)).length > 0) fired.killsOfWork += 1;
      await Promise.all(fault.servers.map((server) => fleet.kill(server)));
      fired.kills += fault.servers.length;
      await sleep(fault.down);
      if (fault.offset !== undefined) setClock(fault.offset, world, fired);
      for (const server of fault.servers) fleet.start(server);
      if (fault.servers.length === fleet.size) await watcher.open();
      return;
    }
    case 'doze':
      fleet.stop(fault.server);
      await sleep(fault.ms);
      fleet.wake(fault.server);
      fired.dozes += 1;
      return;
    case 'freeze':
      await stopPastTheLease(fault, world, fired);
      return;
    case 'clock':
      setClock(fault.offset, world, fired);
      return;
    case 'ledger':
      // It is started with the first call that needs it.
      await waitUntil('a downstream server runs', () => world.lastCalled().some((pid) => killLedger(pid)));
      fired.ledgers += 1;
      return;
    case 'disk':
      await fleet.fillDisk(fault.server, fault.ms);
      fired.disks += 1;
  }
}

function setClock(offset: number, { fleet, isBusy }: FaultWorld, fired: Fired): void {
  if (isBusy() && offset > fleet.offset) fired.clockForward += 1;
  if (isBusy() && offset < fleet.offset) fired.clockBack += 1;
  fleet.setClock(offset);
}

/**
 * A process that is stopped inside of a commit keeps all others from writing: then it is woken, and stopped again at
 * another moment.
 */
async function stopPastTheLease(
  { server, offset, longer }: Extract<Fault, { kind: 'freeze' }>,
  world: FaultWorld,
  fired: Fired,
): Promise<void> {
  const { fleet, watcher } = world;
  // The other one has to live through all of it.
  await fleet.all();
  for (let attempt = 1; attempt <= MOST_FREEZES; attempt += 1) {
    await waitUntil('it has work', () => watcher.runBy(fleet.pid(server)).length >= 3);
    const before = watcher.takeovers.length;
    fleet.stop(server);
    if (await watcher.canWrite(WRITES_WITHIN_MS)) {
      // One is cancelled while the process that runs it cannot hear of it.
      world.cancelOneOf(watcher.runBy(fleet.pid(server)));
      setClock(offset, world, fired);
      const end = performance.now() + TAKE_OVER_MS;
      while (watcher.takeovers.length === before && performance.now() < end) await sleep(50);
      // Long enough for the other one to do what was left to do.
      await sleep(500 + longer);
      fired.freezes += 1;
      fired.takenOver += watcher.takeovers.length - before;
    } else fired.frozenCommits += 1;
    fleet.wake(server);
    if (watcher.takeovers.length > before) return;
    await sleep(100 + longer / 10);
  }
}
