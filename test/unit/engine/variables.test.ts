import { describe, expect, it } from 'vitest';
import { parseTarget, Variables } from '../../../src/engine/variables.ts';
import { definitionOf } from '../../support/engine-world.ts';

function variables(): Variables {
  const task = { taskId: 't', createdAt: 0, input: {}, saved: { kept: 1 }, depth: 0 };
  return new Variables(
    definitionOf([], { variables: { input: {}, global: { a: { b: 1 } }, saved: { kept: 0, other: 2 } } }),
    task,
  );
}

describe('variables', () => {
  it('keep the last write by journal number, in whatever order the commits are reported', () => {
    const some = variables();
    const target = parseTarget('variables.global.x');
    some.write(target, 'second', 9);
    some.write(target, 'first', 8);
    expect(some.all).toMatchObject({ global: { x: 'second' } });
  });

  it('are never changed in place: a value read before a write stays what it was', () => {
    const some = variables();
    const before = some.all;
    some.write(parseTarget('variables.global.a.c'), 2, 1);
    expect(before).toMatchObject({ global: { a: { b: 1 } } });
    expect(before).not.toHaveProperty('global.a.c');
    expect(some.all).toMatchObject({ global: { a: { b: 1, c: 2 } } });
  });

  it('take what an earlier run saved over the defaults, and say what a write makes of a saved one', () => {
    const some = variables();
    expect(some.saved).toEqual({ kept: 1, other: 2 });
    expect(some.savedBy([{ target: parseTarget('variables.saved.deep.x'), value: 1 }])).toEqual({ deep: { x: 1 } });
    expect(some.savedBy([{ target: parseTarget('variables.output.x'), value: 1 }])).toBeUndefined();
  });
});
