import { describe, expect, it } from 'vitest';
import { parseModelsFile } from '../../../src/models/models-file.ts';

const parse = (value: object | string): ReturnType<typeof parseModelsFile> =>
  parseModelsFile(typeof value === 'string' ? value : JSON.stringify(value, null, 2), 'models.json');
const LOCAL = { provider: 'openai-compatible', base_url: 'http://127.0.0.1:1/v1', model: 'm' };

describe('a models file', () => {
  it('gives each entry with its defaults, as it stands there', () => {
    const { catalog, issues } = parse({
      models: {
        default: { provider: 'anthropic', model: 'big', api_key: '${KEY}', price: { input: 3, output: 15 } },
        local: {
          ...LOCAL,
          max_concurrent: 2,
          structured_outputs: false,
          timeout_seconds: 5,
          headers: { 'X-A': '${B}' },
        },
      },
    });
    expect(issues).toEqual([]);
    expect([...catalog.models.values()]).toEqual([
      {
        name: 'default',
        provider: 'anthropic',
        model: 'big',
        apiKey: '${KEY}',
        headers: {},
        price: { input: 3, output: 15 },
        maxConcurrent: 16,
        timeoutSeconds: 600,
        structuredOutputs: true,
      },
      {
        name: 'local',
        provider: 'openai-compatible',
        model: 'm',
        baseUrl: 'http://127.0.0.1:1/v1',
        headers: { 'X-A': '${B}' },
        maxConcurrent: 2,
        timeoutSeconds: 5,
        structuredOutputs: false,
      },
    ]);
  });

  it('may have comments, or be YAML', () => {
    expect([...parse('// mine\n{"models": {}}').catalog.models]).toEqual([]);
    expect([...parse('models:\n  a: { provider: anthropic, model: x }\n').catalog.models.keys()]).toEqual(['a']);
  });

  it.each([
    ['no object of models', {}, "error no_models the file has no 'models' object"],
    [
      'an unknown provider',
      { models: { a: { provider: 'x', model: 'y' } } },
      "error invalid_value model 'a': provider: expected one of",
    ],
    ['no model', { models: { a: { provider: 'anthropic' } } }, "error invalid_value model 'a': model:"],
    [
      'no address',
      { models: { a: { provider: 'openai-compatible', model: 'y' } } },
      "error invalid_value model 'a': base_url: provider",
    ],
    ['another address', { models: { a: { ...LOCAL, base_url: 'ftp://x' } } }, "error invalid_url model 'a': 'ftp://x'"],
    [
      'a price that is none',
      { models: { a: { ...LOCAL, price: { input: -1, output: 1 } } } },
      "error invalid_value model 'a': price.input:",
    ],
    [
      'a key that is misspelt',
      { models: { a: { ...LOCAL, apikey: '${K}' } } },
      "warning unknown_key model 'a': key 'apikey' is not used here (did you mean 'api_key'?)",
    ],
    [
      'a key in the file',
      { models: { a: { ...LOCAL, api_key: 'sk-1' } } },
      "warning secret_in_file model 'a': the key stands in the file",
    ],
    [
      "an editor's variable",
      { models: { a: { ...LOCAL, api_key: '${input:k}' } } },
      "warning unknown_variable model 'a' cannot be used: '${input:k}'",
    ],
    [
      'a line end in a header',
      { models: { a: { ...LOCAL, headers: { A: 'x\ny' } } } },
      "error invalid_value model 'a': headers.A:",
    ],
    ['no JSON', '{"models": ', 'error syntax'],
  ])('with %s has an issue with its place', (_what, file, text) => {
    const { issues } = parse(file);
    const told = issues.map(
      ({ severity, code, message, hint }) => `${severity} ${code} ${message}${hint === undefined ? '' : ` (${hint})`}`,
    );
    expect(told).toEqual(expect.arrayContaining([expect.stringContaining(text)]) as string[]);
    expect(issues.every(({ line, column, file: name }) => line > 0 && column > 0 && name === 'models.json')).toBe(true);
  });

  it('keeps the entries beside a wrong one', () => {
    const { catalog } = parse({ models: { a: { provider: 'x' }, b: LOCAL, '': LOCAL } });
    expect([...catalog.models.keys()]).toEqual(['b']);
  });
});
