/**
 * Reads definitions as the built server does, one after the other, in a process that may use little memory, and writes
 * a line of JSON for each: what came of it and what it cost. Arguments: the folder of dist, then files. Names of files
 * come on standard input, one a line.
 */
import { createInterface } from 'node:readline';

const dist = process.argv[2];
const load = (path) => import(new URL(path, `file://${dist}/`).href);
const { readDefinitionFile } = await load('definition/definition-files.js');
const { attachFiles } = await load('definition/attachments.js');
const { parseDefinition } = await load('definition/parse.js');
const { mermaidOf } = await load('definition/graph/mermaid.js');
const { stepSyntaxes } = await load('steps/index.js');

const clean = Object.getOwnPropertyNames(Object.prototype).sort().join();

async function read(file) {
  const text = await readDefinitionFile(file);
  if (typeof text !== 'string') return { code: text.code, message: text.message };
  const folder = file.slice(0, file.lastIndexOf('/'));
  const { loaded, issues } = await attachFiles(parseDefinition(text, file, stepSyntaxes), { folder, file });
  if (loaded !== undefined) mermaidOf(loaded.definition, stepSyntaxes);
  const first = issues.find((issue) => issue.severity === 'error');
  const longest = Math.max(0, ...issues.map((issue) => issue.message.length + (issue.hint ?? '').length));
  return loaded === undefined
    ? { code: first?.code, message: first?.message, issues: issues.length, longest }
    : { code: 'ok', message: '', issues: issues.length, longest };
}

for await (const file of createInterface({ input: process.stdin })) {
  const before = process.cpuUsage();
  let result;
  try {
    result = await read(file);
  } catch (error) {
    result = { code: 'thrown', message: String(error?.stack) };
  }
  const { user, system } = process.cpuUsage(before);
  const polluted = Object.getOwnPropertyNames(Object.prototype).sort().join() !== clean;
  process.stdout.write(`${JSON.stringify({ ...result, cpu: (user + system) / 1000, polluted })}\n`);
}
