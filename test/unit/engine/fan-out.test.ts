import { describe, expect, it } from 'vitest';
import { fanOut } from '../../../src/engine/fan-out.ts';
import { Lanes } from '../../../src/engine/lanes.ts';

const { signal } = new AbortController();

describe('fanOut', () => {
  it('starts workers in order, however many run at once', async () => {
    const started: number[] = [];
    const lanes = new Lanes(10_000);
    await fanOut(10_000, 10_000, { signal, lanes }, (index) => Promise.resolve(void started.push(index)));
    expect(started).toEqual([...Array.from({ length: 10_000 }).keys()]);
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
