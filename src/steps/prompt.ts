import { z } from 'zod';
import { type JsonObject, objectOrEmpty } from '../core/json.ts';
import { defineStepKind } from '../engine/kind.ts';
import { textOf } from '../engine/step-view.ts';
import { callContext, textBlocks } from './tool.ts';

/** Gets a prompt of a downstream server (rule 9). Getting it twice is harmless. */
export const promptKind = defineStepKind({
  type: 'prompt',
  effect: 'reads',
  asks: (what, server) => `prompt ${what} of ${server ?? ''}`,
  summary:
    'Gets a prompt of a downstream MCP server (`prompts/get`). `.output` is the text of its messages, joined by newlines; `.messages` the messages.',
  example: `id: analyze
type: prompt
server: vision
prompt_name: analyze_dashboard
arguments:
  dashboard_url: "{{input.url}}"
`,
  fields: () => ({
    server: z.string().min(1).describe('Name of the downstream server in the servers file.'),
    prompt_name: z.string().min(1).optional().describe('Name of the prompt. Default: `action`.'),
    action: z.string().min(1).optional().describe('Name of the prompt where `prompt_name` is not given.'),
    arguments: z
      .record(z.string(), z.unknown())
      .optional()
      .describe(
        'Arguments of the prompt; templates inside are rendered, values that are not text are sent as JSON. Default {}.',
      ),
  }),
  argumentsKey: 'arguments',
  servers: (spec) => [{ name: spec.server, at: ['server'] }],
  fixed: (spec) =>
    (['prompt_name', 'action'] as const).flatMap((key) => {
      const name = spec[key];
      return name === undefined ? [] : [{ name, at: [key] }];
    }),
  expressions: () => [{ at: ['arguments'], as: 'template' }],
  members: ['messages', 'description'],
  problems: ({ prompt_name: name, action }) =>
    name === undefined && action === undefined
      ? [{ at: [], code: 'missing_key', message: "missing key 'prompt_name'" }]
      : [],
  bind: (spec) => {
    const name = spec.prompt_name ?? spec.action ?? '';
    return {
      about: `${spec.server}.${name}`,
      execute: async (context) => {
        const args = promptArguments(objectOrEmpty(await context.render(spec.arguments ?? {})));
        context.given(args);
        const { messages, description } = await context.downstream.getPrompt(
          name,
          args,
          callContext(context, spec.server),
        );
        return {
          output: messages
            .map((message) => textBlocks(message['content'] ?? null))
            .filter((text) => text !== '')
            .join('\n'),
          view: { messages: [...messages], ...(description === undefined ? {} : { description }) },
        };
      },
    };
  },
});

/** Prompt arguments are text on the wire; a null one is left out. */
function promptArguments(args: JsonObject): JsonObject {
  const entries = Object.entries(args).filter(([, value]) => value !== null);
  return Object.fromEntries(entries.map(([name, value]) => [name, textOf(value)]));
}
