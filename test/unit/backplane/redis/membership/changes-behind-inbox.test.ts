import { beforeEach, describe, expect, it } from 'vitest';
import { readNodeChange } from '../../../../../src/backplane/redis/membership/changes.js';
import { ChangesBehindInbox } from '../../../../../src/backplane/redis/membership/changes-behind-inbox.js';
import { Prober } from '../../../../../src/backplane/redis/reachability/prober.js';
import { createClusterCounters } from '../../../../../src/telemetry/cluster-counters.js';
import { endOfTurn } from '../../../../simulation/virtual-time.js';
import { packed } from '../../../../support/packed.js';

const GONE = packed([1, 2, 'gone', 'a']);
const ENTERED = packed([1, 3, 'entered', 'b', [1, 'b', 1, [1]]]);

/** The two servers of a Redis Cluster, whose messages this node receives in any order. */
let underWay: number[];
let received: unknown[];
let prober: Prober;
let changes: ChangesBehindInbox;

beforeEach(() => {
  underWay = [];
  received = [];
  prober = new Prober({
    send: (number) => underWay.push(number),
    nowMs: () => 0,
    timeoutMs: 1_000,
    counters: createClusterCounters(),
    missed: () => undefined,
  });
  const receive = (message: Uint8Array): void => {
    const change = readNodeChange(message);
    received.push(typeof change === 'string' ? change : change.kind);
  };
  changes = new ChangesBehindInbox({ membership: { receive }, prober });
});

describe('a change of the membership that comes from another server than the inbox', () => {
  it('reports a node as gone only behind a probe that followed it, and so behind its last messages (G3, ADR 52)', async () => {
    prober.tick();
    changes.receive(GONE);
    await endOfTurn();
    expect([received, underWay]).toEqual([[], [1, 2]]);
    // It was sent before the change came: messages of that node may be behind it.
    prober.received(1);
    await endOfTurn();
    expect(received).toEqual([]);
    prober.received(2);
    await endOfTurn();
    expect(received).toEqual(['gone']);
  });

  it('passes on at once that a node has entered, and what it does not understand', () => {
    changes.receive(ENTERED);
    changes.receive(packed('?'));
    expect([received, underWay]).toEqual([['entered', 'shape'], []]);
  });

  it('leaves to the next renewal what its probe was lost with', async () => {
    changes.receive(GONE);
    prober.reset();
    prober.received(1);
    await endOfTurn();
    expect(received).toEqual([]);
  });
});
