import { z } from 'zod';
import { defineStepKind } from '../engine/kind.ts';

const LEVELS = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'] as const;

/**
 * Sends a message to the client and keeps it in the journal. After a crash right behind the sending it may be sent once
 * more.
 */
export const emitKind = defineStepKind({
  type: 'emit',
  effect: 'none',
  summary: 'Sends a message (with progress, if given) to the client that follows the task. `.output` is null.',
  example: `id: say
type: emit
message: "found {{count.output.lines}} lines"
`,
  fields: () => ({
    message: z.string().describe('The text; templates inside are rendered.'),
    progress: z.union([z.number(), z.string()]).optional().describe('How far it is; must grow from one to the next.'),
    total: z.union([z.number(), z.string()]).optional().describe('What `progress` counts up to.'),
    level: z.enum(LEVELS).optional().describe('Severity as in MCP logging. Default `info`.'),
  }),
  expressions: (spec) => [
    { at: ['message'], as: 'template' },
    ...(spec.progress === undefined ? [] : [{ at: ['progress'], as: 'template' as const }]),
    ...(spec.total === undefined ? [] : [{ at: ['total'], as: 'template' as const }]),
  ],
  bind: (spec) => ({
    execute: async (context) => {
      const message = await context.renderText(spec.message);
      const level = spec.level ?? 'info';
      const progress = Number(await context.render(spec.progress ?? 'none'));
      const total = Number(await context.render(spec.total ?? 'none'));
      context.note({ type: 'emitted', path: context.path, level, message });
      context.emit({
        message,
        level,
        ...(Number.isFinite(progress) ? { progress } : {}),
        ...(Number.isFinite(total) ? { total } : {}),
      });
      return { output: null };
    },
  }),
});
