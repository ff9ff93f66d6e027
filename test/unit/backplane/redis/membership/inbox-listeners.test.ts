import { expect, it } from 'vitest';
import { createKeys } from '../../../../../src/backplane/redis/keys.js';
import { StoreInboxListeners } from '../../../../../src/backplane/redis/membership/inbox-listeners.js';
import type { Script } from '../../../../../src/backplane/redis/ports.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';

const [own, one, other] = ['n-1', 'n-2', 'n-3'] as NodeId[] as [NodeId, NodeId, NodeId];
const { channels } = createKeys({ prefix: 'gantry', database: 0 });

/** Inboxes at different servers of a Redis Cluster, each with its reply. */
function listenersOf(replies: Readonly<Record<string, readonly number[]>>): StoreInboxListeners {
  const run = <Input, Reply>(script: Script<Input, Reply>, input: Input): Promise<Reply> => {
    const { argv } = script.encode(input);
    return Promise.resolve(script.decode(argv.flatMap((inbox) => replies[String(inbox)] ?? [])));
  };
  return new StoreInboxListeners({ node: own, store: { run }, channels, isSharded: true });
}

it('shows who listens, at whichever server of a Redis Cluster', async () => {
  const listeners = listenersOf({
    [channels.inbox(own)]: [1],
    [channels.inbox(one)]: [1],
    [channels.inbox(other)]: [0],
  });
  expect(await listeners.haveListeners([one, other])).toEqual([true, false]);
});

it('shows nothing where the user may not ask one of the servers', async () => {
  const listeners = listenersOf({
    [channels.inbox(own)]: [1],
    [channels.inbox(one)]: [],
    [channels.inbox(other)]: [0],
  });
  expect(await listeners.haveListeners([one, other])).toBeUndefined();
});
