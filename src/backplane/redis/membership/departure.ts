import type { NodeId } from '../../../wamp/ids.js';
import type { Keys } from '../keys.js';
import type { Store } from '../ports.js';
import type { NotedRealms } from './noted-realms.js';
import type { NodeRows, ReportFailure } from './ports.js';
import { beginReap, endNode } from './scripts.js';

/** Pause before a node looks again whether another has reaped it. */
const CLAIM_POLL_MS = 50;

export interface DepartureOptions {
  readonly node: NodeId;
  readonly store: Store;
  readonly keys: Keys;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly leaseMs: number;
  readonly awayMs: number;
  readonly realms: NotedRealms;
  /** The membership's version, as this node knows it. */
  readonly version: () => number;
  readonly rows: NodeRows;
  readonly failed: ReportFailure;
}

/**
 * Removes every row of this node, as a reaper does for another node. Resolves when all rows are removed, when the store fails,
 * or after a lease; then the other nodes remove the rest. Never rejects. Repeatable.
 */
export function depart(options: DepartureOptions): Promise<void> {
  const { after, leaseMs, failed } = options;
  return new Promise((resolve) => {
    let isInTime = true;
    const cancel = after(leaseMs, () => {
      isInTime = false;
      resolve();
    });
    removeRows(options, () => isInTime)
      .catch((cause: unknown) => failed('leaving the cluster', cause))
      .finally(() => {
        cancel();
        resolve();
      });
  });
}

async function removeRows(options: DepartureOptions, isInTime: () => boolean): Promise<void> {
  const { store, keys, node, leaseMs, awayMs, realms, version, rows } = options;
  // Another node may be reaping this one, and every step on realms is repeatable.
  const begin = { keys: keys.nodes, node, reaper: node, claimMs: leaseMs, awayMs, grounds: 'certain' } as const;
  let reply = await store.run(beginReap, begin);
  await realms.findUnknown();
  for (const realm of [...realms.all]) {
    if (!isInTime()) return;
    await rows.withdrawRealm(node, realm);
  }
  // The other node receives the rows of the sessions before it removes them: this one removes only what is left then.
  while (reply === 'claimed' && isInTime()) {
    await new Promise<void>((resolve) => void options.after(CLAIM_POLL_MS, resolve));
    reply = await store.run(beginReap, begin);
  }
  if (!isInTime()) return;
  await rows.forgetSessions(node);
  if (!isInTime()) return;
  await store.run(endNode, { keys: keys.nodes, channel: keys.channels.nodes, node, floor: version() });
}
