import { isAbsolute, relative } from 'node:path';

/** Relative to the current folder where it is inside, as people name files. */
export function shownPath(path: string, cwd: string): string {
  const inside = relative(cwd, path);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? path : inside;
}
