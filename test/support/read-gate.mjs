// Loaded before the program (`node --import`): what it reads asynchronously from the folder GATE_FOLDER waits until the
// file GATE_OPEN exists. The file GATE_REACHED is made when something waits. So loading can take as long as a test
// wants.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const { GATE_FOLDER: folder = '', GATE_OPEN: open = '', GATE_REACHED: reached = '' } = process.env;

for (const name of ['readdir', 'opendir', 'readFile', 'realpath', 'stat', 'lstat', 'open', 'access']) {
  /** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
  const promises = /** @type {any} */ (fs.promises);
  const original = promises[name];
  promises[name] = async (/** @type {any[]} */ ...args) => {
    if (String(args[0]).startsWith(folder)) {
      fs.writeFileSync(reached, '');
      while (!fs.existsSync(open)) await sleep(10);
    }
    return original?.call(fs.promises, ...args);
  };
}
syncBuiltinESMExports();
