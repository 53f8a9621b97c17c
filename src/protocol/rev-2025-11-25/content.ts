import { complete } from '../completions.ts';
import { invalidParams } from '../errors.ts';
import { onePage, optionalObject, optionalText, requiredText } from '../params.ts';
import { listPrompts, openPrompt } from '../prompts.ts';
import { assertReadable, listResources, listTemplates, readResource } from '../resources.ts';
import { askClient, canAsk } from './asker.ts';
import type { HandlerTable } from './session.ts';

/** Resources, prompts, completions and the logging level. */
export const contentHandlers: HandlerTable = {
  'resources/list': async (params, _extra, { caller, deps }) => ({
    ...(await listResources(optionalText(params, 'cursor'), caller, deps)),
  }),
  'resources/templates/list': (params, _extra, { deps }) => {
    onePage(params);
    return { resourceTemplates: listTemplates(deps) };
  },
  'resources/read': (params, _extra, { caller, deps }) => readResource(requiredText(params, 'uri'), caller, deps),
  'resources/subscribe': async (params, _extra, session) => {
    const uri = requiredText(params, 'uri');
    await assertReadable(uri, session.caller, session.deps);
    session.notifier.subscribe(uri);
    return {};
  },
  'resources/unsubscribe': (params, _extra, session) => {
    session.notifier.unsubscribe(requiredText(params, 'uri'));
    return {};
  },
  'prompts/list': (params, _extra, { deps }) => {
    onePage(params);
    return { prompts: listPrompts(deps) };
  },
  'prompts/get': async (params, extra, session) => {
    const args = optionalObject(params, 'arguments') ?? {};
    const { question, messages } = await openPrompt(requiredText(params, 'name'), args, session.deps);
    if (question === undefined) return messages();
    if (!canAsk(session, question)) throw invalidParams('This prompt asks a person, and this client shows no forms');
    return messages(await askClient(session, extra.requestId, question, extra.signal));
  },
  'completion/complete': (params, _extra, { caller, deps }) => {
    const ref = optionalObject(params, 'ref');
    const argument = optionalObject(params, 'argument');
    if (ref === undefined || argument === undefined) throw invalidParams('params: ref and argument are expected');
    const name = requiredText(argument, 'name');
    return complete(ref, { name, value: requiredText(argument, 'value') }, caller, deps);
  },
  'logging/setLevel': (params, _extra, session) => {
    session.notifier.setLevel(requiredText(params, 'level'));
    return {};
  },
};
