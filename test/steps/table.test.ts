import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../src/definition/parse.ts';
import { stepKinds, stepSyntaxes } from '../../src/steps/index.ts';
import { EngineWorld } from '../support/engine-world.ts';

describe('the table of kinds', () => {
  it('has every kind of the language that is not for later', () => {
    const language =
      'tool resource prompt set switch parallel loop foreach group try workflow wait emit fail succeed elicit llm'.split(
        ' ',
      );
    expect([...stepKinds.keys()]).toEqual(expect.arrayContaining(language));
    for (const [type, kind] of stepKinds) expect(kind.type).toBe(type);
  });

  it.each([...stepKinds.values()])('reads and runs the example of $type', async (kind) => {
    const indented = kind.example.trimEnd().split('\n').join('\n    ');
    const text = `name: example
variables:
  input: { path: a.txt, folder: f, paths: [a, b], url: u, name: n }
  global: { count: 1 }
steps:
  - id: count
    type: set
    values: { lines: 5 }
  - id: list
    type: set
    values: {}
  - id: read
    type: set
    values: {}
  - ${indented}
`;
    const parsed = parseDefinition(text, 'example.yaml', stepSyntaxes);
    expect(parsed.issues.filter((issue) => issue.severity === 'error')).toEqual([]);
    expect(parsed.loaded).toBeDefined();
    if (parsed.loaded === undefined) return;
    const world = new EngineWorld();
    world.autoAnswer = () => ({ action: 'decline', role: 'assistant', content: { type: 'text', text: 'x' } });
    world.downstream.tools['page_text'] = () => ({ content: [{ type: 'text', text: 'Ready' }] });
    const end = await world.run(parsed.loaded.definition);
    expect(end.outcome.kind).toBe('result');
    expect(world.ledger.some((line) => line.startsWith(`${/id: (\S+)/u.exec(kind.example)?.[1] ?? ''} `))).toBe(true);
  });
});
