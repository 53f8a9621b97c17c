import { parseDefinition } from '../../src/definition/parse.ts';
import type { Definition } from '../../src/definition/model.ts';
import { stepSyntaxes } from '../../src/steps/index.ts';

/** A definition as its author writes it, named `t`. Throws with every error of the text. */
export function yamlDefinition(yaml: string): Definition {
  const { loaded, issues } = parseDefinition(`name: t\n${yaml}`, 't.yaml', stepSyntaxes);
  if (loaded !== undefined) return loaded.definition;
  throw new Error(issues.map(({ line, code, message }) => `line ${line}: ${code}: ${message}`).join('\n'));
}
