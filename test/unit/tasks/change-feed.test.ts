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
