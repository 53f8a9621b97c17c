/** The resources that definitions publish beside their workflows, by their own URIs. */
import { ownProperty, type JsonObject } from '../core/json.ts';
import { renderTexts } from '../definition/expression/render-texts.ts';
import type { AttachedFile, LoadedDefinition, MissingFile, WorkflowResource } from '../definition/model.ts';
import { matchUri, parseUriTemplate, type UriTemplate } from '../definition/uri-template.ts';
import type { ProtocolDeps } from './deps.ts';
import { RPC, WireError } from './errors.ts';
import { exposed } from './tools.ts';

type ResourceDeps = Pick<ProtocolDeps, 'definitions' | 'settings'>;

interface OwnResource {
  readonly resource: WorkflowResource;
  readonly loaded: LoadedDefinition;
}

/** Those with a URI, in the order of the workflows' names; of two with one URI the first. */
export function listOwnResources(deps: ResourceDeps): readonly JsonObject[] {
  return [...byUri(deps).values()].map((own) => ({ uri: own.resource.uri ?? '', ...descriptionOf(own) }));
}

/** Those with variables in their URI. */
export function listOwnTemplates(deps: ResourceDeps): readonly JsonObject[] {
  const templates = new Map<string, OwnResource>();
  for (const own of all(deps)) {
    const template = own.resource.uri_template;
    if (template !== undefined && !templates.has(template)) templates.set(template, own);
  }
  return [...templates].map(([uriTemplate, own]) => ({ uriTemplate, ...descriptionOf(own) }));
}

/**
 * The answer to `resources/read`; `undefined` when no published workflow has such a resource. Rejects with the reason
 * when its file is missing.
 */
export async function readOwnResource(uri: string, deps: ResourceDeps): Promise<JsonObject | undefined> {
  const found = find(uri, deps);
  if (found === undefined) return undefined;
  const { own, variables } = found;
  const content = contentOf(own);
  if (content === undefined) return undefined;
  if ('problem' in content) throw new WireError(RPC.internalError, content.problem);
  const mimeType = mimeTypeOf(own.resource, content);
  const body =
    variables === undefined || !('text' in content)
      ? content
      : { text: await renderTexts(content.text, { input: variables }) };
  return { contents: [{ uri, mimeType, ...body }] };
}

/** Whether there is such a resource now. */
export function hasOwnResource(uri: string, deps: ResourceDeps): boolean {
  return find(uri, deps) !== undefined;
}

/**
 * Calls `changed` whenever the resource reads differently, or is gone, because a definition or a file beside it has
 * changed. `undefined` when there is no such resource.
 */
export function watchOwnResource(uri: string, changed: () => void, deps: ResourceDeps): (() => void) | undefined {
  let before = stateOf(uri, deps);
  if (before === undefined) return undefined;
  return deps.definitions.onChange(() => {
    const now = stateOf(uri, deps);
    if (now === before) return;
    before = now;
    changed();
  });
}

/** Everything that a reading of it depends on. */
function stateOf(uri: string, deps: ResourceDeps): string | undefined {
  const found = find(uri, deps);
  return found === undefined ? undefined : JSON.stringify([found.own.resource, contentOf(found.own)]);
}

function find(
  uri: string,
  deps: ResourceDeps,
): { readonly own: OwnResource; readonly variables?: JsonObject } | undefined {
  const fixed = byUri(deps).get(uri);
  if (fixed !== undefined) return { own: fixed };
  for (const own of all(deps)) {
    const template = templateOf(own.resource);
    const variables = template === undefined ? undefined : matchUri(template, uri);
    if (variables !== undefined) return { own, variables };
  }
  return undefined;
}

function byUri(deps: ResourceDeps): ReadonlyMap<string, OwnResource> {
  const found = new Map<string, OwnResource>();
  for (const own of all(deps)) {
    const { uri } = own.resource;
    if (uri !== undefined && !found.has(uri)) found.set(uri, own);
  }
  return found;
}

function all(deps: ResourceDeps): readonly OwnResource[] {
  return exposed(deps).flatMap((loaded) =>
    (loaded.definition.resources ?? []).map((resource) => ({ resource, loaded })),
  );
}

function templateOf({ uri_template: text }: WorkflowResource): UriTemplate | undefined {
  const template = text === undefined ? undefined : parseUriTemplate(text);
  return typeof template === 'string' ? undefined : template;
}

function contentOf({ resource, loaded }: OwnResource): AttachedFile | MissingFile | undefined {
  const { text, blob, file } = resource;
  if (text !== undefined) return { text };
  if (blob !== undefined) return { blob };
  const { files } = loaded;
  return file === undefined || files === undefined || !Object.hasOwn(files, file) ? undefined : files[file];
}

function descriptionOf(own: OwnResource): JsonObject {
  const { name, title, description } = own.resource;
  const content = contentOf(own);
  const mimeType = content === undefined ? own.resource.mime_type : mimeTypeOf(own.resource, content);
  return {
    name,
    ...(title === undefined ? {} : { title }),
    ...(description === undefined ? {} : { description }),
    ...(mimeType === undefined ? {} : { mimeType }),
  };
}

/** What people most often put beside a workflow. */
const TYPES: JsonObject = {
  csv: 'text/csv',
  gif: 'image/gif',
  html: 'text/html',
  jpeg: 'image/jpeg',
  jpg: 'image/jpeg',
  json: 'application/json',
  md: 'text/markdown',
  pdf: 'application/pdf',
  png: 'image/png',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  webp: 'image/webp',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
};

function mimeTypeOf({ mime_type: given, file }: WorkflowResource, content: AttachedFile | MissingFile): string {
  if (given !== undefined) return given;
  const type = ownProperty(TYPES, /\.([^./\\]+)$/u.exec(file ?? '')?.[1]?.toLowerCase() ?? '');
  if (typeof type === 'string') return type;
  return 'blob' in content ? 'application/octet-stream' : 'text/plain';
}
