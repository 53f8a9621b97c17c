import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../../support/cli-process.ts';
import { newSampleWorkspace, type SampleWorkspace } from '../../support/sample-workspace.ts';

let workspace: SampleWorkspace;
beforeAll(async () => {
  workspace = await newSampleWorkspace();
});
afterAll(() => workspace.remove());

describe('our own samples on a fresh clone', () => {
  it('A11: fit the tools of their servers, and still do when these are remembered', async () => {
    const { code, stdout } = await runCli(['validate', '--connect'], workspace.path, workspace.env);
    expect(stdout).toMatch(/^8 files, 8 workflows, 4 servers with \d+ tools asked, 0 errors, 0 warnings\n$/u);
    expect(code).toBe(0);
    const again = await runCli(['validate'], workspace.path, workspace.env);
    expect(again).toMatchObject({ code: 0, stdout: '8 files, 8 workflows, 0 errors, 0 warnings\n' });
  });
});
