import { complete } from '../completions.ts';
import { invalidParams } from '../errors.ts';
import { optionalObject, optionalText, requiredText } from '../params.ts';
import { getPrompt, listPrompts } from '../prompts.ts';
import { listResources, readResource, RESOURCE_TEMPLATES } from '../resources.ts';
import type { HandlerTable } from './request.ts';

/** Resources, prompts and completions. */
export const contentHandlers: HandlerTable = {
  'resources/list': async (params, { caller, deps }) => ({
    ...(await listResources(optionalText(params, 'cursor'), caller, deps)),
  }),
  'resources/templates/list': () => ({ resourceTemplates: RESOURCE_TEMPLATES }),
  'resources/read': (params, { caller, deps }) => readResource(requiredText(params, 'uri'), caller, deps),
  'prompts/list': (_params, { deps }) => ({ prompts: listPrompts(deps) }),
  'prompts/get': (params, { deps }) =>
    getPrompt(requiredText(params, 'name'), optionalObject(params, 'arguments') ?? {}, deps),
  'completion/complete': (params, { caller, deps }) => {
    const ref = optionalObject(params, 'ref');
    const argument = optionalObject(params, 'argument');
    if (ref === undefined || argument === undefined) throw invalidParams('params: ref and argument are expected');
    const name = requiredText(argument, 'name');
    return complete(ref, { name, value: requiredText(argument, 'value') }, caller, deps);
  },
};
