import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { seedFixture, seedTexts, type SeedText } from '../../support/seed-texts.ts';

const pieces = seedTexts();

/** The least that makes a definition of a fragment: a name, and for what it refers to, a step. */
const WRAPPED: { readonly [name: string]: (text: string) => string } = {
  // A step: into `steps`, with the fallback it names.
  retry: (text) => `{"name": "wrapped", "steps": [${text}, {"id": "fallback_step", "server": "s", "action": "a"}]}`,
  // Two steps with a comma between them: into `steps`.
  fallback: (text) => `{"name": "wrapped", "steps": [${text}]}`,
  // Members of a definition: beside `name` and `steps`.
  'error-callback': (text) => withMembers(text, '{"id": "send_alert", "server": "s", "action": "a"}'),
  cron: (text) => withMembers(text),
  interval: (text) => withMembers(text),
  once: (text) => withMembers(text),
};

function withMembers(text: string, ...steps: readonly string[]): string {
  const all = ['{"id": "work", "server": "s", "action": "a"}', ...steps];
  return `{"name": "wrapped", "steps": [${all.join(', ')}], ${text.slice(text.indexOf('{') + 1)}`;
}

function definitionText(piece: SeedText): string {
  return piece.kind === 'document' ? piece.text : (WRAPPED[piece.name]?.(piece.text) ?? '');
}

describe('the documents and fragments of seed 001', () => {
  it('are seven documents and six fragments', () => {
    expect(pieces.map((piece) => piece.kind).sort()).toEqual([
      ...Array(7).fill('document'),
      ...Array(6).fill('fragment'),
    ]);
  });

  it.each(pieces)('$name: the copy in the fixtures is the seed byte for byte', (piece) => {
    expect(readFileSync(seedFixture(piece), 'utf8')).toBe(piece.text);
  });

  it.each(pieces)('$name loads unchanged, as JSON and as YAML, without an error', (piece) => {
    for (const file of ['seed.json', 'seed.yaml']) {
      const { loaded, issues } = parseDefinition(definitionText(piece), file, stepSyntaxes);
      expect(issues.filter((issue) => issue.severity === 'error')).toEqual([]);
      expect(loaded?.definition.steps.length).toBeGreaterThan(0);
    }
  });

  it("warns about Example 1's braces that are no path, and says nothing else about the documents", () => {
    const warnings = pieces
      .filter((piece) => piece.kind === 'document')
      .flatMap((piece) =>
        parseDefinition(piece.text, 'seed.json', stepSyntaxes).issues.map(
          ({ code, path }) => `${piece.name} ${code} ${path}`,
        ),
      );
    expect(warnings).toEqual(['daily-site-check not_a_template /steps/3/arguments/code']);
  });

  it('gives a missing `arguments` as {} and infers the input schema from variables.input', () => {
    const daily = pieces.find((piece) => piece.name === 'daily-site-check');
    const definition = parseDefinition(daily?.text ?? '', 'seed.json', stepSyntaxes).loaded?.definition;
    expect(definition?.steps[1]?.['arguments']).toEqual({});
    expect(definition?.input_schema).toEqual({
      type: 'object',
      properties: { site_url: { type: 'string', default: 'https://mysite.com' } },
      additionalProperties: false,
    });
  });

  it('gives conditionals as a list', () => {
    const conditional = pieces.find((piece) => piece.name === 'conditional');
    const definition = parseDefinition(conditional?.text ?? '', 'seed.json', stepSyntaxes).loaded?.definition;
    expect(definition?.conditionals).toEqual([
      {
        name: 'check_to_alert',
        condition: "{{step_check.output}} contains 'Error'",
        if_true: ['alert_step'],
        if_false: [],
      },
    ]);
  });
});
