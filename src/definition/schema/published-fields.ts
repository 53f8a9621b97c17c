/** What a definition publishes beside its tool: a prompt in its own words, and resources. */
import { z } from 'zod';
import { WORKFLOW_NAME } from './names.ts';

const MAX_ENTRIES = 100;

const title = z.string().optional().describe('Name for people.');

const common = {
  annotations: z.record(z.string(), z.unknown()).optional().describe('`audience`, `priority`, `lastModified`.'),
  _meta: z.record(z.string(), z.unknown()).optional().describe('For clients that know it.'),
};

const mimeType = z.string().optional().describe('Its MIME type.');

const block = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string().describe('The text. Templates.'), ...common }),
  z.strictObject({
    type: z.literal('image'),
    data: z.string().describe('The image, base64.'),
    mimeType: z.string().describe('Its MIME type.'),
    ...common,
  }),
  z.strictObject({
    type: z.literal('audio'),
    data: z.string().describe('The sound, base64.'),
    mimeType: z.string().describe('Its MIME type.'),
    ...common,
  }),
  z.strictObject({
    type: z.literal('resource'),
    resource: z
      .strictObject({
        uri: z.string().min(1).describe('Its URI. Templates.'),
        mimeType,
        text: z.string().optional().describe('Its text. Templates.'),
        blob: z.string().optional().describe('Its bytes, base64.'),
        _meta: common._meta,
      })
      .describe('A resource with its content.'),
    ...common,
  }),
  z.strictObject({
    type: z.literal('resource_link'),
    uri: z.string().min(1).describe('Its URI. Templates.'),
    name: z.string().describe('Its name.'),
    title,
    description: z.string().optional().describe('What it holds.'),
    mimeType,
    ...common,
  }),
]);

const argument = z.strictObject({
  name: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_-]*$/, {
      error: 'the name of an argument starts with a letter or _ and goes on with letters, digits, _ and -',
    })
    .describe('Its name; `{{input.<name>}}` in the messages.'),
  title,
  description: z.string().optional().describe('What it is for.'),
  required: z.boolean().optional().describe('The prompt cannot be had without it. Default false.'),
  values: z.array(z.string()).max(MAX_ENTRIES).optional().describe('Values that clients complete from.'),
});

/** `prompt` of a definition. */
export const prompt = z
  .strictObject({
    name: z
      .string()
      .regex(WORKFLOW_NAME, { error: 'the name of a prompt has 1 to 128 letters, digits, _, . and -' })
      .optional()
      .describe('Its name, to publish it beside the prompt of the workflow. Default: it takes the place of that one.'),
    title,
    description: z.string().optional().describe('What it is for.'),
    arguments: z.array(argument).max(MAX_ENTRIES).optional().describe('Its arguments. Default: those of the workflow.'),
    ask: z
      .strictObject({
        message: z.string().min(1).describe('The question. Templates.'),
        schema: z
          .record(z.string(), z.unknown())
          .describe('What to enter: a flat JSON Schema object; `{{answer.<property>}}` in the messages.'),
      })
      .optional()
      .describe('A form for the person, before the messages are made.'),
    messages: z
      .array(
        z.strictObject({
          role: z.enum(['user', 'assistant']).describe('Who says it.'),
          content: z.union([z.string(), block]).describe('A text, or a content block. Templates.'),
        }),
      )
      .min(1)
      .max(MAX_ENTRIES)
      .describe('What is said. Templates read `input`, `answer` and `workflow.name`.'),
  })
  .describe('A prompt of its own.');

/** What `validate` says as well: exactly one of each. */
const ONE_EACH = [
  ['uri', 'uri_template'],
  ['text', 'blob', 'file'],
].map((keys) => ({ oneOf: keys.map((key) => ({ required: [key] })) }));

/** `resources` of a definition. */
export const resources = z
  .array(
    z
      .strictObject({
        uri: z
          .string()
          .min(1)
          .max(2048)
          .optional()
          .describe('Its URI, with a scheme, e.g. `docs://release/checklist`.'),
        uri_template: z
          .string()
          .min(1)
          .max(2048)
          .optional()
          .describe('Instead of `uri`: a URI with variables, e.g. `docs://errors/{code}`.'),
        name: z.string().min(1).describe('Its name.'),
        title,
        description: z.string().optional().describe('What it holds and when to read it; models read this.'),
        mime_type: z.string().min(1).optional().describe('Its MIME type. Default: by the file, else plain text.'),
        text: z.string().optional().describe('Its text. With `uri_template`: a template over `{{input.<variable>}}`.'),
        blob: z.base64().optional().describe('Its bytes, base64.'),
        file: z
          .string()
          .min(1)
          .optional()
          .describe('Its content: a file beside this one, inside the folder of definitions.'),
      })
      .meta({ allOf: ONE_EACH }),
  )
  .max(MAX_ENTRIES)
  .describe('Resources that go with the workflow: documentation, templates, reference data.');
