import { describe, expect, test } from 'vitest';
import { parseDefinition } from '../../src/definition/parse.ts';
import type { LoadedDefinition } from '../../src/definition/model.ts';
import { KnownTasks, type Caller } from '../../src/protocol/caller.ts';
import { complete } from '../../src/protocol/completions.ts';
import { DEFAULT_PROTOCOL_SETTINGS } from '../../src/protocol/deps.ts';
import { ResourceNotFound } from '../../src/protocol/errors.ts';
import { watchOwnResource } from '../../src/protocol/own-resources.ts';
import { listPrompts, openPrompt } from '../../src/protocol/prompts.ts';
import { listResources, listTemplates, readResource } from '../../src/protocol/resources.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';
import { protocolDeps } from '../support/protocol-deps.ts';

const caller: Caller = { principal: 'local', identified: true, listsAll: true, known: new KnownTasks() };
type Deps = ReturnType<typeof protocolDeps>;

function publish(deps: Deps, name: string, lines: string, files?: LoadedDefinition['files']): void {
  const text = `name: ${name}\nsteps: [{id: a, type: succeed}]\n${lines}`;
  const { loaded, issues } = parseDefinition(text, `${name}.yaml`, stepSyntaxes);
  if (loaded === undefined) throw new Error(issues.map(({ message }) => message).join('; '));
  deps.definitions.set(loaded.definition, files);
}

const REVIEW = `description: Reviews a release.
variables: {input: {version: "1.0"}}
prompt:
  name: review
  title: Review
  arguments: [{name: version, required: true, values: [1.0.0, 2.0.0]}, {name: focus, description: On what.}]
  messages:
    - {role: user, content: "Review {{input.version}} of {{workflow.name}}.{{input.focus | default: ''}}"}
    - role: user
      content: {type: resource, resource: {uri: "docs://{{input.version}}", text: "{{input.focus}}"}}
`;

async function messagesOf(deps: Deps, name: string, args: Record<string, string>, response?: object): Promise<unknown> {
  const opened = await openPrompt(name, args, deps);
  return (await opened.messages(response as never))['messages'];
}

describe('a prompt of its own', () => {
  test('with a name stands beside the prompt of its workflow, without one takes its place', async () => {
    const deps = protocolDeps();
    publish(deps, 'release', REVIEW);
    publish(deps, 'notes', 'prompt: {description: Mine., messages: [{role: user, content: Write notes.}]}\n');
    expect(listPrompts(deps)).toEqual([
      { name: 'notes', description: 'Mine.', arguments: [] },
      {
        name: 'release',
        description: "When and how to run the workflow 'release'.",
        arguments: [expect.objectContaining({ name: 'version' })],
      },
      {
        name: 'review',
        title: 'Review',
        description: 'Reviews a release.',
        arguments: [
          { name: 'version', required: true },
          { name: 'focus', description: 'On what.', required: false },
        ],
      },
    ]);
    expect(await messagesOf(deps, 'notes', {})).toEqual([
      { role: 'user', content: { type: 'text', text: 'Write notes.' } },
    ]);
    expect(JSON.stringify(await messagesOf(deps, 'release', { version: '3' }))).toContain('exactly once');
  });

  test('has its templates rendered once, and every text stays a text', async () => {
    const deps = protocolDeps();
    publish(deps, 'release', REVIEW);
    expect(await messagesOf(deps, 'review', { version: '{{workflow.name}}' })).toEqual([
      { role: 'user', content: { type: 'text', text: 'Review {{workflow.name}} of release.' } },
      { role: 'user', content: { type: 'resource', resource: { uri: 'docs://{{workflow.name}}', text: '' } } },
    ]);
  });

  test('an argument that is required and missing is refused', async () => {
    const deps = protocolDeps();
    publish(deps, 'release', REVIEW);
    await expect(openPrompt('review', { focus: 'x' }, deps)).rejects.toMatchObject({ code: -32602 });
  });

  test('without arguments of its own takes those of the workflow, with their defaults', async () => {
    const deps = protocolDeps();
    const prompt = 'prompt: {messages: [{role: user, content: "{{input.who}} {{input.count}}"}]}\n';
    publish(deps, 'greet', `variables: {input: {who: world, count: 2}}\n${prompt}`);
    expect(await messagesOf(deps, 'greet', { who: 'Ada' })).toEqual([
      { role: 'user', content: { type: 'text', text: 'Ada 2' } },
    ]);
  });

  test('completes its arguments from their values', async () => {
    const deps = protocolDeps();
    publish(deps, 'release', REVIEW);
    const { completion } = await complete(
      { type: 'ref/prompt', name: 'review' },
      { name: 'version', value: '2' },
      caller,
      deps,
    );
    expect(completion).toMatchObject({ values: ['2.0.0'] });
  });

  test('that fails to render says why', async () => {
    const deps = protocolDeps();
    publish(
      deps,
      'bad',
      'prompt: {messages: [{role: user, content: "{% $number(input.n) %}"}], arguments: [{name: n}]}\n',
    );
    expect(await messagesOf(deps, 'bad', { n: '12' })).toEqual([
      { role: 'user', content: { type: 'text', text: '12' } },
    ]);
    await expect(messagesOf(deps, 'bad', { n: 'twelve' })).rejects.toMatchObject({ code: -32602 });
  });

  test('is not published when its workflow is not', async () => {
    const settings = { ...DEFAULT_PROTOCOL_SETTINGS, expose: { names: ['other'], tags: [] } };
    const deps = protocolDeps({ settings });
    publish(deps, 'release', `${REVIEW}resources: [{uri: "docs://a", name: a, text: x}]\n`);
    expect(listPrompts(deps)).toEqual([]);
    await expect(openPrompt('review', { version: '1' }, deps)).rejects.toMatchObject({ code: -32602 });
    await expect(readResource('docs://a', caller, deps)).rejects.toBeInstanceOf(ResourceNotFound);
  });
});

describe('a prompt that asks', () => {
  const ASKS = `prompt:
  arguments: [{name: topic}]
  ask:
    message: "How long about {{input.topic}}?"
    schema: {type: object, properties: {words: {type: integer}}, required: [words]}
  messages: [{role: user, content: "{{answer.words}} words"}]
`;
  function setUp(): Deps {
    const deps = protocolDeps();
    publish(deps, 'essay', ASKS);
    return deps;
  }

  test('puts its question with the arguments in it, and reads the answer', async () => {
    const deps = setUp();
    const { question } = await openPrompt('essay', { topic: 'tea' }, deps);
    expect(question).toEqual({
      method: 'elicitation/create',
      params: {
        mode: 'form',
        message: 'How long about tea?',
        requestedSchema: { type: 'object', properties: { words: { type: 'integer' } }, required: ['words'] },
      },
    });
    expect(await messagesOf(deps, 'essay', {}, { action: 'accept', content: { words: 50 } })).toEqual([
      { role: 'user', content: { type: 'text', text: '50 words' } },
    ]);
  });

  test.each([
    [{ action: 'accept', content: { words: 'many' } }, 'words'],
    [{ action: 'accept' }, 'content'],
    [{ action: 'perhaps' }, 'action'],
    [{ action: 'decline' }, 'decline'],
    [{ action: 'cancel' }, 'cancel'],
    [undefined, 'object'],
  ])('makes no messages of %j', async (response, word) => {
    await expect(messagesOf(setUp(), 'essay', {}, response)).rejects.toThrow(word);
  });
});

const RESOURCES = `resources:
  - {uri: "docs://release/checklist", name: checklist, title: Checklist, file: checklist.md}
  - {uri: "docs://logo", name: logo, file: logo.png}
  - {uri: "docs://bytes", name: bytes, blob: AAEC}
  - {uri: "docs://plain", name: plain, description: Plain., text: "{{stays}}"}
  - {uri_template: "docs://errors/{code}", name: errors, mime_type: application/json, text: '{"code": {{input.code | json}}}'}
`;
const FILES = { 'checklist.md': { text: '# One' }, 'logo.png': { blob: 'iVD/' } };

describe('resources of its own', () => {
  function setUp(): Deps {
    const deps = protocolDeps();
    publish(deps, 'release', RESOURCES, FILES);
    return deps;
  }
  const read = async (uri: string, deps: Deps): Promise<unknown> => (await readResource(uri, caller, deps))['contents'];

  test('are listed after the definitions, with the types of their files', async () => {
    const { resources } = await listResources(undefined, caller, setUp());
    expect(resources.slice(2)).toEqual([
      { uri: 'docs://release/checklist', name: 'checklist', title: 'Checklist', mimeType: 'text/markdown' },
      { uri: 'docs://logo', name: 'logo', mimeType: 'image/png' },
      { uri: 'docs://bytes', name: 'bytes', mimeType: 'application/octet-stream' },
      { uri: 'docs://plain', name: 'plain', description: 'Plain.', mimeType: 'text/plain' },
    ]);
    expect(listTemplates(setUp()).at(-1)).toEqual({
      uriTemplate: 'docs://errors/{code}',
      name: 'errors',
      mimeType: 'application/json',
    });
  });

  test('whose file is missing is listed, and reading it says which file and why', async () => {
    const deps = protocolDeps();
    const lines = 'resources:\n  - {uri: "docs://gone", name: gone, file: gone.md}\n';
    publish(deps, 'a', lines, { 'gone.md': { problem: "the file 'gone.md': it does not exist" } });
    const { resources } = await listResources(undefined, caller, deps);
    expect(resources.at(-1)).toEqual({ uri: 'docs://gone', name: 'gone', mimeType: 'text/markdown' });
    await expect(read('docs://gone', deps)).rejects.toMatchObject({
      code: -32603,
      message: "the file 'gone.md': it does not exist",
    });
  });

  test('are read as they stand; behind a variable the text is a template, its values kept as texts', async () => {
    const deps = setUp();
    expect(await read('docs://release/checklist', deps)).toEqual([
      { uri: 'docs://release/checklist', mimeType: 'text/markdown', text: '# One' },
    ]);
    expect(await read('docs://logo', deps)).toEqual([{ uri: 'docs://logo', mimeType: 'image/png', blob: 'iVD/' }]);
    expect(await read('docs://plain', deps)).toMatchObject([{ text: '{{stays}}' }]);
    expect(await read('docs://errors/%7B%7Binput%7D%7D%22', deps)).toMatchObject([
      { text: String.raw`{"code": "{{input}}\""}` },
    ]);
    await expect(read('docs://errors/a/b', deps)).rejects.toBeInstanceOf(ResourceNotFound);
    await expect(read('docs://nothing', deps)).rejects.toBeInstanceOf(ResourceNotFound);
  });

  test('of two workflows under one URI the first by name is read', async () => {
    const deps = protocolDeps();
    publish(deps, 'b', 'resources: [{uri: "docs://x", name: x, text: of b}]\n');
    publish(deps, 'a', 'resources: [{uri: "docs://x", name: x, text: of a}]\n');
    expect(await read('docs://x', deps)).toMatchObject([{ text: 'of a' }]);
    const { resources } = await listResources(undefined, caller, deps);
    expect(resources.filter(({ uri }) => uri === 'docs://x')).toHaveLength(1);
  });

  test('tell who watches them when they read differently or are gone, and not otherwise', () => {
    const deps = setUp();
    const seen: string[] = [];
    const watch = (uri: string): (() => void) | undefined => watchOwnResource(uri, () => seen.push(uri), deps);
    const stop = watch('docs://release/checklist');
    watch('docs://errors/7');
    expect(watch('docs://nothing')).toBeUndefined();
    publish(deps, 'other', '');
    publish(deps, 'release', `description: New.\n${RESOURCES}`, FILES);
    expect(seen).toEqual([]);
    publish(deps, 'release', RESOURCES, { ...FILES, 'checklist.md': { text: '# Two' } });
    expect(seen).toEqual(['docs://release/checklist']);
    publish(deps, 'release', '');
    expect(seen).toEqual(['docs://release/checklist', 'docs://release/checklist', 'docs://errors/7']);
    stop?.();
    publish(deps, 'release', RESOURCES, FILES);
    expect(seen).toHaveLength(4);
  });
});
