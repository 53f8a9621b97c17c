// Preloaded with `--import`: the wall clock of the process is off by as many milliseconds as the file named by
// CLOCK_OFFSET_FILE says, from one moment to the next, as when somebody sets the clock of the machine. Clocks that
// never go back are left alone.
import { readFileSync } from 'node:fs';

const file = process.env.CLOCK_OFFSET_FILE;
const realNow = Date.now.bind(Date);
const LOOK_MS = 5;
let offset = 0;
let lookAgainAt = 0;

function offsetNow() {
  const at = performance.now();
  if (file === undefined || at < lookAgainAt) return offset;
  lookAgainAt = at + LOOK_MS;
  offset = Number(readFileSync(file, 'utf8'));
  return offset;
}

Date.now = () => realNow() + offsetNow();
