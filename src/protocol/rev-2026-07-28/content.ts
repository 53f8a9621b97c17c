import { complete } from '../completions.ts';
import { invalidParams } from '../errors.ts';
import { onePage, optionalObject, optionalText, requiredText } from '../params.ts';
import { listPrompts, openPrompt } from '../prompts.ts';
import { listResources, listTemplates, readResource } from '../resources.ts';
import { missingCapabilities } from './capability-error.ts';
import { abilitiesOf, canMeet, requiredCapabilities, wireRequest } from './codec.ts';
import type { HandlerTable } from './request.ts';

/** The name of a prompt's question in `inputRequests`: the word by which its messages read the answer. */
const QUESTION = 'answer';

/** Resources, prompts and completions. */
export const contentHandlers: HandlerTable = {
  'resources/list': async (params, { caller, deps }) => ({
    ...(await listResources(optionalText(params, 'cursor'), caller, deps)),
  }),
  'resources/templates/list': (params, { deps }) => {
    onePage(params);
    return { resourceTemplates: listTemplates(deps) };
  },
  'resources/read': (params, { caller, deps }) => readResource(requiredText(params, 'uri'), caller, deps),
  'prompts/list': (params, { deps }) => {
    onePage(params);
    return { prompts: listPrompts(deps) };
  },
  'prompts/get': async (params, { deps, capabilities, inputResponses, malformedResponses }) => {
    const args = optionalObject(params, 'arguments') ?? {};
    const { question, messages } = await openPrompt(requiredText(params, 'name'), args, deps);
    if (question === undefined) return messages();
    const response = inputResponses?.[QUESTION];
    if (response !== undefined) return messages(response);
    if (malformedResponses.includes(QUESTION)) {
      throw invalidParams(`params/inputResponses/${QUESTION}: an object is expected`);
    }
    if (!canMeet(question, abilitiesOf(capabilities))) {
      const what = `the prompt '${requiredText(params, 'name')}'`;
      throw missingCapabilities(requiredCapabilities([question]), what, 'It asks a person first.');
    }
    return { resultType: 'input_required', inputRequests: { [QUESTION]: wireRequest(question) } };
  },
  'completion/complete': (params, { caller, deps }) => {
    const ref = optionalObject(params, 'ref');
    const argument = optionalObject(params, 'argument');
    if (ref === undefined || argument === undefined) throw invalidParams('params: ref and argument are expected');
    const name = requiredText(argument, 'name');
    return complete(ref, { name, value: requiredText(argument, 'value') }, caller, deps);
  },
};
