import { Lanes } from '../../src/backplane/redis/lanes/lanes.js';
import type { LaneLimits, SendPolicy } from '../../src/backplane/redis/lanes/ports.js';
import type { Frame } from '../../src/routing/frames.js';
import { createClusterCounters } from '../../src/telemetry/cluster-counters.js';
import type { NodeId, Uri } from '../../src/wamp/ids.js';
import { A, B, C } from './lane-items.js';

/** A message on its way into the store, until the test decides what becomes of it. */
export interface Sent {
  readonly channel: string;
  readonly bytes: Uint8Array;
  /** How many listened. */
  readonly receipt: (listenerCount: number) => void;
  readonly fail: () => void;
}

export const LIMITS: LaneLimits = { maxBatchBytes: 4_096, maxItemsPerBatch: 100, maxUnacknowledgedBytes: 65_536 };

/** Lanes of one node with a recording wire, everything received as text, and turns that a test ends. */
export class LanesUnderTest {
  readonly counters = createClusterCounters();
  readonly events: string[] = [];
  readonly returned: { readonly to: NodeId; readonly realm: Uri; readonly frame: Frame }[] = [];
  readonly lanes: Lanes;
  sendPolicy: SendPolicy = 'now';
  nowMs = 0;
  /** Parts of a publication behind its first one. */
  partsLeft = 0;
  /** Runs when a frame comes back. */
  onReturned: (() => void) | undefined;
  #sent: Sent[] = [];
  #flushes: (() => void)[] = [];

  constructor(node: NodeId, limits: Partial<LaneLimits> = {}) {
    const record = (text: string): void => void this.events.push(text);
    this.lanes = new Lanes({
      node,
      channelOf: (to) => `inbox:${to}`,
      wire: { publish: (channel, bytes) => this.#publish(channel, bytes) },
      scheduleFlush: (flush) => this.#flushes.push(flush),
      sendPolicy: () => this.sendPolicy,
      counters: this.counters,
      limits: { ...LIMITS, ...limits },
      inbound: { nowMs: () => this.nowMs, confirmMs: 500 },
      events: {
        traffic: {
          publication: (from, realm, { topic }) => {
            record(`${from} ${realm} publication ${topic}`);
            let left = this.partsLeft;
            const next = (): boolean => {
              record(`${from} ${realm} part of ${topic}`);
              return --left > 0;
            };
            return left === 0 ? undefined : next;
          },
          frame: (from, realm, { kind }) => record(`${from} ${realm} ${kind}`),
          gap: (from) => record(`${from} gap`),
          returned: (to, realm, frame) => {
            this.returned.push({ to, realm, frame });
            this.onReturned?.();
          },
        },
        versions: {
          confirmed: (from, realm, version) => record(`${from} ${realm} confirmed ${version}`),
          asked: (from, realm, version) => record(`${from} ${realm} asked ${version}`),
        },
        questions: { questioned: (from, { kind, realm, number }) => record(`${from} ${realm} ${kind} ${number}`) },
        probes: { received: (number) => record(`probe ${number}`) },
        peers: {
          denied: (by) => record(`denied by ${by}`),
          unknownSender: (from) => record(`unknown ${from}`),
          unreachable: (to) => record(`unreachable ${to}`),
          reachable: (to) => record(`reachable ${to}`),
        },
      },
    });
  }

  get flushCount(): number {
    return this.#flushes.length;
  }

  /** The turn of the event loop ends; what leaves in it. */
  endTurn(): Sent[] {
    const flushes = this.#flushes;
    this.#flushes = [];
    for (const flush of flushes) flush();
    return this.takeSent();
  }

  takeSent(): Sent[] {
    const sent = this.#sent;
    this.#sent = [];
    return sent;
  }

  /** Ends the turn and brings everything to the receiver, with receipts. */
  async bringTo(receiver: LanesUnderTest): Promise<void> {
    for (const { bytes, receipt } of this.endTurn()) {
      receiver.lanes.receive(bytes);
      receipt(1);
    }
    await settled();
  }

  #publish(channel: string, bytes: Uint8Array): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#sent.push({
        channel,
        bytes,
        receipt: resolve,
        fail: () => {
          reject(new Error('the connection is lost'));
        },
      });
    });
  }
}

/** Lets every promise that is due run its reactions. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await Promise.resolve();
}

export const READS = [1];
export const LOST: Frame = { kind: 'lost' };

export function cancelOf(number: number): Frame {
  return { kind: 'cancel', call: { node: A, number }, mode: 'kill' };
}

/** A node that knows B and C, and B that knows it. */
export function pair(limits: Partial<LaneLimits> = {}): { sender: LanesUnderTest; receiver: LanesUnderTest } {
  const sender = new LanesUnderTest(A, limits);
  const receiver = new LanesUnderTest(B);
  for (const node of [B, C]) sender.lanes.open(node, READS);
  receiver.lanes.open(A, READS);
  return { sender, receiver };
}
