import { MemoryTaskStore } from '../../src/store/memory-task-store.ts';
import { taskStoreSuite } from './task-store.suite.ts';

taskStoreSuite('memory', () => {
  const store = new MemoryTaskStore();
  return Promise.resolve({
    store,
    another: () => Promise.resolve(store.another()),
    damage: (key) => {
      const text = store.data.texts.get(key) ?? '';
      store.data.setText(key, `${text.slice(0, -3)}#${text.slice(-2)}`);
      return Promise.resolve();
    },
    dispose: () => store.close(),
  });
});
