import { describe, expect, it } from 'vitest';
import { Code } from '../../../src/wamp/codes.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { ErrorUri } from '../../../src/wamp/uris.js';
import { newcomer } from '../../support/newcomer.js';
import { Scene, type Client, type SceneNode } from '../../support/realm-scene.js';

/** A caller on one node, a callee of com.a on another. */
async function apart(): Promise<{ scene: Scene; here: SceneNode; there: SceneNode; caller: Client; callee: Client }> {
  const scene = new Scene();
  const [here, there] = [await scene.node('here'), await scene.node('there')];
  const [caller, callee] = [here.join(), there.join()];
  callee.register('com.a', 'first');
  await scene.deliver();
  expect(callee.take()).toEqual([Code.REGISTERED]);
  return { scene, here, there, caller, callee };
}

describe('a call to a node that cannot be reached', () => {
  it.each(['here', 'there'])('fails at once with network_failure when the one cut off is %s (G6)', async (cutOff) => {
    const { scene, caller, callee } = await apart();
    scene.hub.faults.isolate(cutOff as NodeId);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    scene.hub.faults.heal(cutOff as NodeId);
    await scene.deliver();
    const next = caller.call('com.a');
    await scene.deliver();
    expect(callee.take()).toEqual([Code.INVOCATION]);
    expect(caller.take()).toEqual([]);
    expect(next).not.toBe(request);
  });

  it('goes to another callee that can be reached (G6, SHR-7)', async () => {
    const { scene, here, caller } = await apart();
    const near = here.join();
    near.register('com.a', 'first');
    await scene.deliver();
    near.take();
    scene.hub.faults.isolate('here' as NodeId);
    caller.call('com.a');
    expect(near.take()).toEqual([Code.INVOCATION]);
    expect(caller.take()).toEqual([]);
  });

  it('fails when its next chunk does not arrive, and is over there too (PCI-1, G3)', async () => {
    const { scene, there, caller, callee } = await apart();
    const request = caller.call('com.a', { progress: true });
    await scene.deliver();
    expect(callee.take()).toEqual([Code.INVOCATION]);
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.call('com.a', { progress: true }, request);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    expect(callee.take()).toEqual([Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
  });

  it('is canceled at once although its callee cannot be asked to stop (CAN-1, G3)', async () => {
    const { scene, here, caller } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.isolate('there' as NodeId);
    caller.cancel(request, 'kill');
    expect(caller.take()).toEqual([[request, ErrorUri.CANCELED]]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });
});

describe('a node that is cut off', () => {
  it('ends the calls that callees of others have, at once and once (G3, G6)', async () => {
    const { scene, here, there, caller, callee } = await apart();
    const progressive = caller.call('com.a', { progress: true, receiveProgress: true });
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.isolate('here' as NodeId);
    expect(caller.take()).toEqual([
      [progressive, ErrorUri.NETWORK_FAILURE],
      [request, ErrorUri.NETWORK_FAILURE],
    ]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
    callee.yield(1);
    scene.hub.faults.heal('here' as NodeId);
    await scene.deliver();
    expect(caller.take()).toEqual([]);
    // What it was still working on is over for its callee too.
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INVOCATION, Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
    caller.call('com.a');
    await scene.deliver();
    callee.yield(3);
    await scene.deliver();
    expect(caller.take()).toEqual([Code.RESULT]);
  });

  it('interrupts what its callees do for others, who are notified when it is back (G3, DLR-11)', async () => {
    const { scene, there, caller, callee } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    callee.take();
    scene.hub.faults.isolate('there' as NodeId);
    expect(callee.take()).toEqual([Code.INTERRUPT]);
    expect(there.realm.dealer.sizes().invocations).toBe(0);
    expect(caller.take()).toEqual([]);
    scene.hub.faults.heal('there' as NodeId);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
  });

  it('goes on with calls between its own sessions (G6)', async () => {
    const { scene, there, callee } = await apart();
    const near = there.join();
    near.call('com.a');
    scene.hub.faults.isolate('there' as NodeId);
    expect(callee.take()).toEqual([Code.INVOCATION]);
    callee.yield(1);
    expect(near.take()).toEqual([Code.RESULT]);
  });
});

describe('a call to a node that does not listen', () => {
  it('ends with network_failure as soon as its invoke comes back (G3, G6)', async () => {
    const { scene, here, caller } = await apart();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    const request = caller.call('com.a');
    expect(caller.take()).toEqual([]);
    await scene.deliver({ from: 'here', to: 'there' });
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    await scene.deliver();
    expect(caller.take()).toEqual([]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });

  it('goes to another callee as soon as its invoke comes back (SHR-7)', async () => {
    const { scene, here, caller, callee } = await apart();
    const near = here.join();
    near.register('com.a', 'first');
    await scene.deliver();
    near.take();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.call('com.a');
    await scene.deliver();
    expect([near.take(), callee.take(), caller.take()]).toEqual([[Code.INVOCATION], [], []]);
  });

  it('is canceled as soon as its cancel comes back (CAN-1, G3)', async () => {
    const { scene, caller, callee } = await apart();
    const request = caller.call('com.a');
    await scene.deliver();
    scene.hub.faults.returnNext('here' as NodeId, 'there' as NodeId);
    caller.cancel(request, 'kill');
    expect(caller.take()).toEqual([]);
    await scene.deliver();
    expect(caller.take()).toEqual([[request, ErrorUri.CANCELED]]);
    // What the lane lost is made good on both sides.
    expect(callee.take()).toEqual([Code.INVOCATION, Code.INTERRUPT]);
  });
});

describe('a call to a node that has just ceased to serve the realm', () => {
  it('is answered no_such_procedure (G3, DLR-6)', async () => {
    const { scene, there, caller, callee } = await apart();
    there.realm.remove(callee.session);
    there.passTime();
    expect(there.realm).toBeUndefined();
    const request = caller.call('com.a');
    await scene.deliver({ from: 'directory', to: 'here' });
    expect(caller.take()).toEqual([[request, ErrorUri.NO_SUCH_PROCEDURE]]);
  });

  it('ends although it was lost: that node reports it of every realm (G3)', async () => {
    const { scene, here, there, caller, callee } = await apart();
    there.realm.remove(callee.session);
    there.passTime();
    scene.hub.faults.loseNext('here' as NodeId, 'there' as NodeId);
    const request = caller.call('com.a');
    await scene.deliver({ from: 'directory', to: 'here' });
    expect(there.realms.all.size).toBe(0);
    expect(caller.take()).toEqual([[request, ErrorUri.NETWORK_FAILURE]]);
    expect(here.realm.dealer.sizes().pendingCalls).toBe(0);
  });
});

describe('an id that a challenge has named (AUT-3)', () => {
  it('becomes that of the session, unless another session of the cluster has it (SES-2)', async () => {
    const scene = new Scene();
    const [here, there] = [await scene.node('here'), await scene.node('there')];
    const id = here.realm.drawId();
    expect(await here.realm.reserve(newcomer(), id)).toBe(id);
    expect(await there.realm.reserve(newcomer(), id)).toMatchObject({ kind: 'unavailable' });
    expect([here.realm.isEmpty, there.realm.isEmpty]).toEqual([false, true]);
    here.realm.forget(id);
    expect(await there.realm.reserve(newcomer(), id)).toBe(id);
  });
});
