import { isJsonObject, type JsonObject } from '../core/json.ts';
import { LOCAL_PRINCIPAL } from '../tasks/task.ts';
import type { Caller } from './caller.ts';
import type { ProtocolDeps } from './deps.ts';
import { exposed } from './tools.ts';

/**
 * The schedules of the published workflows, as the resource and the tool show them. Ids of their tasks are shown to
 * `local` only, whose tasks they are, and only where lists show all of its tasks.
 */
export async function listSchedules(caller: Caller, deps: ProtocolDeps, workflow?: string): Promise<JsonObject> {
  const published = new Set(exposed(deps).map(({ definition }) => definition.name));
  const all = (await deps.schedules?.()) ?? [];
  const ownsTasks = caller.listsAll && caller.principal === LOCAL_PRINCIPAL;
  return {
    schedules: all
      .filter((schedule) => published.has(schedule.workflow))
      .filter((schedule) => workflow === undefined || schedule.workflow === workflow)
      .map((schedule) => (ownsTasks ? schedule : withoutTask(schedule))),
  };
}

function withoutTask(schedule: JsonObject): JsonObject {
  const last = schedule['last'];
  if (!isJsonObject(last)) return schedule;
  const { taskId: _secret, ...rest } = last;
  return { ...schedule, last: rest };
}

/**
 * Calls `changed` when schedules may read differently: a definition changed, a scheduled task began or ended. Bursts
 * are one call. Returns what stops it.
 */
export function watchSchedules(changed: () => void, deps: Pick<ProtocolDeps, 'tasks' | 'definitions'>): () => void {
  let pending = false;
  let stopped = false;
  const tell = (): void => {
    if (pending) return;
    pending = true;
    setImmediate(() => {
      pending = false;
      if (!stopped) changed();
    });
  };
  const stops = [
    deps.definitions.onChange(tell),
    deps.tasks.subscribe((event) => {
      if (event.type !== 'changed' || event.view.scheduleTime === undefined) return;
      if (event.view.rev === 1 || event.view.endedAt !== undefined) tell();
    }),
  ];
  return () => {
    stopped = true;
    for (const stop of stops) stop();
  };
}
