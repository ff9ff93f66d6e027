import { beforeEach, describe, expect, it } from 'vitest';
import { writeNodeRow, type NodeChange } from '../../../../../src/backplane/redis/membership/changes.js';
import { Peers } from '../../../../../src/backplane/redis/membership/peers.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import type { NodeId } from '../../../../../src/wamp/ids.js';

const CHANGE_MS = 2_000;
const LEASE_MS = 7_000;
const described = { name: 'x', reads: [1], startedAtMs: 1 };
const row = writeNodeRow(described);

let nowMs: number;
let reported: string[];
let peers: Peers;
const counters = createClusterCounters();

beforeEach(() => {
  nowMs = 0;
  reported = [];
  peers = new Peers({
    node: 'own' as NodeId,
    nowMs: () => nowMs,
    changeMs: CHANGE_MS,
    leaseMs: LEASE_MS,
    counters,
    entered: (node) => reported.push(`+${node}`),
    gone: (node) => reported.push(`-${node}`),
  });
});

const entered = (node: string, version: number): NodeChange => ({
  kind: 'entered',
  version,
  node: node as NodeId,
  row: described,
});
const gone = (node: string, version: number): NodeChange => ({ kind: 'gone', version, node: node as NodeId });

function load(version: number, alive: readonly string[], ended: readonly string[] = []): boolean {
  const rows = new Map(alive.map((node) => [node, row]));
  return peers.load({ version, epoch: 'e', alive: rows, ended: ended as NodeId[] }, peers.changeCount);
}

describe('the other nodes', () => {
  it('are followed change by change, and read anew when one was missed', () => {
    peers.change(entered('a', 1));
    peers.change(entered('b', 2));
    expect(peers.isStale).toBe(false);
    peers.change(entered('d', 4));
    expect(peers.isStale).toBe(true);
    expect(load(4, ['a', 'b', 'c', 'd'])).toBe(true);
    expect(peers.isStale).toBe(false);
    peers.change(gone('a', 5));
    expect(reported).toEqual(['+a', '+b', '+d', '+c', '-a']);
    expect([...peers.known]).toEqual(['b', 'd', 'c']);
    expect(peers.version).toBe(5);
  });

  it('need no reading for what is late and known', () => {
    load(5, ['a', 'b']);
    peers.change(entered('a', 4));
    peers.change(gone('c', 3));
    peers.change(entered('own', 2));
    expect(peers.isStale).toBe(false);
    expect(reported).toEqual(['+a', '+b']);
  });

  it('are read anew when a late change brings somebody unknown: the end may have been missed', () => {
    load(5, ['a']);
    peers.change(entered('b', 4));
    expect(peers.isStale).toBe(true);
    expect(load(5, ['a'], ['b'])).toBe(true);
    nowMs = CHANGE_MS - 1;
    peers.settle();
    expect(reported).toEqual(['+a', '+b']);
    nowMs = CHANGE_MS;
    peers.settle();
    peers.settle();
    expect(reported).toEqual(['+a', '+b', '-b']);
  });

  it('are read anew when a dead one enters, and it is to be reaped whatever its lease', () => {
    load(1, ['a']);
    peers.change(gone('a', 2));
    peers.change(entered('a', 3));
    expect(peers.isStale).toBe(true);
    load(3, ['a']);
    expect(peers.lost()).toEqual([{ node: 'a', grounds: 'certain' }]);
    expect(reported).toEqual(['+a', '-a']);
    load(4, []);
    expect(peers.lost()).toEqual([]);
  });

  it('are to be reaped when the store has lost them, unless they enter again', () => {
    load(2, ['a', 'b', 'c']);
    load(3, ['a']);
    expect(peers.lost()).toEqual([
      { node: 'b', grounds: 'expired' },
      { node: 'c', grounds: 'expired' },
    ]);
    peers.change(entered('b', 4));
    expect(peers.lost()).toEqual([{ node: 'c', grounds: 'expired' }]);
    peers.end('c' as NodeId);
    expect(peers.lost()).toEqual([]);
    expect(reported).toEqual(['+a', '+b', '+c', '-c']);
  });

  it('are not taken for lost by a reading that something overtook', () => {
    load(2, ['a']);
    const { changeCount } = peers;
    peers.change(entered('b', 3));
    const alive = new Map([
      ['a', row],
      ['z', row],
    ]);
    expect(peers.load({ version: 2, epoch: 'e', alive, ended: [] }, changeCount)).toBe(false);
    expect(peers.lost()).toEqual([]);
    expect(peers.version).toBe(3);
    expect(reported).toEqual(['+a', '+b', '+z']);
  });

  it('are asked for: who is there, who has gone', () => {
    load(1, ['a', 'b']);
    peers.change(gone('b', 2));
    expect([peers.known.has('a' as NodeId), peers.isGone('a' as NodeId)]).toEqual([true, false]);
    expect([peers.known.has('b' as NodeId), peers.isGone('b' as NodeId)]).toEqual([false, true]);
    expect([peers.known.has('c' as NodeId), peers.isGone('c' as NodeId)]).toEqual([false, false]);
  });

  it('are forgotten long after they died, the oldest first', () => {
    for (let at = 1; at <= 10_001; at++) peers.change(gone(`n${at}`, at));
    expect(peers.isGone('n1' as NodeId)).toBe(false);
    expect(peers.isGone('n2' as NodeId)).toBe(true);
  });
});

it('that are gone for a short time include those that a reading has shown to be, and that are not reported yet', () => {
  load(1, ['a', 'b']);
  peers.change(gone('a', 2));
  nowMs = 100;
  load(3, [], ['b']);
  expect([peers.goneWithin(100), reported]).toEqual([
    ['a', 'b'],
    ['+a', '+b', '-a'],
  ]);
  expect(peers.goneWithin(99)).toEqual(['b']);
});

describe('a node with rows in a realm that the membership does not have', () => {
  const lost = (): string[] => peers.lost().map(({ node, grounds }) => `${node} ${grounds}`);

  it('has just entered, as a rule: it is unlisted until then', () => {
    peers.foundRowsOf('a' as NodeId);
    expect(peers.isUnlisted('a' as NodeId)).toBe(true);
    peers.change(entered('a', 1));
    nowMs = LEASE_MS;
    expect([peers.isUnlisted('a' as NodeId), lost(), reported]).toEqual([false, [], ['+a']]);
  });

  it('is to be reaped after a lease, and is reported gone although it never entered (G5)', () => {
    peers.foundRowsOf('a' as NodeId);
    nowMs = LEASE_MS - 1;
    peers.foundRowsOf('a' as NodeId);
    expect(lost()).toEqual([]);
    nowMs = LEASE_MS;
    expect(lost()).toEqual(['a expired']);
    peers.end('a' as NodeId);
    expect([peers.isUnlisted('a' as NodeId), lost(), reported]).toEqual([false, [], ['-a']]);
    peers.foundRowsOf('a' as NodeId);
    nowMs = 3 * LEASE_MS;
    expect([lost(), reported]).toEqual([[], ['-a']]);
  });

  it('is reported gone when another node has reaped it', () => {
    peers.foundRowsOf('a' as NodeId);
    peers.foundRowsOf('b' as NodeId);
    peers.change(gone('a', 1));
    peers.ended('b' as NodeId);
    nowMs = CHANGE_MS;
    peers.settle();
    expect(reported).toEqual(['-a', '-b']);
  });

  it('is neither this node nor one that is known or gone, nor a name of another shape, and so many are remembered only', () => {
    load(1, ['known']);
    peers.change(gone('dead', 2));
    for (const node of ['own', 'known', 'dead', '', 'no id']) peers.foundRowsOf(node as NodeId);
    for (let at = 0; at < 1_001; at++) peers.foundRowsOf(`unlisted-${at}` as NodeId);
    nowMs = LEASE_MS;
    expect(lost()).toHaveLength(1_000);
  });
});
