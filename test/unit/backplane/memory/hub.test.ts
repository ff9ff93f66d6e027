import { beforeEach, describe, expect, it } from 'vitest';
import type { Backplane, BackplaneEvents } from '../../../../src/backplane/backplane.js';
import { BackplaneUnavailableError } from '../../../../src/backplane/backplane.js';
import type { MemoryHubOptions } from '../../../../src/backplane/memory/hub.js';
import { FaultyHub } from '../../../support/memory-faults.js';
import type { NodeId } from '../../../../src/wamp/ids.js';
import { cancelOf, claimOf, publicationOf, sessionOf, REALM } from '../../../contract/backplane/samples.js';

const A = 'a' as NodeId;
const B = 'b' as NodeId;
const C = 'c' as NodeId;

let runs: (() => void)[];
let seen: string[];
let hub: FaultyHub;

beforeEach(() => {
  runs = [];
  seen = [];
});

function makeHub(options: MemoryHubOptions = {}): void {
  hub = new FaultyHub({ schedule: (_from, _to, deliver) => runs.push(deliver), ...options });
}

function deliverAll(): void {
  for (let run = runs.shift(); run !== undefined; run = runs.shift()) run();
}

async function start(node: NodeId): Promise<Backplane> {
  const backplane = hub.join(node);
  await backplane.start(recordingEvents(node));
  const serving = backplane.serve(REALM);
  deliverAll();
  await serving;
  return backplane;
}

function recordingEvents(node: NodeId): BackplaneEvents {
  return {
    publication: (from, _realm, { topic }) => void seen.push(`${node}: ${topic} from ${from}`),
    frame: (from, _realm, frame) => seen.push(`${node}: ${frame.kind} from ${from}`),
    registration: (_realm, { procedure, callees }) => seen.push(`${node}: ${procedure} has ${callees.length}`),
    nodeGone: (gone) => seen.push(`${node}: ${gone} has gone`),
    gap: (from) => seen.push(`${node}: gap from ${from}`),
    down: () => seen.push(`${node}: down`),
    returned: (to, _realm, frame) => seen.push(`${node}: ${frame.kind} came back from ${to}`),
    up: () => seen.push(`${node}: up`),
    fenced: () => seen.push(`${node}: fenced`),
  };
}

async function watch(backplane: Backplane, topic: string): Promise<void> {
  const watching = backplane.bus.watch(REALM, topic, 'exact');
  deliverAll();
  await watching;
}

describe('a node alone', () => {
  it('settles a watch, a publication and a join at once, and schedules nothing for them (D1)', async () => {
    makeHub();
    const { bus, directory } = await start(A);
    expect(bus.watch(REALM, 'x', 'exact')).toBeUndefined();
    runs.length = 0;
    expect(bus.publish(REALM, publicationOf('x'))).toBeUndefined();
    expect(directory.join(REALM, sessionOf())).toBe(true);
    expect(runs).toEqual([]);
  });
});

describe('a realm that is served again at once', () => {
  it('is reported as it is now, not as it was when it was served before', async () => {
    makeHub();
    const a = await start(A);
    const b = hub.join(B);
    await b.start(recordingEvents(B));
    const claiming = a.directory.claim(REALM, claimOf(A, 'com.x'));
    deliverAll();
    await claiming;
    seen.length = 0;
    void b.serve(REALM);
    void b.withdraw(REALM);
    void a.directory.release(REALM, claimOf(A, 'com.x').registration, claimOf(A, 'com.x').callee.session);
    await a.stop();
    const serving = b.serve(REALM);
    deliverAll();
    await serving;
    expect(seen).toEqual(['b: a has gone']);
  });
});

describe('a full lane', () => {
  it('refuses publications by name, counts them, and does not forget those it took (G4)', async () => {
    makeHub({ laneLimitCount: 3 });
    const [a, b] = [await start(A), await start(B)];
    await watch(b, 'x');
    const fates = await Promise.allSettled([1, 2, 3, 4].map(async () => a.bus.publish(REALM, publicationOf('x'))));
    expect(fates.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'fulfilled', 'rejected']);
    const [refusal] = fates.flatMap((fate) => (fate.status === 'rejected' ? [fate.reason as Error] : []));
    expect(refusal).toBeInstanceOf(BackplaneUnavailableError);
    expect(refusal?.message).toContain('lane is full');
    expect(hub.counts).toEqual({ refused: 1, lost: 0 });
    deliverAll();
    expect(seen).toEqual(Array<string>(3).fill('b: x from a'));
  });

  it('loses frames by name: the receiver is notified of the gap (G3)', async () => {
    makeHub({ laneLimitCount: 2 });
    const a = await start(A);
    await start(B);
    for (let sent = 0; sent < 5; sent++) a.bus.send(B, REALM, cancelOf(A));
    deliverAll();
    expect(seen).toEqual(['b: cancel from a', 'b: cancel from a', 'b: gap from a']);
    expect(hub.counts.lost).toBe(1);
  });
});

describe('a node that dies', () => {
  it('arrives up to the point where it was cut, until it is declared dead', async () => {
    makeHub();
    const a = await start(A);
    await start(B);
    for (let sent = 0; sent < 3; sent++) a.bus.send(B, REALM, cancelOf(A));
    hub.faults.kill(A, 2);
    deliverAll();
    expect(seen).toEqual(['b: cancel from a', 'b: cancel from a']);
    hub.faults.declareDead(A);
    hub.faults.declareDead(A);
    deliverAll();
    expect(seen.slice(2)).toEqual(['b: a has gone']);
  });

  it('is silent once the others have received that it has gone, whatever was under way', async () => {
    makeHub();
    const a = await start(A);
    await start(B);
    a.bus.send(B, REALM, cancelOf(A));
    const late = runs.splice(0);
    hub.faults.kill(A, 1);
    hub.faults.declareDead(A);
    deliverAll();
    for (const run of late) run();
    deliverAll();
    expect(seen).toEqual(['b: a has gone']);
  });

  it('leaves no interest in anybody’s mirror (G5)', async () => {
    makeHub();
    const a = await start(A);
    await start(B);
    await start(C);
    await watch(a, 'x');
    expect([hub.interestedNodes(B, REALM), hub.interestedNodes(C, REALM)]).toEqual([[A], [A]]);
    hub.faults.kill(A);
    hub.faults.declareDead(A);
    deliverAll();
    expect([hub.interestedNodes(B, REALM), hub.interestedNodes(C, REALM)]).toEqual([[], []]);
    expect(hub.rowCount(A)).toBe(0);
  });
});

describe('a node that was declared dead although it lives', () => {
  it('is refused by name whatever it asks', async () => {
    makeHub();
    const a = await start(A);
    await start(B);
    const claiming = a.directory.claim(REALM, claimOf(A, 'com.waiting'));
    hub.faults.declareDead(A);
    expect(await claiming).toMatchObject({ kind: 'failed' });
    await expect(a.bus.publish(REALM, publicationOf('x'))).rejects.toThrow(BackplaneUnavailableError);
    await expect(a.bus.watch(REALM, 'x', 'exact')).rejects.toThrow(BackplaneUnavailableError);
    await expect(a.directory.join(REALM, sessionOf())).rejects.toThrow(BackplaneUnavailableError);
    await expect(a.serve('realm.other')).rejects.toThrow(BackplaneUnavailableError);
    expect(await a.directory.claim(REALM, claimOf(A, 'com.x'))).toMatchObject({ kind: 'failed' });
    await a.directory.release(REALM, claimOf(A, 'com.x').registration, claimOf(A, 'com.x').callee.session);
    await a.stop();
    deliverAll();
    expect(seen.filter((line) => !line.includes('com.'))).toEqual(['b: a has gone']);
  });

  it('learns that it is fenced, once, and nothing else any more (G5)', async () => {
    makeHub();
    await start(A);
    const b = await start(B);
    b.bus.send(A, REALM, cancelOf(B));
    hub.faults.declareDead(A);
    deliverAll();
    hub.faults.declareDead(A);
    hub.faults.isolate(A);
    hub.faults.heal(A);
    deliverAll();
    expect(seen).toEqual(['b: a has gone', 'a: fenced']);
  });

  it('is notified of it when it is back, if it was cut off, and never when it has stopped by itself', async () => {
    makeHub();
    await start(A);
    const c = await start(C);
    hub.faults.isolate(A);
    hub.faults.isolate(C);
    hub.faults.declareDead(A);
    hub.faults.declareDead(C);
    deliverAll();
    expect(seen).toEqual(['a: down', 'c: down']);
    await c.stop();
    hub.faults.heal(A);
    hub.faults.heal(A);
    hub.faults.heal(C);
    deliverAll();
    expect(seen.slice(2)).toEqual(['a: fenced']);
  });

  it('never receives anything when it is dead indeed', async () => {
    makeHub();
    await start(A);
    hub.faults.isolate(A);
    hub.faults.kill(A);
    hub.faults.declareDead(A);
    hub.faults.heal(A);
    deliverAll();
    expect(seen).toEqual(['a: down']);
  });
});

describe('a node that is cut off while frames are under way to it', () => {
  it('does not get them: with `returns` they come back to their senders, what it sent itself is lost (G3)', async () => {
    makeHub();
    const a = await start(A);
    const b = await start(B);
    b.bus.send(A, REALM, cancelOf(B));
    a.bus.send(B, REALM, cancelOf(A));
    hub.faults.isolate(A, { returns: true });
    deliverAll();
    expect(seen).toEqual(['a: down', 'b: cancel came back from a']);
    hub.faults.heal(A);
    deliverAll();
    expect(seen.slice(2)).toEqual(['a: up', 'b: gap from a', 'a: gap from b']);
  });
});

describe('a node that leaves while it is cut off', () => {
  it('is gone for the others at once: nobody waits for its answers', async () => {
    makeHub();
    const a = await start(A);
    await start(B);
    a.bus.send(B, REALM, cancelOf(A));
    hub.faults.isolate(A);
    await a.stop();
    deliverAll();
    expect(seen).toEqual(['a: down', 'b: a has gone']);
  });
});

describe('mistakes of the caller', () => {
  it('are thrown: a name that joins twice, a node that starts twice, a realm that is not served', async () => {
    makeHub();
    const a = await start(A);
    expect(() => hub.join(A)).toThrow('joined this hub before');
    await expect(a.start(recordingEvents(A))).rejects.toThrow('started before');
    expect(() => a.bus.watch('realm.other', 'x', 'exact')).toThrow('does not serve');
    await expect(a.directory.claim('realm.other', claimOf(A, 'com.x'))).rejects.toThrow('does not serve');
  });
});
