import { describe, expect, it } from 'vitest';
import { payloadOf, rawPayload } from '../../../../src/codec/payload.js';
import { packTestament, readTestament, type TestamentScope } from '../../../../src/realm/testaments/testament.js';
import { unavailable } from '../../../../src/session/ports.js';
import { isFault } from '../../../../src/wamp/faults.js';
import type { NodeId, SessionId } from '../../../../src/wamp/ids.js';
import { ErrorUri } from '../../../../src/wamp/uris.js';
import { REALM, Scene, type Client, type SceneNode } from '../../../support/realm-scene.js';
import { sessionOf } from '../../../contract/backplane/samples.js';

const TOPIC = 'com.gone';

function testament(scope: TestamentScope = 'destroyed', text = 'gone'): Uint8Array {
  const bytes = payloadOf([text]).in('json') as Uint8Array;
  return packTestament({ scope, topic: TOPIC, disclose: false, payload: rawPayload('json', 1, bytes) }, {})!;
}

/** A session of the node, in the directory. */
async function joined(scene: Scene, node: SceneNode): Promise<SessionId> {
  const details = sessionOf();
  expect(await scene.settle(Promise.resolve(node.backplane.directory.join(REALM, details)))).toBe(true);
  return details.session;
}

async function add(scene: Scene, { realm }: SceneNode, session: SessionId, bytes = testament()): Promise<void> {
  const entry = realm.testaments.reserve(session, 'destroyed', bytes);
  if (isFault(entry)) throw new Error(entry.message);
  const granted = realm.testaments.grant(session, entry);
  granted.catch(() => undefined);
  await scene.settle(granted);
}

/** The session ends as `Realm.remove` ends it. Returns whether its row was removed. */
function end({ realm, backplane }: SceneNode, session: SessionId): { hasLeft: boolean } {
  const outcome = { hasLeft: false };
  realm.testaments.end({ session, authid: 'ann', authrole: 'user' }, () => {
    outcome.hasLeft = true;
    backplane.directory.leave(REALM, session);
  });
  return outcome;
}

/** Three nodes that serve the realm, and a subscriber on the last one. */
async function three(): Promise<{ scene: Scene; nodes: [SceneNode, SceneNode, SceneNode]; subscriber: Client }> {
  const scene = new Scene();
  const nodes: SceneNode[] = [];
  for (const name of ['one', 'two', 'three']) nodes.push(await scene.node(name));
  const subscriber = nodes[2]!.join();
  subscriber.subscribe(TOPIC);
  await scene.deliver();
  return { scene, nodes: nodes as [SceneNode, SceneNode, SceneNode], subscriber };
}

describe('the testaments of a session that ends', () => {
  it('are published at once, and then its row is removed', async () => {
    const { scene, nodes, subscriber } = await three();
    const session = await joined(scene, nodes[0]);
    await add(scene, nodes[0], session);
    await add(scene, nodes[0], session, testament('detached'));
    expect(end(nodes[0], session).hasLeft).toBe(true);
    await scene.deliver();
    expect(subscriber.events).toBe(2);
    expect(nodes[0].counters.testaments).toMatchObject({ added: 2, published: 2 });
  });

  it('wait while the node is cut off, and so does the removal of the row (G6)', async () => {
    const { scene, nodes, subscriber } = await three();
    const own = nodes[0].join();
    own.subscribe(TOPIC);
    const session = await joined(scene, nodes[0]);
    await add(scene, nodes[0], session);
    scene.hub.faults.isolate('one' as NodeId);
    const ended = end(nodes[0], session);
    nodes[0].passTime();
    nodes[0].passTime();
    expect([ended.hasLeft, own.events, subscriber.events]).toEqual([false, 0, 0]);
    scene.hub.faults.heal('one' as NodeId);
    await scene.deliver();
    nodes[0].passTime();
    await scene.deliver();
    expect([ended.hasLeft, own.events, subscriber.events]).toEqual([true, 1, 1]);
  });

  it('are published by another node alone when this one was declared dead meanwhile (G5, TST-7)', async () => {
    const { scene, nodes, subscriber } = await three();
    const own = nodes[0].join();
    own.subscribe(TOPIC);
    const session = await joined(scene, nodes[0]);
    await add(scene, nodes[0], session);
    scene.hub.faults.isolate('one' as NodeId);
    const ended = end(nodes[0], session);
    scene.hub.faults.declareDead('one' as NodeId);
    await scene.deliver();
    expect(subscriber.events).toBe(1);
    scene.hub.faults.heal('one' as NodeId);
    await scene.deliver();
    nodes[0].passTime();
    await scene.deliver();
    expect([ended.hasLeft, own.events, subscriber.events]).toEqual([false, 0, 1]);
    expect(nodes.map(({ counters }) => counters.testaments.recovered)).toEqual([0, 1, 0]);
  });

  it('are published by a node that does not serve the realm, if it removes the row (TST-7)', async () => {
    const scene = new Scene();
    const reaper = await scene.node('reaper');
    const [watching, dead] = [await scene.node('watching'), await scene.node('dead')];
    // The realm ends on the first node, which nobody has joined.
    reaper.passTime();
    await scene.deliver();
    expect(reaper.realms.all.size).toBe(0);
    const subscriber = watching.join();
    subscriber.subscribe(TOPIC);
    const session = await joined(scene, dead);
    await add(scene, dead, session);
    scene.hub.faults.kill('dead' as NodeId);
    scene.hub.faults.declareDead('dead' as NodeId);
    await scene.deliver();
    expect(subscriber.events).toBe(1);
    expect(reaper.counters.testaments.recovered).toBe(1);
  });

  it('are withheld when the session is killed without them, when the realm is removed, and by the last node (TST-6)', async () => {
    const { scene, nodes, subscriber } = await three();
    const { realm, counters } = nodes[0];
    const sessions = [await joined(scene, nodes[0]), await joined(scene, nodes[0])];
    for (const session of sessions) await add(scene, nodes[0], session);
    realm.testaments.forget(sessions[0]!);
    expect(end(nodes[0], sessions[0]!).hasLeft).toBe(true);
    realm.testaments.withhold();
    expect(end(nodes[0], sessions[1]!).hasLeft).toBe(true);
    await scene.deliver();
    expect([subscriber.events, counters.testaments.withheld]).toEqual([0, 2]);

    const alone = new Scene();
    const last = await alone.node('last');
    const [leaving, staying] = [last.join(), last.join()];
    staying.subscribe(TOPIC);
    await last.backplane.directory.join(REALM, sessionOf(leaving.session.session));
    await add(alone, last, leaving.session.session);
    last.realm.retire(unavailable('draining', 'this node is shutting down'));
    last.realm.remove(leaving.session);
    await alone.deliver();
    expect([staying.events, last.counters.testaments.withheld]).toEqual([0, 1]);
  });

  it('are left out, and counted, where the store returns what this release does not know', async () => {
    const { scene, nodes, subscriber } = await three();
    const session = await joined(scene, nodes[0]);
    await add(scene, nodes[0], session, Buffer.from('nonsense'));
    await add(scene, nodes[0], session);
    end(nodes[0], session);
    await scene.deliver();
    expect([subscriber.events, nodes[0].counters.testaments.unreadable]).toEqual([1, 1]);
  });
});

describe('a testament that is granted after its session has ended', () => {
  it.each([false, true])('is not published; the node is cut off: %s', async (isCutOff) => {
    const { scene, nodes, subscriber } = await three();
    const { testaments } = nodes[0].realm;
    const session = await joined(scene, nodes[0]);
    const entry = testaments.reserve(session, 'destroyed', testament());
    if (isFault(entry)) throw new Error(entry.message);
    if (isCutOff) scene.hub.faults.isolate('one' as NodeId);
    const ended = end(nodes[0], session);
    await testaments.grant(session, entry);
    if (isCutOff) scene.hub.faults.heal('one' as NodeId);
    await scene.deliver();
    nodes[0].passTime();
    await scene.deliver();
    expect([ended.hasLeft, subscriber.events]).toEqual([true, 0]);
  });
});

describe('the bounds of testaments', () => {
  it('hold for a session, a testament and a node, and their place comes back (limits.maxTotalTestamentBytes)', async () => {
    const scene = new Scene();
    const node = await scene.node('one');
    const { testaments } = node.realm;
    const limit = (session: SessionId, bytes: Uint8Array) => {
      const entry = testaments.reserve(session, 'destroyed', bytes);
      return isFault(entry) ? entry.error : 'reserved';
    };
    const session = await joined(scene, node);
    expect(limit(session, new Uint8Array(1_001))).toBe(ErrorUri.LIMIT_EXCEEDED);
    for (let count = 0; count < 3; count++) expect(limit(session, new Uint8Array(1_000))).toBe('reserved');
    expect(limit(session, new Uint8Array(1))).toBe(ErrorUri.LIMIT_EXCEEDED);
    let count = 3;
    while (limit((1_000_000_000 + count) as SessionId, new Uint8Array(1_000)) === 'reserved') count++;
    expect(count).toBe(1_000);
    testaments.forget(session);
    expect(limit(session, new Uint8Array(1_000))).toBe('reserved');
    const { testaments_per_session, testament_bytes, total_testament_bytes } = node.counters.limitsReached;
    expect([testaments_per_session, testament_bytes, total_testament_bytes]).toEqual([1, 1, 1]);
  });
});

describe('a testament that cannot be stored', () => {
  it('is refused and not published; one that cannot be removed stays (G6)', async () => {
    const { scene, nodes, subscriber } = await three();
    const { testaments } = nodes[0].realm;
    const session = await joined(scene, nodes[0]);
    await add(scene, nodes[0], session);
    scene.hub.faults.isolate('one' as NodeId);
    await expect(add(scene, nodes[0], session)).rejects.toThrow('setTestaments');
    await expect(testaments.flush({ session, isOpen: true }, 'destroyed')).rejects.toThrow('setTestaments');
    scene.hub.faults.heal('one' as NodeId);
    await scene.deliver();
    end(nodes[0], session);
    await scene.deliver();
    expect(subscriber.events).toBe(1);
    expect(nodes[0].counters.testaments).toMatchObject({ added: 1, refused: 1, flushed: 0, published: 1 });
  });
});

describe('a stored testament', () => {
  it('is read with its options, and only in its own form', () => {
    const payload = rawPayload('json', 1, Buffer.from('[1]'));
    const packed = packTestament(
      { scope: 'detached', topic: TOPIC, disclose: true, payload },
      { eligible: [7], exclude_authid: ['ann'] },
    )!;
    const read = readTestament(packed)!;
    expect([read.scope, read.topic, read.disclose, Buffer.from(read.payload.bytes).toString()]).toEqual([
      'detached',
      TOPIC,
      true,
      '[1]',
    ]);
    expect(read.options.audience?.eligible?.has(7 as SessionId)).toBe(true);
    expect(read.options.audience?.excludeAuthid?.has('ann')).toBe(true);
    for (let cut = 0; cut < packed.length; cut++) expect(readTestament(packed.subarray(0, cut))).toBeUndefined();
    const bad = { eligible: 'everybody' };
    expect(readTestament(packTestament({ scope: 'detached', topic: TOPIC, disclose: true, payload }, bad)!)).toBe(
      undefined,
    );
  });
});
