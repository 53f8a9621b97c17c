import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { seedDefinition } from '../../support/seed-definitions.ts';
import { seedFixture, seedTexts } from '../../support/seed-texts.ts';

const pieces = seedTexts();

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
      const { loaded, issues } = parseDefinition(seedDefinition(piece), file, stepSyntaxes);
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
