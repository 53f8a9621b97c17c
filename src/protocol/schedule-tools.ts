import type { ToolDescriptor } from './tool-descriptor.ts';

/** What there is about schedules; published while a published workflow has one. */
export const SCHEDULE_TOOLS: readonly ToolDescriptor[] = [
  {
    name: 'schedules_list',
    title: 'List schedules',
    description:
      'The workflows that run by themselves: when, whether paused, the next occurrence, the last task, and what was missed and why. ' +
      'Times are ISO 8601 in UTC.',
    inputSchema: {
      type: 'object',
      properties: { workflow: { type: 'string', description: 'Only the schedule of this workflow.' } },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    taskSupport: 'forbidden',
  },
];
