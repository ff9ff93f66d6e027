import { expect } from 'vitest';
import { createKeys, type Channels, type NodesKeys } from '../../../../src/backplane/redis/keys.js';
import { writeNodeRow } from '../../../../src/backplane/redis/membership/changes.js';
import {
  beginReap,
  countListeners,
  endNode,
  enterNode,
  loadNodes,
  noteRealms,
  renewLease,
  type BeginReap,
  type NodeEnterReply,
  type ReapReply,
  type RenewReply,
} from '../../../../src/backplane/redis/membership/scripts.js';
import type { Store } from '../../../../src/backplane/redis/ports.js';
import type { NodeId } from '../../../../src/wamp/ids.js';

export interface ScriptScene {
  readonly store: Pick<Store, 'run'>;
  readonly prefix: string;
  command(name: string, key: string, ...words: readonly (string | number)[]): Promise<unknown>;
  /** Subscribes a listener to the channel, or unsubscribes it. */
  listen(channel: string, isListening: boolean): Promise<void>;
  /** All messages published on the channel so far. */
  messages(): Promise<readonly Uint8Array[]>;
}

export const LEASE_MS = 7_000;
export const AWAY_MS = 3_500;
export const [one, two, three] = ['n-1', 'n-2', 'n-3'] as NodeId[] as [NodeId, NodeId, NodeId];
export const NODE_ROW = Buffer.from(writeNodeRow({ name: 'n', reads: [1], startedAtMs: 0 }));

/** The nodes of an empty store: runs the scripts of the membership, and prepares and reads its rows. */
export class NodesUnderTest {
  readonly scene: ScriptScene;
  readonly keys: NodesKeys;
  readonly channels: Channels;

  constructor(scene: ScriptScene) {
    this.scene = scene;
    const { nodes, channels } = createKeys({ prefix: scene.prefix, database: 0 });
    this.keys = nodes;
    this.channels = channels;
  }

  enter(node: NodeId, floor = 0): Promise<NodeEnterReply> {
    const channel = this.channels.nodes;
    const input = { keys: this.keys, channel, node, row: NODE_ROW, leaseMs: LEASE_MS, epoch: 'e', floor };
    return this.scene.store.run(enterNode, input);
  }

  renew(node: NodeId, epoch = 'e'): Promise<RenewReply> {
    return this.scene.store.run(renewLease, {
      keys: this.keys,
      node,
      leaseMs: LEASE_MS,
      awayMs: AWAY_MS,
      epoch,
    });
  }

  begin(node: NodeId, reaper: NodeId, grounds: BeginReap['grounds'] = 'expired'): Promise<ReapReply> {
    const input = { keys: this.keys, node, reaper, claimMs: LEASE_MS, awayMs: AWAY_MS, grounds };
    return this.scene.store.run(beginReap, input);
  }

  listeners(...nodes: NodeId[]): Promise<readonly number[]> {
    return this.scene.store.run(countListeners, { inboxes: nodes.map((node) => this.channels.inbox(node)) });
  }

  end(node: NodeId, floor = 0): Promise<number> {
    return this.scene.store.run(endNode, { keys: this.keys, channel: this.channels.nodes, node, floor });
  }

  load(...known: NodeId[]) {
    return this.scene.store.run(loadNodes, { keys: this.keys, known });
  }

  note(node: NodeId, ...realms: string[]) {
    return this.scene.store.run(noteRealms, { keys: this.keys, node, realms });
  }

  async storeNowMs(): Promise<number> {
    const [seconds, micros] = (await this.scene.command('TIME', '')) as [string, string];
    return Number(seconds) * 1_000 + Math.floor(Number(micros) / 1_000);
  }

  async expire(...nodes: NodeId[]): Promise<void> {
    for (const node of nodes) await this.scene.command('ZADD', this.keys.leases, 1, node);
  }

  /** Writes that a node has renewed its lease just now and that no grace is left. */
  async calm(): Promise<void> {
    await this.setMeta('renewedAtMs', await this.storeNowMs());
    await this.setMeta('graceUntilMs', 0);
  }

  async setMeta(field: string, value: string | number): Promise<void> {
    await this.scene.command('HSET', this.keys.meta, field, value);
  }

  async graceLeftMs(): Promise<number> {
    const untilMs = await this.scene.command('HGET', this.keys.meta, 'graceUntilMs');
    return Number(untilMs) - (await this.storeNowMs());
  }

  async leaseLeftMs(node: NodeId): Promise<number> {
    return Number(await this.scene.command('ZSCORE', this.keys.leases, node)) - (await this.storeNowMs());
  }

  async expectFullLease(node: NodeId): Promise<void> {
    const leftMs = await this.leaseLeftMs(node);
    expect(leftMs).toBeLessThanOrEqual(LEASE_MS);
    expect(leftMs).toBeGreaterThan(LEASE_MS - 1_000);
  }
}
