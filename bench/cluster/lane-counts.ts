import { sample, type Page } from './metrics-page.js';

/** Messages and items that a node has sent to the others and received from them so far. */
export interface LaneCounts {
  /** Messages with something in them. */
  readonly batches: number;
  /** Messages with nothing in them. */
  readonly heartbeats: number;
  readonly bytes: number;
  readonly items: number;
  readonly publications: number;
  /** Invocations, answers and cancellations. */
  readonly callItems: number;
  readonly itemsReceived: number;
}

const kinds = ['publication', 'invoke', 'answer', 'cancel', 'control'];

export function laneCounts(page: Page): LaneCounts {
  const sent = (kind: string): number => sample(page, `gantry_cluster_items_sent_total{kind="${kind}"}`);
  const received = (kind: string): number => sample(page, `gantry_cluster_items_received_total{kind="${kind}"}`);
  const heartbeats = sample(page, 'gantry_cluster_batch_items_bucket{le="0"}');
  return {
    batches: sample(page, 'gantry_cluster_batch_items_count') - heartbeats,
    heartbeats,
    bytes: sample(page, 'gantry_cluster_batch_bytes_total{direction="out"}'),
    items: sample(page, 'gantry_cluster_batch_items_sum'),
    publications: sent('publication'),
    callItems: sent('invoke') + sent('answer') + sent('cancel'),
    itemsReceived: kinds.reduce((sum, kind) => sum + received(kind), 0),
  };
}

export function laneCountsBetween(before: LaneCounts, after: LaneCounts): LaneCounts {
  return combine(after, before, (a, b) => a - b);
}

export function sumOfLanes(all: readonly LaneCounts[]): LaneCounts {
  return all.reduce((sum, one) => combine(sum, one, (a, b) => a + b));
}

function combine(left: LaneCounts, right: LaneCounts, of: (left: number, right: number) => number): LaneCounts {
  return {
    batches: of(left.batches, right.batches),
    heartbeats: of(left.heartbeats, right.heartbeats),
    bytes: of(left.bytes, right.bytes),
    items: of(left.items, right.items),
    publications: of(left.publications, right.publications),
    callItems: of(left.callItems, right.callItems),
    itemsReceived: of(left.itemsReceived, right.itemsReceived),
  };
}
