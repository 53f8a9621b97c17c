// Writes docs/definition-reference.md and docs/cookbook.md anew: `npm run build && npm run reference`.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { cookbook } from '../dist/definition/cookbook.js';
import { definitionReference } from '../dist/definition/reference.js';
import { stepSyntaxes } from '../dist/steps/index.js';

const docs = new URL('../docs/', import.meta.url);

async function write(name, text) {
  const file = fileURLToPath(new URL(name, docs));
  const options = await resolveConfig(file);
  await writeFile(file, await format(text, { ...options, parser: 'markdown' }));
}

/** The YAML files of a folder of docs, by name. */
async function textsIn(folder) {
  const at = new URL(folder, docs);
  const files = (await readdir(at)).filter((name) => name.endsWith('.yaml')).sort();
  return await Promise.all(files.map(async (file) => ({ file, text: await readFile(new URL(file, at), 'utf8') })));
}

await write('definition-reference.md', definitionReference(stepSyntaxes, await textsIn('reference-examples/')));
await write('cookbook.md', cookbook(await textsIn('cookbook/'), stepSyntaxes));
