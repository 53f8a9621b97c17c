import { spawnSync } from 'node:child_process';

const NEWER_NODE = 'node@24';

/** This Node.js if it is version 22 or newer, else one that npx brings; throws when it cannot. */
export function newerNode() {
  if (Number(process.versions.node.split('.')[0]) >= 22) return process.execPath;
  const args = ['-y', '-p', NEWER_NODE, 'node', '-p', 'process.execPath'];
  const { status, stdout, stderr } = spawnSync('npx', args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`npx cannot bring ${NEWER_NODE}\n${stderr}`);
  return stdout.trim();
}
