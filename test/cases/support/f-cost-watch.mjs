/**
 * Loaded into the built server before anything else (`--import`). From `begin` to `end`, which come as lines on
 * descriptor 3, it measures how long the event loop was held at most, in processor time of the main thread, and how far
 * the memory of the whole process grew.
 * Processor time, because on a busy machine the clock runs while nothing of ours does.
 */
import { openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { isMainThread } from 'node:worker_threads';

const TICK_MS = 5;
const MB = 1024 * 1024;

if (isMainThread && process.env['F_COST_WATCH'] === 'on') watch();

function watch() {
  delete process.env['F_COST_WATCH'];
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  const cpu = cpuOfThisThread();
  let last = cpu();
  let longest = 0;
  const look = () => {
    const now = cpu();
    longest = Math.max(longest, now - last);
    last = now;
  };
  setInterval(look, TICK_MS).unref();
  let before = { rss: 0, total: 0 };
  const door = new Socket({ fd: 3 });
  door.unref();
  door.on('error', () => undefined);
  door.setEncoding('utf8').on('data', (line) => {
    if (line.startsWith('begin')) {
      collect();
      collect();
      resetPeak();
      before = { rss: process.memoryUsage.rss(), total: cpu() };
      last = before.total;
      longest = 0;
      door.write('{}\n');
      return;
    }
    look();
    const total = last - before.total;
    const grown = (peak() - before.rss) / MB;
    collect();
    collect();
    const kept = (process.memoryUsage.rss() - before.rss) / MB;
    door.write(`${JSON.stringify({ hold: longest, total, grown, kept })}\n`);
    last = cpu();
  });
}

/** Milliseconds of processor time of the main thread, where the system tells; elsewhere of the process. */
function cpuOfThisThread() {
  try {
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const room = Buffer.alloc(128);
    return () => Number(room.toString('latin1', 0, readSync(file, room, 0, room.length, 0)).split(' ')[0]) / 1e6;
  } catch {
    return () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    };
  }
}

/** From now on `peak` tells of what comes. Where the system cannot do that, the peak is that of the whole life. */
function resetPeak() {
  try {
    writeFileSync('/proc/self/clear_refs', '5');
  } catch {
    // It stays what it was.
  }
}

/** Bytes. */
function peak() {
  try {
    return Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]) * 1024;
  } catch {
    return process.resourceUsage().maxRSS * 1024;
  }
}
