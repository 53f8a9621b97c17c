import { readFileSync } from 'node:fs';
import { cp, mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';
import { watched } from '../../support/wire-watch.ts';

const ROOT = resolve(fileURLToPath(new URL('../../..', import.meta.url)));
const page = readFileSync(join(ROOT, 'docs/clients.md'), 'utf8');

/** The configurations of docs/clients.md, by the name after the fence's language. */
const blocks = new Map(
  [...page.matchAll(/^```json (?<client>[a-z-]+)\n(?<text>[\s\S]*?)^```$/gm)].map((match) => [
    match.groups?.['client'] ?? '',
    match.groups?.['text'] ?? '',
  ]),
);

interface HostFile {
  readonly mcpServers?: Readonly<Record<string, Entry>>;
  readonly servers?: Readonly<Record<string, Entry>>;
}
interface Entry {
  readonly type?: string;
  readonly command: string;
  readonly args: readonly string[];
}

let folder: Awaited<ReturnType<typeof tempDir>>;
beforeEach(async () => {
  folder = await tempDir();
});
afterEach(() => folder.remove());

/** The entry as a reader makes it: his own node, his own folder. Only the data goes to a folder of the test. */
function entryOf(text: string): Entry {
  const own = text
    .replaceAll('/opt/mcp-workflow-engine/data', join(folder.path, 'data'))
    .replaceAll('/opt/mcp-workflow-engine/definitions', join(folder.path, 'definitions'))
    .replaceAll('/opt/mcp-workflow-engine', ROOT)
    .replaceAll('/usr/local/bin/node', process.execPath);
  const file = JSON.parse(own) as HostFile;
  const entry = (file.mcpServers ?? file.servers)?.['workflows'];
  if (entry === undefined) throw new Error('no entry called workflows');
  return entry;
}

describe('docs/clients.md', () => {
  test('has a configuration for each of the four clients', () => {
    expect([...blocks.keys()]).toEqual(['claude-desktop', 'claude-code', 'vscode', 'cursor']);
  });

  test('VS Code has its own key and names the transport, the others use mcpServers', () => {
    expect(JSON.parse(blocks.get('vscode') ?? '')).toMatchObject({ servers: { workflows: { type: 'stdio' } } });
    for (const client of ['claude-desktop', 'claude-code', 'cursor']) {
      expect(JSON.parse(blocks.get(client) ?? '')).toHaveProperty('mcpServers.workflows.command');
    }
  });

  test.each([...blocks])(
    '%s: the server starts exactly so, in a foreign folder, and completes a workflow',
    async (_client, text) => {
      await mkdir(join(folder.path, 'definitions'));
      await cp(join(ROOT, 'definitions/long_survey.yaml'), join(folder.path, 'definitions/long_survey.yaml'));
      const { command, args } = entryOf(text);
      // As the hosts start it: the folder is theirs, and the environment is bare.
      const transport = watched(
        new StdioClientTransport({ command, args: [...args], cwd: '/', env: {}, stderr: 'pipe' }),
      );
      const client = new Client({ name: 'host', version: '1' });
      await client.connect(transport);
      try {
        const { tools } = await client.listTools();
        expect(tools.map((tool) => tool.name)).toContain('long_survey');
        const result = await client.callTool({ name: 'long_survey', arguments: { seconds_per_region: 0.2 } });
        expect(result.isError ?? false).toBe(false);
        expect(result.structuredContent).toMatchObject({ sum: expect.stringContaining('3.2') });
      } finally {
        await client.close();
      }
    },
  );
});
