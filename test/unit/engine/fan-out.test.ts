import { describe, expect, it } from 'vitest';
import { fanOut } from '../../../src/engine/fan-out.ts';
import { Lanes } from '../../../src/engine/lanes.ts';
import { gate } from '../../support/gate.ts';

const { signal } = new AbortController();

describe('fanOut', () => {
  it('starts workers in order, however many run at once', async () => {
    const started: number[] = [];
    const lanes = new Lanes(10_000);
    await fanOut(10_000, 10_000, { signal, lanes }, (index) => Promise.resolve(void started.push(index)));
    expect(started).toEqual([...Array.from({ length: 10_000 }).keys()]);
  });

  it('starts thousands in slices: whoever else waits for the event loop gets a turn in between', async () => {
    let started = 0;
    let most = 0;
    let before = 0;
    let over = false;
    const others = (): void => {
      most = Math.max(most, started - before);
      before = started;
      if (!over) setImmediate(others);
    };
    others();
    const all = gate();
    await fanOut(5000, 5000, { signal, lanes: new Lanes(5000) }, async () => {
      started += 1;
      if (started === 5000) all.pass(0);
      await all.passed;
    });
    over = true;
    expect(started).toBe(5000);
    expect(most).toBeLessThanOrEqual(100);
  });

  it('starts no more once it has been aborted between two slices', async () => {
    const controller = new AbortController();
    let started = 0;
    const running = fanOut(5000, 5000, { signal: controller.signal, lanes: new Lanes(5000) }, (_index, own) => {
      started += 1;
      return new Promise((_, reject) => {
        own.addEventListener('abort', () => reject(own.reason as Error), { once: true });
      });
    });
    controller.abort(new Error('cancelled'));
    await expect(running).rejects.toThrow('cancelled');
    const then = started;
    await new Promise((resolve) => setImmediate(resolve));
    expect([then < 200, started]).toEqual([true, then]);
  });

  it('gives every lane back, also after a failure', async () => {
    const lanes = new Lanes(3);
    const failing = fanOut(10, 10, { signal, lanes }, () => Promise.reject(new Error('no')));
    await expect(failing).rejects.toThrow('no');
    expect([lanes.take(), lanes.take(), lanes.take(), lanes.take()]).toEqual([true, true, true, false]);
  });

  it('takes lanes that come free while it runs', async () => {
    const lanes = new Lanes(1);
    lanes.take();
    let running = 0;
    let most = 0;
    await fanOut(4, 4, { signal, lanes }, async (index) => {
      running += 1;
      most = Math.max(most, running);
      if (index === 1) lanes.give();
      await Promise.resolve();
      running -= 1;
    });
    expect(most).toBe(2);
  });
});
