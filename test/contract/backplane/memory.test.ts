import type { MemoryHubOptions } from '../../../src/backplane/memory/hub.js';
import { FaultyHub } from '../../support/memory-faults.js';
import type { Scheduler } from '../../../src/backplane/memory/lane.js';
import type { NodeId } from '../../../src/wamp/ids.js';
import { describeBackplane, type ClusterUnderTest } from './describe-backplane.js';

let joinedCount = 0;

function memoryCluster(options: MemoryHubOptions = {}): ClusterUnderTest {
  const hub = new FaultyHub(options);
  return {
    join: () => hub.join(`node-${++joinedCount}` as NodeId),
    kill: (node) => {
      hub.faults.kill(node);
      hub.faults.declareDead(node);
    },
    isolate: (node) => hub.faults.isolate(node),
    heal: (node) => hub.faults.heal(node),
    loseNext: (from, to) => hub.faults.loseNext(from, to),
    returnNext: (from, to) => hub.faults.returnNext(from, to),
    declareDead: (node) => hub.faults.declareDead(node),
    rowCount: (node) => hub.rowCount(node),
    stop: () => undefined,
  };
}

/** Lanes that take turns of their own: some deliver soon, some late. */
function unevenSchedule(): Scheduler {
  const turnsByLane = new Map<string, number>();
  return (from, to, deliver) => {
    const lane = `${from} ${to}`;
    const turns = turnsByLane.get(lane) ?? turnsByLane.size % 5;
    turnsByLane.set(lane, turns);
    const waitTurns = (left: number): void => {
      setImmediate(left === 0 ? deliver : () => waitTurns(left - 1));
    };
    waitTurns(turns);
  };
}

describeBackplane('memory', () => memoryCluster());
describeBackplane('memory, one message at a time over uneven lanes', () =>
  memoryCluster({ batchCount: 1, schedule: unevenSchedule() }),
);
