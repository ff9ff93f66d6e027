const BUCKETS = 2 ** 15;

/** Up to 60,000 integers that share one bucket of a large Map or Set: this platform's hash of numbers is no secret. */
export function collidingNumbers(count: number): number[] {
  const colliding: number[] = [];
  for (let hash = 0; colliding.length < count; hash += BUCKETS) {
    const number = numberOf(hash);
    if (number > 0 && number < 2 ** 31) colliding.push(number);
  }
  return colliding;
}

/** The steps of the hash taken back, from the last to the first. */
function numberOf(hash: number): number {
  let bits = hash ^ (hash >>> 16);
  bits = Math.imul(bits, inverse(2057));
  bits ^= (bits >>> 4) ^ (bits >>> 8) ^ (bits >>> 12) ^ (bits >>> 16) ^ (bits >>> 20) ^ (bits >>> 24) ^ (bits >>> 28);
  bits = Math.imul(bits, inverse(5));
  bits ^= (bits >>> 12) ^ (bits >>> 24);
  return Math.imul(bits + 1, inverse(2 ** 15 - 1)) >>> 0;
}

/** Of an odd number modulo 2^32: each step doubles the bits that are right. */
function inverse(odd: number): number {
  let result = odd;
  for (let step = 0; step < 5; step++) result = Math.imul(result, 2 - Math.imul(odd, result));
  return result;
}
