// An engine in a process of its own, for figures about kills and restarts: `node child.mjs FOLDER JOB [N]`. Answers are
// lines of JSON.
import { setTimeout as pause } from 'node:timers/promises';
import { open, PRINCIPAL } from './engine.mjs';

const [path, job, count] = [process.argv[2], process.argv[3], Number(process.argv[4])];
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);

const jobs = {
  /** Creates tasks and lets itself be killed when the first of them is in its middle. */
  async midway() {
    const engine = await open(path);
    engine.tasks.subscribe((event) => {
      if (event.type === 'changed' && event.view.percent >= 40) process.kill(process.pid, 'SIGKILL');
    });
    await createAll(engine, 'ten', count);
    await pause(60_000);
  },
  /** Creates tasks that wait, and lets itself be killed when all of them do. */
  async waiting() {
    const engine = await open(path);
    let waiting = 0;
    const seen = new Set();
    const all = new Promise((resolve) => {
      engine.tasks.subscribe((event) => {
        if (event.type !== 'changed' || event.view.wakeAt === undefined || seen.has(event.view.taskId)) return;
        seen.add(event.view.taskId);
        waiting += 1;
        if (waiting === count) resolve();
      });
    });
    await createAll(engine, 'waits', count);
    await all;
    await pause(1000);
    say({ rss: process.memoryUsage.rss() });
    process.kill(process.pid, 'SIGKILL');
  },
  /** Opens, and says when every task that was open has ended. */
  async finish() {
    const began = performance.now();
    const engine = await open(path);
    const opened = performance.now();
    while (engine.tasks.health().running > 0) await pause(1);
    say({ opened: opened - began, done: performance.now() - began });
    await engine.close();
  },
  /** Opens, and says when every task that was open runs again. */
  async again() {
    const began = performance.now();
    const engine = await open(path);
    const { running } = engine.tasks.health();
    say({ done: performance.now() - began, running });
    await pause(1000);
    say({ rss: process.memoryUsage.rss() });
    process.kill(process.pid, 'SIGKILL');
  },
  /** Opens and closes, and says how long opening took. */
  async start() {
    const began = performance.now();
    const engine = await open(path);
    say({ opened: performance.now() - began });
    await engine.close();
  },
};

async function createAll(engine, workflow, total) {
  const width = 500;
  for (let made = 0; made < total; made += width) {
    const some = Array.from({ length: Math.min(width, total - made) }, () =>
      engine.tasks.create({ workflow, arguments: {}, principal: PRINCIPAL }),
    );
    await Promise.all(some);
  }
}

await jobs[job]();
