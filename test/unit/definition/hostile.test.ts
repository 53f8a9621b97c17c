import { describe, expect, it } from 'vitest';
import { parseDefinition } from '../../../src/definition/parse.ts';
import { stepSyntaxes } from '../../../src/steps/index.ts';
import { HOSTILE_DEFINITIONS } from '../../support/hostile-corpus.ts';
import { processorMsSince } from '../../support/machine-speed.ts';

describe('hostile definitions', () => {
  it.each(HOSTILE_DEFINITIONS)('%s: a clean answer in bounded time', (_what, text, code) => {
    const before = process.cpuUsage();
    const { loaded, issues } = parseDefinition(text, 'hostile.yaml', stepSyntaxes);
    const took = processorMsSince(before);
    const first = issues.find((issue) => issue.severity === 'error');
    if (code === 'ok') expect(loaded).toBeDefined();
    else expect(first?.code).toBe(code);
    expect(issues.length).toBeLessThanOrEqual(500);
    for (const issue of issues) expect(issue.message.length).toBeLessThan(20_000);
    // 200 ms of processor time at most; unbounded, most of these take minutes or all memory.
    expect(took).toBeLessThan(2_000);
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false);
  });
});
