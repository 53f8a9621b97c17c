import type { Models } from '../engine/ports.ts';

/**
 * The models as one run may use them: directly before a turn is sent, `stillOurs` is asked, as for other servers
 * (`fencedDownstream`).
 */
export function fencedModels(models: Models, stillOurs: () => Promise<void>): Models {
  return {
    has: (name) => models.has(name),
    most: (name, request) => models.most(name, request),
    ask: (name, request, call) =>
      models.ask(name, request, {
        ...call,
        onTurn: async () => {
          await stillOurs();
          await call.onTurn?.();
        },
      }),
  };
}
