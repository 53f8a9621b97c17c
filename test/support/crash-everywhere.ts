import { expect } from 'vitest';
import type { Definition } from '../../src/definition/model.ts';
import { EngineWorld } from './engine-world.ts';
import { Crash } from './memory-journal.ts';

/** Paths with their results, whatever the order in which branches ended. */
function results(world: EngineWorld): readonly string[] {
  return world.entries
    .flatMap((entry) => (entry.type === 'finished' ? [`${entry.path} ${JSON.stringify(entry.result)}`] : []))
    .toSorted();
}

function callsOf(world: EngineWorld, path: string): number {
  const key = EngineWorld.keyOf(world.task.taskId, path);
  return world.downstream.calls.filter((call) => call.key === key).length;
}

/**
 * Runs a definition once as it is, then once for every append of that run dying before it and once dying right after it
 * was applied, each time going on from what the journal holds. Every one must end with the same outcome and the same
 * checkpoints, and no tool whose step was committed at the crash may be called again. Resolves with the number of
 * crashes that were made.
 */
export async function crashEverywhere(make: () => EngineWorld, definition: Definition): Promise<number> {
  const calm = make();
  const expected = await calm.run(definition);
  const appends = calm.journal.appends;
  let crashes = 0;
  for (let at = 1; at <= appends; at += 1) {
    for (const when of ['before', 'after'] as const) {
      const world = make();
      await expect(world.run(definition, { crash: { at, when } }), `crash ${when} append ${at}`).rejects.toThrow(Crash);
      crashes += 1;
      const committed = world.entries.flatMap((entry) => (entry.type === 'finished' ? [entry.path] : []));
      const before = committed.map((path) => callsOf(world, path));
      const end = await world.run(definition);
      expect(end.outcome, `outcome after a crash ${when} append ${at}`).toEqual(expected.outcome);
      expect(results(world), `checkpoints after a crash ${when} append ${at}`).toEqual(results(calm));
      expect(
        committed.map((path) => callsOf(world, path)),
        `calls after a crash ${when} append ${at}`,
      ).toEqual(before);
    }
  }
  return crashes;
}
