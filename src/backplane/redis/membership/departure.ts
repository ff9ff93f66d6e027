import type { NodeId, Uri } from '../../../wamp/ids.js';
import type { Keys } from '../keys.js';
import { beginReap, endNode } from './scripts.js';
import type { NotedRealms } from './noted-realms.js';
import type { Store } from '../ports.js';

export interface DepartureOptions {
  readonly node: NodeId;
  readonly store: Store;
  readonly keys: Keys;
  readonly after: (delayMs: number, action: () => void) => () => void;
  readonly leaseMs: number;
  readonly awayMs: number;
  readonly realms: NotedRealms;
  /** Of the membership, as this node knows it. */
  readonly version: () => number;
  readonly withdrawRealm: (node: NodeId, realm: Uri) => Promise<void>;
  readonly forgetSessions: (node: NodeId) => Promise<void>;
  readonly trouble: (operation: string, cause: unknown) => void;
}

/**
 * Removes every row of this node, as the node that reaps another does. Resolves when all is removed, when the store fails,
 * or after a lease: then the others remove what is left. Never rejects. Repeatable.
 */
export function depart(options: DepartureOptions): Promise<void> {
  const { after, leaseMs, trouble } = options;
  return new Promise((resolve) => {
    let isInTime = true;
    const cancel = after(leaseMs, () => {
      isInTime = false;
      resolve();
    });
    removeRows(options, () => isInTime)
      .catch((cause: unknown) => trouble('leaving the cluster', cause))
      .finally(() => {
        cancel();
        resolve();
      });
  });
}

async function removeRows(options: DepartureOptions, isInTime: () => boolean): Promise<void> {
  const { store, keys, node, leaseMs, awayMs, realms, version, withdrawRealm, forgetSessions } = options;
  // The reply does not matter: another node may be reaping this one, and every step is repeatable.
  const begin = { keys: keys.nodes, node, reaper: node, claimMs: leaseMs, awayMs };
  await store.run(beginReap, { ...begin, grounds: 'certain' });
  await realms.findStrays();
  for (const realm of [...realms.all]) {
    if (!isInTime()) return;
    await withdrawRealm(node, realm);
  }
  if (!isInTime()) return;
  await forgetSessions(node);
  if (!isInTime()) return;
  await store.run(endNode, { keys: keys.nodes, channel: keys.channels.nodes, node, floor: version() });
}
