import type { MovedSlots, SlotMap } from './slot-map.js';

/**
 * Whether a Redis Cluster has moved these slots: each new owner confirms those that it has, and of all primaries, former ones
 * included, more confirm them than contradict. One server alone proves nothing: it may not know yet that a slot has left, and a
 * former primary that was cut off keeps naming itself until it reaches the others. `ask` reads the slots from a server; one that
 * does not reply counts for nothing. All are asked at once, and no reply is awaited that changes nothing.
 */
export function isAgreed(
  moved: MovedSlots,
  primaries: ReadonlySet<string>,
  ask: (primary: string) => Promise<SlotMap>,
): Promise<boolean> {
  const missing = new Set(moved.values());
  let [agreed, contradicted, pending] = [0, 0, primaries.size];
  return new Promise((resolve) => {
    const count = (primary: string, map: SlotMap | undefined): void => {
      pending--;
      if (map?.agreesOn(moved) === true) agreed++;
      else if (map !== undefined) contradicted++;
      if (map?.agreesOn(moved, primary) === true) missing.delete(primary);
      if (missing.has(primary) || contradicted >= agreed + pending) resolve(false);
      else if (missing.size === 0 && agreed > contradicted + pending) resolve(true);
    };
    for (const primary of primaries)
      ask(primary).then(
        (map) => count(primary, map),
        () => count(primary, undefined),
      );
  });
}
