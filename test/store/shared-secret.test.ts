import { describe, expect, it } from 'vitest';
import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { sharedSecret } from '../../src/store/shared-secret.ts';

describe('a secret that processes share', () => {
  it('is the same for all, whoever asks first', async () => {
    const store = new MemoryTaskStore();
    const [one, other] = await Promise.all([sharedSecret(store, 'a'), sharedSecret(store.another(), 'a')]);
    expect(one).toHaveLength(32);
    expect(other).toEqual(one);
    expect(await sharedSecret(store, 'b')).not.toEqual(one);
  });

  it('that is damaged is reported and made anew, and keeps no server from starting (D14)', async () => {
    const store = new MemoryTaskStore();
    const before = await sharedSecret(store, 'a');
    store.data.setText('secret:a', `${store.data.texts.get('secret:a') ?? ''}!`);
    const reported: string[] = [];
    const report = (key: string): number => reported.push(key);
    const [one, other] = await Promise.all([
      sharedSecret(store, 'a', report),
      sharedSecret(store.another(), 'a', report),
    ]);
    expect(one).toHaveLength(32);
    expect(one).not.toEqual(before);
    expect(other).toEqual(one);
    expect(reported[0]).toBe('secret:a');
  });
});
