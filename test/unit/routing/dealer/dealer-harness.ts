import { expect } from 'vitest';
import type { Claim, ClaimOutcome } from '../../../../src/routing/ports.js';
import { Code } from '../../../../src/wamp/codes.js';
import type { FeatureKey } from '../../../../src/wamp/features.js';
import type { NodeId, RegistrationId, SessionId, Uri } from '../../../../src/wamp/ids.js';
import type { ErrorType } from '../../../../src/wamp/messages.js';
import { DirectoryRows } from './directory-rows.js';
import { HarnessNode, type HarnessCluster, type HarnessOptions } from './harness-node.js';
import { ALL_FEATURES, TestSession } from './test-session.js';

/** Realm, directory, lanes and clients around one or more dealers: everything but the dealer is a plain fake. */
export class DealerHarness implements HarnessCluster {
  readonly nodes: HarnessNode[];
  readonly isManual: boolean;
  readonly #rows = new DirectoryRows((registration) => {
    for (const node of this.nodes) node.changes.push({ registration });
  });

  constructor(nodeCount = 1, options: HarnessOptions = {}) {
    this.isManual = options.isManual ?? false;
    this.nodes = Array.from({ length: nodeCount }, (_, index) => new HarnessNode(this, index, options));
  }

  session(nodeIndex: number, features: readonly FeatureKey[] = ALL_FEATURES): TestSession {
    return new TestSession(this.nodes[nodeIndex]!, features);
  }

  /** Processes frames and changes until none is left. */
  flush(): void {
    while (this.nodes.some((node) => node.applyOne() || this.nodes.some((from) => node.receiveOne(from.id)))) continue;
  }

  /** Applies all rows, and returns the decisions of the claims under way for the test to call. */
  takeDecisions(): (() => void)[] {
    const decisions: (() => void)[] = [];
    for (const node of this.nodes) {
      for (const change of node.changes.splice(0)) {
        if ('decide' in change) decisions.push(change.decide);
        else node.changes.push(change);
      }
    }
    this.flush();
    return decisions;
  }

  settle(): void {
    if (!this.isManual) this.flush();
  }

  node(id: NodeId): HarnessNode {
    return this.nodes.find((node) => node.id === id)!;
  }

  claim(claim: Claim): ClaimOutcome {
    return this.#rows.claim(claim);
  }

  complete(claim: Claim): void {
    this.#rows.complete(claim);
  }

  release(id: RegistrationId, session: SessionId): void {
    this.#rows.release(id, session);
  }

  /** Kills a node: it sends nothing any more, its rows go, then the others learn of its death. */
  kill(nodeIndex: number): void {
    const dead = this.nodes[nodeIndex]!;
    dead.isAlive = false;
    dead.open.clear();
    this.#rows.nodeGone(dead.id);
    for (const node of this.nodes) {
      node.lanes.delete(dead.id);
      node.changes.push({ gone: dead.id });
      node.confirmAll();
    }
    this.settle();
  }
}

/** An ERROR that the router made, with one sentence as its reason. */
export function refusal(type: ErrorType, request: number, error: Uri): unknown[] {
  return [Code.ERROR, type, request, {}, error, [expect.any(String)]];
}

/** Expects that nothing is left of any call, and nothing of sessions once they have left. */
export function expectNoLeaks(harness: DealerHarness, hasSessions = false): void {
  for (const node of harness.nodes) {
    if (!node.isAlive) continue;
    const sizes = node.dealer.sizes();
    expect(sizes).toMatchObject({
      pendingCalls: 0,
      waitingCalls: 0,
      invocations: 0,
      abandonedInvocations: 0,
    });
    expect(node.outlet.timerCount()).toBe(0);
    expect(node.heldTotal.bytes).toBe(0);
    if (!hasSessions) expect(sizes).toMatchObject({ registrations: 0, localProcedures: 0, callers: 0, callees: 0 });
  }
}

export function codesOf(messages: readonly unknown[][]): unknown[] {
  return messages.map(([code]) => code);
}

export const TOPOLOGIES = [
  { name: 'one node', nodeCount: 1 },
  { name: 'two nodes', nodeCount: 2 },
] as const;

/** A caller on the first node, a callee on the last. */
export function pair(
  nodeCount: number,
  options: HarnessOptions & { caller?: readonly FeatureKey[]; callee?: readonly FeatureKey[] } = {},
): { harness: DealerHarness; caller: TestSession; callee: TestSession } {
  const harness = new DealerHarness(nodeCount, options);
  const caller = harness.session(0, options.caller);
  const callee = harness.session(nodeCount - 1, options.callee);
  return { harness, caller, callee };
}
