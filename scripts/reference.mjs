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

const recipes = new URL('cookbook/', docs);
const files = (await readdir(recipes)).filter((name) => name.endsWith('.yaml')).sort();
const texts = await Promise.all(
  files.map(async (name) => ({ file: name, text: await readFile(new URL(name, recipes), 'utf8') })),
);
await write('definition-reference.md', definitionReference(stepSyntaxes));
await write('cookbook.md', cookbook(texts, stepSyntaxes));
