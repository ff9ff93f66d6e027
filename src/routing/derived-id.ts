import type { Uri } from '../wamp/ids.js';
import type { MatchPolicy } from '../wamp/options.js';

const TWO_TO_32 = 2 ** 32;
const HIGH_BITS = 0x1f_ff_ff;

/**
 * A number in 1..2^53−1 for (realm, match, uri), the same on every node without communication (ID-3). When another URI
 * has the number, the next `attempt` gives another one. The hash is well distributed but not secret: a client can
 * search for collisions.
 */
export function deriveId(realm: Uri, match: MatchPolicy, uri: Uri, attempt: number): number {
  // The leading length keeps (ab, c) and (a, bc) apart.
  const text = `${realm.length}:${realm}:${match}:${attempt}:${uri}`;
  let low = 0x243f6a88;
  let high = 0x13198a2e;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    low = Math.imul(low ^ unit, 0x9e3779b1);
    high = Math.imul(high ^ unit ^ (low >>> 15), 0xc2b2ae3d);
    low ^= high >>> 13;
  }
  low = scatter(low ^ text.length);
  high = scatter(high ^ low);
  low = scatter(low ^ high);
  return (high & HIGH_BITS) * TWO_TO_32 + (low >>> 0) || 1;
}

/** A bijection of 32 bits in which each input bit moves about half of the output. */
function scatter(bits: number): number {
  let mixed = bits;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}
