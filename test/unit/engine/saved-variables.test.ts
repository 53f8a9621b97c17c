import { describe, expect, it } from 'vitest';
import type { Definition } from '../../../src/definition/model.ts';
import { mayReadSaved } from '../../../src/engine/saved-variables.ts';
import { definitionOf } from '../../support/task-world.ts';

const withStep = (step: object, more: Partial<Definition> = {}): Definition =>
  definitionOf('w', { steps: [{ id: 'a', type: 'set', ...step }], ...more });

describe('whether a definition may read saved variables', () => {
  it('is no where no text of it can reach them', () => {
    expect(mayReadSaved(withStep({ values: { a: '{{input.x}} {{variables.global.y}} {{variables.input.z}}' } }))).toBe(
      false,
    );
    expect(mayReadSaved(withStep({ save_output_to: 'variables.output.x' }))).toBe(false);
  });

  it.each([
    { values: { a: '{{saved.x}}' } },
    { values: { a: '{{variables.saved.x}}' } },
    { values: { a: '{{variables}}' } },
    { values: { a: '{{ variables | json }}' } },
    { values: { a: '{{variables["saved"]}}' } },
    { values: { a: '{% $ %}' } },
    { when: '{{variables.outputs}}' },
    { save_output_to: 'variables.saved.x' },
    { save_output_to: 'saved.x' },
  ])('is yes for $0', (step) => {
    expect(mayReadSaved(withStep(step))).toBe(true);
  });

  it('is yes where one is declared, and where a default names one', () => {
    const variables = { input: {}, global: {}, saved: { count: 0 } };
    expect(mayReadSaved(withStep({}, { variables }))).toBe(true);
    expect(mayReadSaved(withStep({}, { variables: { input: {}, global: { a: '{{saved.x}}' }, saved: {} } }))).toBe(
      true,
    );
    expect(mayReadSaved(withStep({}, { output: { a: '{{variables}}' } }))).toBe(true);
  });
});
