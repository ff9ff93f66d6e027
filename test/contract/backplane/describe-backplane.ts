import { describe } from 'vitest';
import type { Backplane } from '../../../src/backplane/backplane.js';
import type { NodeId, Uri } from '../../../src/wamp/ids.js';
import { aloneContract } from './contract-alone.js';
import { busContract } from './contract-bus.js';
import { directoryContract } from './contract-directory.js';
import { faultContract } from './contract-faults.js';
import { membershipContract } from './contract-membership.js';
import { nodeQuestionContract, questionContract } from './contract-questions.js';
import { takeoverContract } from './contract-takeovers.js';
import { testamentContract, testamentFaultContract } from './contract-testaments.js';
import { NodeUnderTest } from './node-under-test.js';
import { REALM } from './samples.js';

/** A cluster without nodes, and what a test may do to it. */
export interface ClusterUnderTest {
  /** Another node, not yet started. */
  join(): Backplane | Promise<Backplane>;
  /** The node dies in silence; resolves once the cluster has declared it dead. */
  kill(node: NodeId): void | Promise<void>;
  /** The node lives, cut off from all others and from what they share. */
  isolate(node: NodeId): void | Promise<void>;
  heal(node: NodeId): void | Promise<void>;
  /** The next message of `from` for `to` is lost on the way. */
  loseNext(from: NodeId, to: NodeId): void | Promise<void>;
  /** The next message of `from` for `to` has no subscriber, and `from` knows. */
  returnNext(from: NodeId, to: NodeId): void | Promise<void>;
  /** The cluster declares a node dead that lives, cut off; resolves once that is so. */
  declareDead(node: NodeId): void | Promise<void>;
  /** What the shared directory still holds of a node; 0: nothing. */
  rowCount(node: NodeId): number | Promise<number>;
  /** After each test; nodes may still be running. */
  stop(): void | Promise<void>;
}

/** What the parts of the contract work with. */
export interface Scene {
  readonly cluster: ClusterUnderTest;
  /** A started node that serves the realms; by default the one of the samples. */
  readonly node: (...realms: Uri[]) => Promise<NodeUnderTest>;
  readonly nodes: (count: number) => Promise<NodeUnderTest[]>;
}

/** Runs `body` in a fresh cluster. */
export type InScene = (body: (scene: Scene) => Promise<void>) => () => Promise<void>;

export interface ContractOptions {
  readonly nodeCounts?: readonly number[];
  /** Runs several tests at once, each with a cluster of its own: most of them wait for a lease or a timeout. */
  readonly concurrent?: boolean;
}

/** Every sentence of the interfaces in backplane.ts as a test. */
export function describeBackplane(
  name: string,
  makeCluster: () => ClusterUnderTest | Promise<ClusterUnderTest>,
  { nodeCounts = [2, 3, 5], concurrent = false }: ContractOptions = {},
): void {
  const inScene: InScene = (body) => async () => {
    const cluster = await makeCluster();
    const started: NodeUnderTest[] = [];
    const node = async (...realms: Uri[]): Promise<NodeUnderTest> => {
      const joined = new NodeUnderTest(await cluster.join());
      started.push(joined);
      return joined.start(...(realms.length > 0 ? realms : [REALM]));
    };
    const nodes = async (count: number): Promise<NodeUnderTest[]> => {
      const made: NodeUnderTest[] = [];
      while (made.length < count) made.push(await node());
      return made;
    };
    try {
      await body({ cluster, node, nodes });
    } finally {
      await Promise.all(started.map(({ backplane }) => backplane.stop()));
      await cluster.stop();
    }
  };

  describe(`backplane contract: ${name}`, { concurrent }, () => {
    aloneContract(inScene);
    for (const nodeCount of nodeCounts) {
      describe(`${nodeCount} nodes`, () => {
        busContract(inScene, nodeCount);
        directoryContract(inScene, nodeCount);
        membershipContract(inScene, nodeCount);
        testamentContract(inScene, nodeCount);
      });
    }
    questionContract(inScene);
    nodeQuestionContract(inScene);
    faultContract(inScene);
    testamentFaultContract(inScene);
    takeoverContract(inScene);
  });
}
