import { z } from 'zod';
import type { JsonObject, JsonValue } from '../core/json.ts';
import { defineStepKind } from '../engine/kind.ts';
import { parsedJson, textOf } from '../engine/step-view.ts';
import type { StepResult } from '../engine/journal.ts';
import { callContext } from './tool.ts';

/** Reads a resource of a downstream server. Reading twice is harmless. */
export const resourceKind = defineStepKind({
  type: 'resource',
  effect: 'reads',
  asks: (what, server) => `resource ${what} of ${server ?? ''}`,
  summary:
    'Reads a resource of a downstream MCP server (`resources/read`). `.output` is the text of a single text content, else `.contents`.',
  example: `id: latest
type: resource
server: vision
uri: screenshots/latest
`,
  fields: () => ({
    server: z.string().min(1).describe('Name of the downstream server in the servers file.'),
    uri: z.string().min(1).describe('URI of the resource; templates inside are rendered.'),
    action: z
      .literal('read')
      .optional()
      .describe('`read`, as older definitions write it: a resource can only be read.'),
    arguments: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Has no effect; accepted since every seed step may have it.'),
  }),
  servers: (spec) => [{ name: spec.server, at: ['server'] }],
  expressions: () => [{ at: ['uri'], as: 'template' }],
  derived: { contents: contentsOf, text: textIn, json: (result) => parsedJson(textIn(result)) },
  members: ['contents'],
  bind: (spec) => ({
    about: `${spec.server}: ${spec.uri}`,
    execute: async (context) => {
      const uri = await context.renderText(spec.uri);
      context.given({ uri });
      const { contents } = await context.downstream.readResource(uri, callContext(context, spec.server));
      const text = singleText(contents);
      return text === undefined ? { output: [...contents] } : { output: text, view: { contents: [...contents] } };
    },
  }),
});

function singleText(contents: readonly JsonObject[]): string | undefined {
  const [only, ...more] = contents;
  const text = only?.['text'];
  return more.length === 0 && typeof text === 'string' ? text : undefined;
}

function contentsOf(result: StepResult): JsonValue {
  return result.view?.['contents'] ?? result.output;
}

function textIn(result: StepResult): string {
  if (!Array.isArray(result.output)) return textOf(result.output);
  const contents: readonly JsonObject[] = result.output;
  return contents.flatMap((content) => (typeof content['text'] === 'string' ? [content['text']] : [])).join('\n');
}
