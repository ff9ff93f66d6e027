import calculateSlot from 'cluster-key-slot';

/** Slots of a Redis Cluster. */
export const SLOT_COUNT = 16_384;

/** The slot of a key or channel: that of its hash tag, if it has one. */
export function slotOf(name: string): number {
  return calculateSlot(name);
}
