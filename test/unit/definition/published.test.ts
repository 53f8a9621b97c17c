import { mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { silentLogger } from '../../../src/core/logger.ts';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { DefinitionRegistry } from '../../../src/definition/registry.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { waitUntil } from '../../support/wait-until.ts';

const STEPS = 'steps: [{id: a, type: succeed}]\n';

function parse(lines: string) {
  return parseDefinition(`name: test\n${STEPS}${lines}`, 'test.yaml', stepSyntaxes);
}

/** `severity code path message` of every issue of a definition with these lines. */
function issues(lines: string): string[] {
  return parse(lines).issues.map(({ severity, code, path, message }) => `${severity} ${code} ${path} ${message}`);
}

describe('a prompt of a definition', () => {
  it('keeps its blocks, and a text becomes a text block', () => {
    const { loaded } = parse(
      'prompt:\n  messages:\n    - {role: user, content: "Do {{workflow.name}}", x-note: mine}\n    - role: assistant\n      content: {type: image, data: AA==, mimeType: image/png}\n',
    );
    expect(loaded?.definition.prompt?.messages).toEqual([
      { role: 'user', content: { type: 'text', text: 'Do {{workflow.name}}' } },
      { role: 'assistant', content: { type: 'image', data: 'AA==', mimeType: 'image/png' } },
    ]);
  });

  it('reads its own arguments, the answer of its form and the workflow, and nothing else', () => {
    expect(
      issues(
        `prompt:
  arguments: [{name: topic}]
  ask: {message: "About {{input.topic}} or {{answer.mood}}?", schema: {type: object, properties: {mood: {type: string}}}}
  messages:
    - {role: user, content: "{{input.topic}} {{answer.mood}} {{workflow.name}}"}
    - {role: user, content: "{{input.topci}} {{answer.mod}} {{a.output}} {{task.id}} {{input.topic | nope}}"}
`,
      ),
    ).toEqual([
      "error unknown_variable /prompt/ask/message 'answer' unknown",
      "error unknown_variable /prompt/messages/1/content 'input.topci' unknown",
      "error unknown_variable /prompt/messages/1/content 'answer.mod' unknown",
      "error unknown_variable /prompt/messages/1/content 'a' unknown",
      "error unknown_variable /prompt/messages/1/content 'task' unknown",
      "error unknown_filter /prompt/messages/1/content unknown filter 'nope'",
    ]);
  });

  it('without arguments of its own has those of the workflow', () => {
    const prompt = 'prompt: {messages: [{role: user, content: "{{input.url}} {{input.other}}"}]}\n';
    expect(issues(`variables: {input: {url: x}}\n${prompt}`)).toEqual([
      "error unknown_variable /prompt/messages/0/content 'input.other' unknown",
    ]);
  });

  it.each([
    ['messages: []', 'invalid_value /prompt/messages'],
    ['messages: [{role: system, content: x}]', 'invalid_value /prompt/messages/0/role'],
    ['messages: [{role: user, content: {type: video}}]', 'invalid_value /prompt/messages/0/content/type'],
    [
      'messages: [{role: user, content: {type: resource, resource: {uri: "a:b"}}}]',
      'missing_key /prompt/messages/0/content/resource',
    ],
    ['arguments: [{name: a}, {name: a}], messages: [{role: user, content: x}]', 'duplicate_name /prompt/arguments/1'],
    ['ask: {message: x, schema: {type: string}}, messages: [{role: user, content: x}]', 'invalid_schema /prompt/ask'],
    [
      'ask: {message: x, schema: {type: object, properties: {password: {type: string}}}}, messages: [{role: user, content: x}]',
      'secret_in_form /prompt/ask/schema/properties/password',
    ],
  ])('%s: %s', (prompt, expected) => {
    const found = issues(`prompt: {${prompt}}\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });
});

describe('resources of a definition', () => {
  it('text behind a fixed URI is no template, text behind variables is one', () => {
    expect(
      issues(
        'resources:\n  - {uri: "docs://a", name: a, text: "{{anything.goes}}"}\n  - {uri_template: "docs://b/{id}", name: b, text: "{{input.id}} {{input.other}}"}\n',
      ),
    ).toEqual(["error unknown_variable /resources/1/text 'input.other' unknown"]);
  });

  it.each([
    ['name: a, text: x', 'missing_key /resources/0 `uri` or `uri_template` is missing'],
    ['uri: "a:b", uri_template: "a:{b}", name: a, text: x', 'invalid_value /resources/0/uri_template'],
    ['uri: "a:b", name: a', 'missing_key /resources/0 `text` or `blob` or `file` is missing'],
    ['uri: "a:b", name: a, text: x, file: y', 'invalid_value /resources/0/file'],
    ['uri: "a:b", name: a, blob: "no base64!"', 'invalid_value /resources/0/blob'],
    ['uri: checklist, name: a, text: x', 'invalid_uri /resources/0/uri'],
    ['uri: "docs://a b", name: a, text: x', 'invalid_uri /resources/0/uri'],
    ['uri: "docs://{b}", name: a, text: x', 'invalid_uri /resources/0/uri'],
    ['uri: "workflow://schema", name: a, text: x', 'invalid_uri /resources/0/uri'],
    ['uri_template: "WORKFLOW://tasks/{taskId}", name: a, text: x', 'invalid_uri /resources/0/uri_template'],
    ['uri_template: "docs://a", name: a, text: x', 'invalid_uri /resources/0/uri_template'],
    ['uri_template: "{a}://b", name: a, text: x', 'invalid_uri /resources/0/uri_template'],
    ['uri_template: "docs://{b}", name: a, blob: AAAA', 'invalid_value /resources/0/blob'],
  ])('{%s}: %s', (resource, expected) => {
    const found = issues(`resources: [{${resource}}]\n`);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(expected);
  });

  it('a URI stands in one definition once', () => {
    expect(
      issues('resources: [{uri: "a:b", name: a, text: x}, {uri: "a:b", name: c, text: y}]\n').map((issue) =>
        issue.slice(0, 40),
      ),
    ).toEqual(['error duplicate_uri /resources/1 another']);
  });
});

describe('files beside a definition', () => {
  let dir: string;
  let remove: () => Promise<void>;
  let registry: DefinitionRegistry | undefined;
  beforeEach(async () => {
    ({ path: dir, remove } = await tempDir());
  });
  afterEach(async () => {
    registry?.close();
    registry = undefined;
    await remove();
  });

  const write = (file: string, text: string | Buffer): Promise<void> => writeFile(join(dir, file), text);
  const attach = (file: string, name = 'a'): string =>
    `name: ${name}\n${STEPS}resources:\n  - {uri: "docs://${name}", name: r, file: "${file}"}\n`;
  async function load(): Promise<DefinitionRegistry> {
    registry = await DefinitionRegistry.load({
      dir,
      syntaxes: stepSyntaxes,
      logger: silentLogger,
      clock: systemClock,
    });
    return registry;
  }
  const problems = (from: DefinitionRegistry): string[] =>
    from.issues().map(({ severity, file, line, code }) => `${severity} ${file.slice(dir.length + 1)}:${line} ${code}`);

  it('are read as text when they are UTF-8, else as base64, relative to the definition', async () => {
    await mkdir(join(dir, 'sub'));
    await write('sub/a.yaml', attach('../guide.md'));
    await write('guide.md', 'Grüße');
    await write('b.yaml', attach('pixel.png', 'b'));
    await write('pixel.png', Buffer.from([0x89, 0x50, 0xff]));
    const loaded = await load();
    expect(loaded.issues()).toEqual([]);
    expect(loaded.get('a')?.files).toEqual({ '../guide.md': { text: 'Grüße' } });
    expect(loaded.get('b')?.files).toEqual({ 'pixel.png': { blob: 'iVD/' } });
  });

  it('that cannot be had are an error at the place that names them, and the workflow is there without them', async () => {
    const outside = await tempDir();
    try {
      await writeFile(join(outside.path, 'secret.txt'), 'secret');
      await symlink(join(outside.path, 'secret.txt'), join(dir, 'link.txt'));
      await mkdir(join(dir, 'folder'));
      await write('.env', 'TOKEN=1');
      await write('big.txt', 'x'.repeat(1_100_000));
      const named = ['none.txt', '../secret.txt', 'link.txt', 'folder', '.env', 'big.txt', '/etc/hostname'];
      for (const [index, file] of named.entries()) await write(`d${index}.yaml`, attach(file, `d${index}`));
      const loaded = await load();
      expect(loaded.list().map(({ files }) => Object.values(files ?? {}))).toEqual(
        named.map((file) => [{ problem: expect.stringContaining(`the file '${file}': `) as string }]),
      );
      expect(JSON.stringify(loaded.list())).not.toMatch(/secret"|TOKEN/u);
      expect(problems(loaded)).toEqual([
        'error d0.yaml:4 unreadable',
        expect.stringMatching(/^error d1\.yaml:4 (?:unreadable|outside_folder)$/u),
        'error d2.yaml:4 outside_folder',
        'error d3.yaml:4 not_a_file',
        'error d4.yaml:4 outside_folder',
        'error d5.yaml:4 too_large',
        'error d6.yaml:4 outside_folder',
      ]);
    } finally {
      await outside.remove();
    }
  });

  it('that end in .json or .yaml and are no definitions are data, those that are stay definitions', async () => {
    await write('a.yaml', attach('prices.json'));
    await write('prices.json', '{"apple": 3}');
    await write('b.yaml', attach('a.yaml', 'b'));
    await write('stray.json', '{"pear": 4}');
    const loaded = await load();
    expect(loaded.list().map(({ definition }) => definition.name)).toEqual(['a', 'b']);
    expect(new Set(loaded.issues().map(({ file }) => file))).toEqual(new Set([join(dir, 'stray.json')]));
  });

  it('that change are a change of their definition, noticed while the folder is watched', async () => {
    await write('a.yaml', attach('guide.md'));
    await write('b.yaml', `name: b\n${STEPS}`);
    await write('guide.md', 'one');
    const loaded = await load();
    const changed: string[] = [];
    loaded.onChange((change) => changed.push(...change.changed));
    loaded.watch();
    const { digest } = loaded.get('a') ?? {};
    await write('guide.md', 'two');
    await waitUntil('the change is read', () => changed.length > 0);
    expect(changed).toEqual(['a']);
    expect(loaded.get('a')).toMatchObject({ digest, files: { 'guide.md': { text: 'two' } } });
  });

  it('that vanish keep their last content, and one that was never there has none', async () => {
    await write('a.yaml', attach('guide.md'));
    await write('guide.md', 'one');
    const loaded = await load();
    await rm(join(dir, 'guide.md'));
    await loaded.reload();
    expect(problems(loaded)).toEqual(['error a.yaml:4 unreadable']);
    expect(loaded.get('a')?.files).toEqual({ 'guide.md': { text: 'one' } });
    await write('a.yaml', attach('gone.md'));
    await loaded.reload();
    expect(loaded.get('a')?.files).toEqual({ 'gone.md': { problem: expect.stringContaining('gone.md') as string } });
    await write('gone.md', 'here');
    await loaded.reload();
    expect([problems(loaded), loaded.get('a')?.files]).toEqual([[], { 'gone.md': { text: 'here' } }]);
  });

  it('a prompt or a URI that two definitions have is the first one’s, with a warning at the other', async () => {
    const prompt = (name: string, of: string): string =>
      `name: ${of}\n${STEPS}prompt: {name: ${name}, messages: [{role: user, content: x}]}\nresources: [{uri: "docs://same", name: r, text: "${of}"}]\n`;
    await write('a.yaml', prompt('help', 'a'));
    await write('b.yaml', prompt('help', 'b'));
    await write('c.yaml', prompt('a', 'c'));
    const loaded = await load();
    expect(loaded.list()).toHaveLength(3);
    expect(problems(loaded)).toEqual([
      'warning b.yaml:1 duplicate_name',
      'warning b.yaml:1 duplicate_uri',
      'warning c.yaml:1 duplicate_name',
      'warning c.yaml:1 duplicate_uri',
    ]);
  });
});
