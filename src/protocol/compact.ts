import type { JsonObject } from '../core/json.ts';
import type { ToolResult } from '../core/outcome.ts';
import type { ProtocolDeps } from './deps.ts';
import type { ToolDescriptor } from './tool-descriptor.ts';

/** How many workflows one search shows. */
const MAX_HITS = 20;

/** The two tools that stand for all workflows where a host allows few tools. */
export const COMPACT_TOOLS: readonly ToolDescriptor[] = [
  {
    name: 'workflow_run',
    title: 'Run a workflow',
    description:
      'Runs a workflow by name with its input. Find names and inputs with workflow_search. A long run is answered with a task id; ' +
      'follow it with tasks_get.',
    inputSchema: {
      type: 'object',
      properties: {
        workflow: { type: 'string', description: 'The name of the workflow.' },
        input: { type: 'object', description: 'Its input, by the inputSchema that workflow_search shows.' },
      },
      required: ['workflow'],
      additionalProperties: false,
    },
    annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
    taskSupport: 'optional',
  },
  {
    name: 'workflow_search',
    title: 'Find a workflow',
    description:
      'Workflows that fit the words, with the input each takes. Without words: all of them, the first ones only.',
    inputSchema: {
      type: 'object',
      properties: { query: { type: 'string', maxLength: 200 } },
      additionalProperties: false,
    },
    annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    taskSupport: 'forbidden',
  },
];

/** Ranks workflows by how many words of the query their name, title, tags and description contain. */
export function searchWorkflows(
  query: string,
  definitions: ReturnType<ProtocolDeps['definitions']['list']>,
): ToolResult {
  const words = query.toLowerCase().split(/\s+/u).filter(Boolean);
  const hits = definitions
    .map(({ definition }) => {
      const text =
        `${definition.name} ${definition.title ?? ''} ${definition.tags.join(' ')} ${definition.description ?? ''}`.toLowerCase();
      return { definition, score: words.filter((word) => text.includes(word)).length };
    })
    .filter((hit) => words.length === 0 || hit.score > 0)
    .sort((a, b) => b.score - a.score);
  const workflows: JsonObject[] = hits.slice(0, MAX_HITS).map(({ definition }) => ({
    name: definition.name,
    ...(definition.description === undefined ? {} : { description: definition.description }),
    inputSchema: definition.input_schema,
  }));
  const structuredContent = { workflows, total: hits.length };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent };
}
