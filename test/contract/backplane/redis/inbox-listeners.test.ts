import { expect, it, onTestFinished } from 'vitest';
import { createKeys } from '../../../../src/backplane/redis/keys.js';
import { StoreInboxListeners } from '../../../../src/backplane/redis/membership/inbox-listeners.js';
import { loadScripts } from '../../../../src/backplane/redis/scripts/loader.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { aclRules } from '../../../support/redis-acl.js';
import { RecordedConnections } from '../../../support/redis-connections.js';
import { startRedis } from '../../../support/redis.js';

const [own, other] = ['n-1', 'n-2'] as NodeId[] as [NodeId, NodeId];
const { channels } = createKeys({ prefix: 'gantry', database: 0 });

/** A node that listens to its inbox, as a user without these rights. */
async function scene(without: readonly string[]) {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  await redis.command('ACL', 'SETUSER', 'gantry', ...aclRules('secret', { without: [...without] }));
  const access = { url: redis.url, username: 'gantry', password: 'secret' };
  const { connections } = new RecordedConnections(access, loadScripts());
  await connections.start();
  return { redis, connections, listeners: new StoreInboxListeners({ node: own, store: connections, channels }) };
}

it('shows who listens, but nothing at a server where this node does not listen', async () => {
  const { connections, listeners } = await scene([]);
  expect(await listeners.haveListeners([other])).toBeUndefined();
  await connections.subscribe(channels.inbox(own));
  expect(await listeners.haveListeners([other])).toEqual([false]);
  await connections.subscribe(channels.inbox(other));
  expect(await listeners.haveListeners([other, own])).toEqual([true, true]);
  await connections.unsubscribe(channels.inbox(other));
  expect(await listeners.haveListeners([other])).toEqual([false]);
});

it('shows nothing to a user who may not ask, and meets no denial', async () => {
  const { redis, connections, listeners } = await scene(['pubsub|numsub']);
  await connections.subscribe(channels.inbox(own));
  expect(await listeners.haveListeners([other])).toBeUndefined();
  expect(await redis.command('ACL', 'LOG')).toEqual([]);
});
