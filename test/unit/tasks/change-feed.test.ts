import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/logger.ts';
import { ChangeFeed } from '../../../src/tasks/change-feed.ts';

it('a listener that leaves twice takes nobody else away', () => {
  const feed = new ChangeFeed(silentLogger);
  const heard: string[] = [];
  const leave = feed.subscribe(() => heard.push('first'), 't');
  leave();
  feed.subscribe(() => heard.push('second'), 't');
  leave();
  feed.publish({ type: 'message', taskId: 't', principal: 'local', message: 'hello', level: 'info' });
  expect(heard).toEqual(['second']);
  expect(feed.watched()).toEqual(['t']);
});

it('who leaves before there is news is told nothing more, and nobody watches the task any longer', async () => {
  const feed = new ChangeFeed(silentLogger);
  const signal = new AbortController().signal;
  const [gone, stays] = [feed.wait('t', 1, signal), feed.wait('t', 1, signal)];
  const heard: string[] = [];
  gone.news.then(
    () => heard.push('gone'),
    () => heard.push('gone'),
  );
  gone.leave();
  gone.leave();
  expect(feed.watched()).toEqual(['t']);
  feed.gone('t');
  await expect(stays.news).rejects.toThrow('task not found');
  expect(heard).toEqual([]);
  expect(feed.watched()).toEqual([]);
});
